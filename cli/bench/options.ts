// The options of `msrp bench`, as they are given, and what they mean.

import { availableParallelism } from 'node:os';
import { type MSRPRelayInit, type MSRPRelaySettings, parsePath } from '../../index.ts';
import type { Settings } from '../bench-result.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { contentOf } from '../input.ts';
import { type RelayOptions, relayOf } from '../relay-option.ts';
import { trustIn, type TrustOptions } from '../trust-option.ts';
import type { Plan } from './plan.ts';
import { parseSizes } from './sizes.ts';
import { parseThreshold, type Threshold } from './thresholds.ts';

export interface BenchOptions extends RelayOptions, TrustOptions {
  target?: string[];
  targets?: string;
  self?: boolean;
  sink?: boolean;
  listen: string;
  tls?: boolean;
  sessions: string;
  connections?: string;
  size: string;
  chunkSize: string;
  reports?: boolean;
  duration: string;
  warmUp: string;
  ramp: string;
  threads: string;
  rate?: string;
  precise?: boolean;
  window?: string;
  failIf?: string[];
  report?: string;
  json?: boolean;
}

/** A run, and what is said of it. */
export interface Order {
  readonly plan: Plan;
  /** None: the peer is to give them. */
  readonly paths: readonly string[];
  readonly settings: Settings;
  readonly thresholds: readonly Threshold[];
}

/** A number of an option that has one. Throws a {@link CommandFailure} unless it is a whole number of at least 1. */
export function countOf(name: string, text: string, most: number = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count;
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${most}`;
  throw new CommandFailure(`--${name} wants a number ${range}, not ${text}`, ExitCode.usage);
}

function msOf(name: string, text: string, least: number): number {
  const seconds = Number(text);
  // Beyond it no timer goes.
  if (text.trim() !== '' && seconds >= least && seconds <= 2_000_000) return seconds * 1000;
  throw new CommandFailure(`--${name} wants a number of seconds, not ${text}`, ExitCode.usage);
}

function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = Number(text);
  if (rate > 0 && rate <= 1e8) return rate;
  throw new CommandFailure(`--rate wants messages a second, not ${text}`, ExitCode.usage);
}

function relayInit({ domain, username, password, port, useTLS }: MSRPRelaySettings): MSRPRelayInit {
  return { domain, username, password, port, useTLS };
}

/** Throws a {@link CommandFailure}. */
export async function orderOf(options: BenchOptions): Promise<Order> {
  const paths = await pathsOf(options);
  checkTogether(options, paths);
  const relay = await relayOf(options);
  const sessions = countOf('sessions', options.sessions, 1_000_000);
  const connections =
    options.connections === undefined ? undefined : countOf('connections', options.connections, sessions);
  const threads = countOf('threads', options.threads, Math.max(availableParallelism(), 8));
  if (threads > (connections ?? sessions)) {
    throw new CommandFailure(
      `--threads cannot be more than there are connections: ${connections ?? sessions}`,
      ExitCode.usage,
    );
  }
  const plan: Plan = {
    sizes: parseSizes(options.size),
    chunkSize: countOf('chunk-size', options.chunkSize, 262_144),
    reports: options.reports === true,
    rate: rateOf(options.rate),
    precise: options.precise === true,
    window: countOf('window', options.window ?? '1', 100_000),
    rampMs: msOf('ramp', options.ramp, 0),
    warmUpMs: msOf('warm-up', options.warmUp, 0),
    durationMs: msOf('duration', options.duration, 0.001),
    threads,
    relay: relay && relayInit(relay),
    tls: await trustIn(options),
    sessions,
    connections,
    isSelf: options.self === true,
    useTLS: options.tls === true,
  };
  const thresholds = (options.failIf ?? []).map(parseThreshold);
  return { plan, paths, settings: settingsOf(plan, paths, options), thresholds };
}

async function pathsOf({ target = [], targets }: BenchOptions): Promise<string[]> {
  const lines = targets === undefined ? [] : (await contentOf(targets)).toString('utf8').split(/\r?\n/);
  const paths = [...target, ...lines].map((line) => line.trim()).filter((line) => line !== '');
  for (const path of paths) checkPath(path);
  if (targets !== undefined && paths.length === 0) {
    throw new CommandFailure(`there is no path in ${targets}`, ExitCode.usage);
  }
  return paths;
}

function checkPath(path: string): void {
  try {
    parsePath(path, undefined, true);
  } catch (error) {
    throw new CommandFailure(`${path} is no path: ${reasonOf(error)}`, ExitCode.usage);
  }
}

/** What cannot be given together, and what has to be. */
function checkTogether(options: BenchOptions, paths: readonly string[]): void {
  const isSelf = options.self === true;
  const rules: readonly [boolean, string][] = [
    [isSelf === paths.length > 0, 'give either --target, or --targets, or --self'],
    [options.rate !== undefined && options.window !== undefined, '--rate and --window do not go together'],
    [options.precise === true && options.rate === undefined, '--precise is for --rate'],
    [options.tls === true && !isSelf, '--tls is for --self: what a path begins with says it of others'],
    [
      options.tls === true && options.relay !== undefined,
      '--tls does not go with --relay, which would have to trust the peer',
    ],
    [
      isSelf && options.relay === undefined && (options.fingerprint ?? options.ca) !== undefined,
      '--fingerprint and --ca are not for --self',
    ],
  ];
  const broken = rules.find(([isBroken]) => isBroken);
  if (broken !== undefined) throw new CommandFailure(broken[1], ExitCode.usage);
}

/** Without what is nobody's business: session-ids, and the password at the relay. */
function settingsOf(plan: Plan, paths: readonly string[], { size, relay }: BenchOptions): Settings {
  const hosts = new Set(paths.map((path) => path.replace(/^(msrps?:\/\/[^/;]*).*$/i, '$1')));
  const { rate, precise, window, useTLS, sessions, connections = sessions, threads, chunkSize, reports } = plan;
  const target = plan.isSelf
    ? `a process of its own, over ${useTLS ? 'TLS' : 'TCP'}`
    : [...hosts].slice(0, 3).join(', ');
  return {
    target,
    ...(relay !== undefined && { relay }),
    tls: useTLS || paths.some((path) => /^msrps:/i.test(path)),
    sessions,
    connections,
    threads,
    size,
    chunkSize,
    reports,
    ...(rate === undefined ? { window } : { rate, precise }),
    rampSeconds: plan.rampMs / 1000,
    warmUpSeconds: plan.warmUpMs / 1000,
    durationSeconds: plan.durationMs / 1000,
  };
}
