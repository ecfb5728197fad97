// What shards bring, and what they cost: servers and clients in processes of their own. Rates are of the whole; CPU is the server's.

import { type Certificate, makeLoopbackCertificate } from '../../cli/own-certificate.ts';
import { Peer } from '../peer-process.ts';
import type { Effort, Measurement, Row } from '../row.ts';
import { type Goal, inTurns, rowsOf, type Sample } from '../samples.ts';
import type { SendCall, Sent } from '../send-all.ts';
import type { Ended, StartCall } from './server.ts';

/** How a server is set up; the first of a group is the anchor. */
interface Setup extends Pick<StartCall, 'shards' | 'work'> {
  readonly name: string;
  readonly sessions: number;
  readonly tls?: Certificate | undefined;
}

const kibibyte = 1024;
const mebibyte = 1_048_576;

const peer = (name: string): Peer => new Peer(new URL(`${name}.js`, import.meta.url));

/** Starts a server and binds its sessions. */
async function start(server: Peer, clients: Peer, { sessions, tls, ...setup }: Setup): Promise<void> {
  await server.call('start', { kind: 'sessions', tls, ...setup });
  await bindMore(server, clients, sessions, tls);
}

async function bindMore(server: Peer, clients: Peer, count: number, tls: Certificate | undefined): Promise<void> {
  const uris = await server.call<string[]>('prepare', count);
  await clients.call('bind', { uris, ca: tls?.cert });
}

/** One run of `call` in each session; a server and clients that are new. */
async function run(setup: Setup, unit: 'B' | 'op', call: SendCall): Promise<Sample> {
  using server = peer('server');
  using clients = peer('clients');
  await start(server, clients, setup);
  // Warms up.
  await clients.call('send', { ...call, messages: Math.max(1, call.messages >> 3) });
  await server.call('begin');
  const { seconds } = await clients.call<Sent>('send', call);
  await clients.call('close');
  const { cpu } = await server.call<Ended>('end');
  const messages = call.messages * setup.sessions;
  const units = unit === 'B' ? messages * call.bytes : messages;
  return { speed: units / seconds, cpu: (cpu * (unit === 'B' ? 1e9 : 1e6)) / units };
}

async function compare(
  group: string,
  unit: 'B' | 'op',
  setups: readonly Setup[],
  call: SendCall,
  effort: Effort,
  goal: Goal,
): Promise<Row[]> {
  const rounds = Math.min(effort.rounds, 5);
  const cases = new Map(setups.map((setup) => [setup.name, setup]));
  const samples = await inTurns(cases, { rounds }, (setup) => run(setup, unit, call));
  return rowsOf(group, unit, samples, goal);
}

function computeRows(effort: Effort): Promise<Row[]> {
  const setup = { work: 'compute', sessions: 8 } as const;
  const setups = [
    { name: 'one shard', shards: 1, ...setup },
    { name: 'two shards', shards: 2, ...setup },
  ];
  const call = { messages: effort.isOnce ? 4 : 250, bytes: 100, window: 4 };
  return compare(computeName, 'op', setups, call, effort, { reach: 1.75 });
}

async function tlsRows(effort: Effort): Promise<Row[]> {
  const setup = { work: 'count', sessions: 4, tls: await makeLoopbackCertificate() } as const;
  const setups = [
    { name: 'one shard', shards: 1, ...setup },
    { name: 'two shards', shards: 2, ...setup },
  ];
  const call = { messages: effort.isOnce ? 1 : 384, bytes: mebibyte, window: 1 };
  return compare(tlsName, 'B', setups, call, effort, { cpuReach: 1.1 });
}

function smallRows(effort: Effort): Promise<Row[]> {
  const setup = { work: 'count', sessions: 8 } as const;
  const setups = [
    { name: 'no shards', shards: 0, ...setup },
    { name: 'one shard', shards: 1, ...setup },
    { name: 'two shards', shards: 2, ...setup },
  ];
  const call = { messages: effort.isOnce ? 10 : 10_000, bytes: 100, window: 20 };
  return compare(smallName, 'op', setups, call, effort, {});
}

