// The configuration of `msrp relay`: a file in JSON, and options of the command, which win.

import { readFile } from 'node:fs/promises';
import { type RelayOptions, URI } from '../index.ts';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';
import { cannotRead, contentOf } from './input.ts';
import { RelayUsers } from './relay-users.ts';

/** What can be given, by the same names in the file and, but for the last three, as options. */
export interface RelayConfig {
  listen?: string[];
  domain?: string[];
  publicUri?: string;
  users?: string;
  cert?: string;
  key?: string;
  ca?: string;
  metrics?: string;
  drain?: number;
  shards?: number;
  allowPlainAuth?: boolean;
  allowPrivateNextHops?: boolean;
  expires?: RelayOptions['expires'];
  limits?: RelayOptions['limits'];
  timeouts?: RelayOptions['timeouts'];
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0;
const isNumbers = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'number');

const checks: Readonly<Record<keyof RelayConfig, (value: unknown) => boolean>> = {
  listen: isTexts,
  domain: isTexts,
  publicUri: isText,
  users: isText,
  cert: isText,
  key: isText,
  ca: isText,
  metrics: isText,
  drain: isTime,
  shards: isTime,
  allowPlainAuth: isFlag,
  allowPrivateNextHops: isFlag,
  expires: isNumbers,
  limits: isNumbers,
  timeouts: isNumbers,
};

/** Throws a {@link CommandFailure} that names the file and what is wrong with it. */
export async function readConfig(file: string | undefined): Promise<RelayConfig> {
  if (file === undefined) return {};
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, reasonOf(error), error);
  }
  return check(file, parse(file, text));
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${file} is no JSON: ${reasonOf(error)}`, ExitCode.usage, { file });
  }
}

function check(file: string, config: unknown): RelayConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new CommandFailure(`${file} is no JSON object`, ExitCode.usage, { file });
  }
  for (const [name, value] of Object.entries(config)) {
    const isKnown = Object.hasOwn(checks, name);
    if (isKnown && checks[name as keyof RelayConfig](value)) continue;
    const reason = isKnown ? `"${name}" cannot be ${JSON.stringify(value)}` : `there is no "${name}"`;
    throw new CommandFailure(`${file}: ${reason}`, ExitCode.usage, { file });
  }
  return config;
}

/** Everything that a relay is made of, read anew: for the start, and for SIGHUP. */
export interface Loaded {
  readonly config: RelayConfig;
  readonly users: RelayUsers;
  readonly options: RelayOptions;
}

export async function load(given: RelayConfig & { config?: string }): Promise<Loaded> {
  const { config: file, ...own } = given;
  const config = { ...(await readConfig(file)), ...own };
  if (config.users === undefined) {
    throw new CommandFailure('--users is needed: the file of who may use it', ExitCode.usage);
  }
  if ((config.cert === undefined) !== (config.key === undefined)) {
    throw new CommandFailure('--cert and --key go together', ExitCode.usage);
  }
  const users = await RelayUsers.read(config.users);
  return { config, users, options: await optionsOf(config, users) };
}

async function optionsOf(config: RelayConfig, users: RelayUsers): Promise<RelayOptions> {
  const { cert, key, ca, publicUri, allowPlainAuth, allowPrivateNextHops, shards, expires, limits, timeouts } = config;
  return {
    credentials: (name, realm) => users.find(name, realm),
    algorithms: users.algorithms,
    domains: config.domain ?? [],
    ...(publicUri !== undefined && { publicUri: listenURI('--public-uri', publicUri) }),
    ...(cert !== undefined &&
      key !== undefined && {
        tls: {
          cert: await contentOf(cert),
          key: await contentOf(key),
          ...(ca !== undefined && { ca: await contentOf(ca) }),
        },
      }),
    ...(allowPlainAuth !== undefined && { allowPlainAuth }),
    ...(allowPrivateNextHops !== undefined && { allowPrivateNextHops }),
    ...(shards !== undefined && { shards }),
    ...(expires && { expires }),
    ...(limits && { limits }),
    ...(timeouts && { timeouts }),
  };
}

/** `msrps://host:port`, with or without `;tcp`. */
export function listenURI(option: string, text: string): URI {
  const match = /^(msrps?):\/\/(\[[^\]]+\]|[^:/;]+)(?::(\d{1,5}))?(?:;tcp)?$/i.exec(text);
  const [, scheme = '', host = '', port = '0'] = match ?? [];
  try {
    return new URI({ host, useTLS: scheme.toLowerCase() === 'msrps', port: Number(port) });
  } catch (error) {
    const reason = match === null ? '' : `: ${reasonOf(error)}`;
    throw new CommandFailure(
      `${option} wants msrps://host:port or msrp://host:port, not ${text}${reason}`,
      ExitCode.usage,
    );
  }
}
