// A run from its start to its result: plan -> threads -> timeline -> result.

import { setTimeout as pause } from 'node:timers/promises';
import type { BenchResult, Counted, Counts, Memory, Sample } from '../bench-result.ts';
import type { CommandContext } from '../command.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { ExitCode } from '../exit-code.ts';
import { showProgress } from '../progress.ts';
import { Crew } from './crew.ts';
import type { Order } from './options.ts';
import { phasesOf, type Plan, threadPlans } from './plan.ts';
import { resultOf } from './result.ts';
import { SelfPeer } from './self-peer.ts';
import { formatCount } from './table.ts';
import { Timeline } from './timeline.ts';

/** With --json, at most one event in so many seconds. */
const progressSeconds = 1;
/** How often the peer is asked again, where it has counted too little. */
const mostCounts = 20;
const countEveryMs = 100;

/** Undefined when it was stopped before it began. */
export async function bench(order: Order, context: CommandContext, isJSON: boolean): Promise<BenchResult | undefined> {
  const { plan } = order;
  using peer = plan.isSelf ? await SelfPeer.start(plan.sessions, plan.useTLS) : undefined;
  const paths = peer?.paths ?? order.paths;
  const crew = await open(withTrust(plan, peer?.fingerprint), paths, context.signal, isJSON);
  try {
    if (context.signal.aborted) return undefined;
    return await measure(order, crew, peer, context, isJSON);
  } finally {
    await crew.dismiss();
  }
}

function withTrust(plan: Plan, fingerprint: string | undefined): Plan {
  return fingerprint === undefined ? plan : { ...plan, tls: { fingerprints: [fingerprint] } };
}

async function open(plan: Plan, paths: readonly string[], signal: AbortSignal, isJSON: boolean): Promise<Crew> {
  let opened = 0;
  const hideProgress = isJSON ? undefined : showProgress('connecting', plan.sessions, () => opened, 'sessions');
  try {
    return await Crew.open(threadPlans(plan, paths), signal, (count) => (opened += count));
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const { message, exitCode, cause } = error;
    throw new CommandFailure(`not all sessions could be opened: ${message}`, exitCode, { cause });
  } finally {
    hideProgress?.();
  }
}

async function measure(
  order: Order,
  crew: Crew,
  peer: SelfPeer | undefined,
  { signal, tell }: CommandContext,
  isJSON: boolean,
): Promise<BenchResult> {
  const { plan, settings, thresholds } = order;
  const phases = phasesOf(plan);
  const started = performance.now();
  const startedAt = new Date();
  const tellProgress = progressTeller(tell);
  const timeline = new Timeline({
    phases,
    threads: plan.threads,
    memory: () => memoryOf(peer),
    onSample: isJSON ? tellProgress : () => {},
  });
  const seconds = Math.ceil(phases.endMs / 1000);
  const elapsed = (): number => Math.min(Math.floor((performance.now() - started) / 1000), seconds);
  const hideProgress = isJSON ? undefined : showProgress('measuring', seconds, elapsed, 'seconds');
  const outcome = await crew.run(timeline, signal).finally(hideProgress);
  const counted = peer && (await countOf(peer, timeline.total.delivered));
  return resultOf({ plan, phases, settings, startedAt, timeline, outcome, counted, thresholds });
}

/** A relay may have taken a message, and so answered it, that is still on its way to the peer. */
async function countOf(peer: SelfPeer, delivered: number): Promise<Counted> {
  for (let tries = 0; ; tries++) {
    const counted = await peer.count();
    if (counted.messages >= delivered || tries === mostCounts) return counted;
    await pause(countEveryMs);
  }
}

function memoryOf(peer: SelfPeer | undefined): Memory {
  const rssBytes = process.memoryUsage.rss();
  return { rssBytes, ...(peer !== undefined && { peerRssBytes: peer.rssBytes }) };
}

function progressTeller(tell: CommandContext['tell']): (sample: Sample, total: Counts, errors: number) => void {
  let next = 0;
  return ({ seconds, delivered, p99Ms }, total, errors) => {
    if (seconds < next) return;
    next = seconds + progressSeconds;
    const event = { event: 'progress', seconds, sent: total.sent, delivered: total.delivered, errors, p99Ms } as const;
    void tell(event, `${formatCount(seconds)} s: ${delivered} delivered`).catch(() => {});
  };
}

/** What scripts are told by the exit code. */
export function exitCodeOf(result: BenchResult, { thresholds }: Order): ExitCode {
  if (result.peer?.agrees === false) return ExitCode.fault;
  if (result.crossed.length > 0) return ExitCode.threshold;
  const mayFail = thresholds.some(({ what }) => what === 'errors');
  return result.errors.count > 0 && !mayFail ? ExitCode.fault : ExitCode.ok;
}

/** Throws a {@link CommandFailure}. */
export async function writeReport(file: string, result: BenchResult): Promise<void> {
  // Loaded here alone: few ask for it.
  const [{ reportPage }, { writeFile }] = await Promise.all([import('./report-page.ts'), import('node:fs/promises')]);
  try {
    await writeFile(file, await reportPage(result));
  } catch (error) {
    throw new CommandFailure(`cannot write ${file}: ${reasonOf(error)}`, ExitCode.io, { file, cause: error });
  }
}
