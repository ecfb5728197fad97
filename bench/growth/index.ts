// How cost grows: with the size of messages and of chunks, with sessions, with hops. Nothing to compare with but the first of each group.

import { Peer, type Usage } from '../peer-process.ts';
import { median, type Effort, type Measurement, type Row } from '../row.ts';
import { inTurns, rowsOf, type Sample } from '../samples.ts';
import type { SendCall, Sent } from '../send-all.ts';
import type { Ended } from '../shards/server.ts';
import type { ConnectCall, Timed } from './end.ts';

const mebibyte = 1_048_576;

const end = (): Peer => new Peer(new URL('end.js', import.meta.url));
const other = (name: 'server' | 'clients'): Peer => new Peer(new URL(`../shards/${name}.js`, import.meta.url));

/** A point of a curve. */
interface Point extends Sample {
  readonly p50?: number;
}

interface Curve {
  readonly name: string;
  readonly unit: Row['unit'];
  readonly xs: readonly number[];
  readonly nameOf: (x: number) => string;
  readonly measure: (x: number, isOnce: boolean) => Promise<Point>;
}

async function curveRows({ name, unit, xs, nameOf, measure }: Curve, { isOnce }: Effort): Promise<Row[]> {
  const points = new Map(xs.slice(0, isOnce ? 2 : undefined).map((x) => [nameOf(x), x]));
  const samples = await inTurns(points, { rounds: isOnce ? 1 : 3 }, (x) => measure(x, isOnce));
  return rowsOf(name, unit, samples, {}).map((row) => {
    const p50s = samples.get(row.name)!.flatMap(({ p50 }) => p50 ?? []);
    return { ...row, x: points.get(row.name)!, ...(p50s.length > 0 && { latency: median(p50s) }) };
  });
}

class Relays {
  readonly relays: readonly Peer[];

  constructor(count: number) {
    this.relays = Array.from({ length: count }, end);
  }

  [Symbol.dispose](): void {
    for (const relay of this.relays) relay[Symbol.dispose]();
  }
}

/** One session of two ends, through so many relays: what it costs all but the sender. */
async function through(hops: number, chunkSize: number | undefined, call: SendCall): Promise<Timed> {
  using near = end();
  using far = end();
  using chain = new Relays(hops);
  const { relays } = chain;
  const path = await far.call<string>('accept', []);
  const ports = await Promise.all(relays.map((relay) => relay.call<number>('relay', 0)));
  await near.call('connect', { path, relays: ports, chunkSize } satisfies ConnectCall);
  const warmUp = { ...call, messages: Math.ceil(call.messages / 10) };
  await near.call('send', warmUp);
  const measured = [far, ...relays];
  for (const each of measured) await each.call('begin');
  const sent = await near.call<Timed>('send', call);
  const usages = await Promise.all(measured.map((each) => each.call<Usage>('usage')));
  await near.call('close');
  const bytes = await far.call<number>('taken');
  const expected = (call.messages + warmUp.messages) * call.bytes;
  if (bytes !== expected) throw new Error(`${bytes} octets instead of ${expected}`);
  return { ...sent, cpu: usages.reduce((sum, { cpu }) => sum + cpu, 0) };
}

async function perMessage(hops: number, call: SendCall): Promise<Point> {
  const { seconds, cpu, p50 } = await through(hops, undefined, call);
  const { messages } = call;
  return { speed: messages / seconds, cpu: (cpu * 1e6) / messages, p50 };
}

const messageSize: Curve = {
  name: 'growth with the size of messages, 20 under way, with success reports',
  unit: 'op',
  xs: [100, 1000, 10_000, 100_000, 1_000_000],
  nameOf: (bytes) => `${bytes} B`,
  measure: (bytes, isOnce) => {
    const messages = isOnce ? 20 : Math.min(50_000, Math.ceil(400_000_000 / bytes));
    return perMessage(0, { messages, bytes, window: 20 });
  },
};

const chunkSize: Curve = {
  name: 'growth with the size of chunks, messages of 64 MiB',
  unit: 'B',
  xs: [2048, 8192, 32_768, 131_072, 524_288],
  nameOf: (bytes) => `${bytes / 1024} KiB`,
  measure: async (bytes, isOnce) => {
    const call = { messages: isOnce ? 1 : 8, bytes: (isOnce ? 1 : 64) * mebibyte, window: 1 };
    const { seconds, cpu } = await through(0, bytes, call);
    const total = call.messages * call.bytes;
    return { speed: total / seconds, cpu: (cpu * 1e9) / total };
  },
};

const sessions: Curve = {
  name: 'growth with sessions, each a connection; messages of 100 B, one under way in each',
  unit: 'op',
  xs: [1, 10, 100, 1000, 10_000],
  nameOf: (count) => `${count} sessions`,
  measure: async (count, isOnce) => {
    using server = other('server');
    using clients = other('clients');
    await server.call('start', { kind: 'sessions', shards: 0, work: 'count' });
    const uris = await server.call<string[]>('prepare', isOnce ? Math.min(count, 20) : count);
    await clients.call('bind', { uris });
    const messages = isOnce ? 2 : Math.ceil(50_000 / count);
    const call = { messages, bytes: 100, window: 1 };
    await clients.call('send', { ...call, messages: Math.ceil(messages / 5) });
    await server.call('begin');
    const { seconds } = await clients.call<Sent>('send', call);
    await clients.call('close');
    const { cpu } = await server.call<Ended>('end');
    const total = messages * uris.length;
    return { speed: total / seconds, cpu: (cpu * 1e6) / total };
  },
};

const hops: Curve = {
  name: 'growth with relays on the way, messages of 100 B, one under way, with success reports',
  unit: 'op',
  xs: [0, 1, 2, 3],
  nameOf: (count) => `${count} relays`,
  measure: (count, isOnce) => perMessage(count, { messages: isOnce ? 20 : 5000, bytes: 100, window: 1 }),
};

export const growthMeasurements: readonly Measurement[] = [messageSize, chunkSize, sessions, hops].map((curve) => ({
  name: curve.name,
  rows: (effort) => curveRows(curve, effort),
}));