/** What each of many connections costs a server in memory: bare sockets first. */
async function memoryRows(isTLS: boolean, effort: Effort): Promise<Row[]> {
  const count = effort.isOnce ? 50 : 10_000;
  const tls = isTLS ? await makeLoopbackCertificate() : undefined;
  const bare = await memoryOfBare(count, tls, effort);
  const session = await memoryOfSessions(count, tls, effort);
  const group = memoryName(isTLS);
  const most = isTLS ? bare + 16 * kibibyte : 20 * kibibyte;
  const row = { group, unit: 'op', speed: count, ratio: 1, lowest: 1, highest: 1 } as const;
  return [
    { ...row, name: 'bare sockets', bytesEach: bare },
    { ...row, name: 'sessions, two shards', bytesEach: session, bytesEachReach: most },
  ];
}

const restMs = (effort: Effort): number => (effort.isOnce ? 10 : 8000);

async function memoryOfBare(count: number, tls: Certificate | undefined, effort: Effort): Promise<number> {
  using server = peer('server');
  using clients = peer('clients');
  const path = await server.call<string>('start', { kind: 'bare', shards: 0, work: 'count', tls });
  return await growth(server, count, effort, (more) => clients.call('connect', { path, count: more }));
}

async function memoryOfSessions(count: number, tls: Certificate | undefined, effort: Effort): Promise<number> {
  using server = peer('server');
  using clients = peer('clients');
  await server.call('start', { kind: 'sessions', shards: 2, work: 'idle', tls });
  return await growth(server, count, effort, (more) => bindMore(server, clients, more, tls));
}

/** The first ones warm up. */
async function growth(
  server: Peer,
  count: number,
  effort: Effort,
  open: (count: number) => Promise<unknown>,
): Promise<number> {
  await open(Math.ceil(count / 20));
  const before = await server.call<number>('memory', restMs(effort));
  await open(count);
  return ((await server.call<number>('memory', restMs(effort))) - before) / count;
}

/** The same messages a second, in more and more sessions. */
async function latencyRows(effort: Effort): Promise<Row[]> {
  const counts = effort.isOnce ? [10, 20] : [10, 1000, 10_000];
  const call = { perSecond: 1000, messages: effort.isOnce ? 50 : 10_000 };
  using server = peer('server');
  using clients = peer('clients');
  await server.call('start', { kind: 'sessions', shards: 2, work: 'count' });
  const rows: Row[] = [];
  let bound = 0;
  for (const count of counts) {
    await bindMore(server, clients, count - bound, undefined);
    bound = count;
    await clients.call('latencies', { ...call, messages: call.messages / 5 });
    const taken = await clients.call<number[]>('latencies', call);
    const p50 = taken[Math.floor(taken.length / 2)]!;
    const ratio = (rows[0]?.p50 ?? p50) / p50;
    rows.push({
      group: latencyName,
      name: `${count} sessions`,
      unit: 'op',
      speed: call.perSecond,
      p50,
      p99: taken[Math.floor(taken.length * 0.99)]!,
      ratio,
      lowest: ratio,
      highest: ratio,
      reach: count === counts.at(-1) ? 1 / 1.2 : undefined,
    });
  }
  return rows;
}

const computeName = 'a handler that computes, 8 sessions, one shard and two';
const tlsName = 'messages of 1 MiB over TLS, 4 sessions, one shard and two';
const smallName = 'messages of 100 B, 8 sessions of 20 unanswered, with and without shards';
const memoryName = (isTLS: boolean): string => `memory of 10,000 idle sessions over ${isTLS ? 'TLS' : 'TCP'}`;
const latencyName = '1,000 messages a second in 10 to 10,000 sessions, p50 in terms of that of 10';

export const shardMeasurements: readonly Measurement[] = [
  { name: computeName, rows: computeRows },
  { name: tlsName, rows: tlsRows },
  { name: smallName, rows: smallRows },
  { name: memoryName(false), rows: (effort) => memoryRows(false, effort) },
  { name: memoryName(true), rows: (effort) => memoryRows(true, effort) },
  { name: latencyName, rows: latencyRows },
];
