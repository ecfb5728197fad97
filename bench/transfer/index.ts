// Whole transfers between two processes: what a session makes of a loopback connection, beside a bare socket that gets the same octets.

import { makeLoopbackCertificate } from '../../cli/own-certificate.ts';
import { Peer, type Usage } from '../peer-process.ts';
import type { Effort, Measurement, Row } from '../row.ts';
import { type Goal, inTurns, rowsOf, type Sample } from '../samples.ts';
import type { ArmCall, Kind, ListenCall, Received } from './receiver.ts';
import type { Made, MakeCall, Sent } from './sender.ts';
import type { Exchanged, Protocol } from './small-peer.ts';

const mebibyte = 1_048_576;

const peer = (name: string, execArgv?: readonly string[]): Peer =>
  new Peer(new URL(`${name}.js`, import.meta.url), execArgv);

/** One transfer of what the sender has made; checks that all of it arrived. */
async function transfer(
  sender: Peer,
  receiver: Peer,
  path: string,
  kind: Kind,
  made: Made,
  arm: ArmCall,
): Promise<Sample> {
  await receiver.call('arm', arm);
  const { seconds } = await sender.call<Sent>('write', path);
  const received = await receiver.call<Received>('result');
  const expected = kind === 'session' ? made.bodyBytes : made.bytes;
  if (received.bytes !== expected) throw new Error(`${kind}: ${received.bytes} octets instead of ${expected}`);
  if (received.hash !== undefined && received.hash !== made.bodyHash) throw new Error(`${kind}: other octets`);
  return { speed: made.bytes / seconds, cpu: (received.cpu * 1e9) / made.bytes };
}

/** V8 marks again and again where its old generation is small and many buffers come and go: see bench/README.md. */
const roomyFlag = '--initial-old-space-size=256';

interface Shape extends Pick<MakeCall, 'chunkBytes' | 'writeBytes'> {
  readonly tls: ListenCall['tls'];
}

async function receiveRows(group: string, { tls, ...shape }: Shape, effort: Effort, goal: Goal): Promise<Row[]> {
  using sender = peer('sender');
  using raw = peer('receiver');
  using searching = peer('receiver');
  using roomy = peer('receiver', [roomyFlag]);
  using session = peer('receiver');
  const ends: readonly [string, Kind, Peer][] = [
    ['bare socket', 'raw', raw],
    ['bare socket, one indexOf a read', 'indexOf', searching],
    [`session, ${roomyFlag}`, 'session', roomy],
    ['session', 'session', session],
  ];
  const paths = await Promise.all(ends.map(([, kind, end]) => end.call<string>('listen', { kind, tls })));
  const totalBytes = (effort.isOnce ? 2 : shape.chunkBytes < 8192 ? 192 : 384) * mebibyte;
  const made = await sender.call<Made>('make', { path: paths[3], totalBytes, ...shape });
  const cases = new Map(ends.map(([name, kind, end], at) => [name, { kind, end, path: paths[at]! }]));
  // The first round checks, too.
  const samples = await inTurns(cases, { rounds: effort.rounds, warmUps: 1 }, ({ kind, end, path }, isWarmUp) =>
    transfer(sender, end, path, kind, made, { hash: isWarmUp }),
  );
  return rowsOf(group, 'B', samples, goal);
}

async function exchange(protocol: Protocol, messages: number): Promise<Sample> {
  using server = peer('small-peer');
  using client = peer('small-peer');
  const target = await server.call<string>('serve', protocol);
  await server.call('begin');
  const call = { protocol, target, window: 100, bytes: 100, messages };
  const { seconds } = await client.call<Exchanged>('exchange', call);
  const { counted, cpu } = await server.call<Usage & { counted: number }>('end');
  if (counted !== messages) throw new Error(`${protocol}: ${counted} messages instead of ${messages}`);
  return { speed: messages / seconds, cpu: (cpu * 1e6) / messages };
}

async function smallRows(group: string, effort: Effort): Promise<Row[]> {
  const messages = effort.isOnce ? 1000 : 100_000;
  const protocols = new Map<string, Protocol>([
    ['ws, echo', 'ws'],
    ['session, answered and reported', 'msrp with reports'],
    ['session, answered', 'msrp'],
  ]);
  const samples = await inTurns(protocols, { rounds: effort.rounds }, (protocol) => exchange(protocol, messages));
  return rowsOf(group, 'op', samples, { reach: 1 });
}

/** A session may have so much more than a bare socket, at either end. */
const morePeakBytes = 32 * mebibyte;

/** A long transfer whose reader sleeps in the middle; under a heap of 64 MB at both ends. */
async function memoryRows(group: string, effort: Effort): Promise<Row[]> {
  const totalBytes = effort.isOnce ? 8 * mebibyte : 4096 * mebibyte;
  const stall = { ms: effort.isOnce ? 100 : 20_000, atBytes: totalBytes / 4 };
  const samples = new Map<string, Sample[]>();
  const peaks: [number, number][] = [];
  for (const kind of ['raw', 'session'] as const) {
    using sender = peer('sender', ['--max-old-space-size=64']);
    using receiver = peer('receiver', ['--max-old-space-size=64']);
    const path = await receiver.call<string>('listen', { kind });
    await receiver.call('arm', { stall });
    const call = { path, totalBytes, chunkBytes: 65_536 };
    const sent = await sender.call<Sent>(kind === 'raw' ? 'writeStream' : 'sendMessage', call);
    const received = await receiver.call<Received>('result');
    if (received.bytes !== totalBytes) throw new Error(`${kind}: ${received.bytes} octets instead of ${totalBytes}`);
    const sample = {
      speed: totalBytes / (sent.seconds - stall.ms / 1000),
      cpu: (received.cpu * 1e9) / totalBytes,
    };
    samples.set(kind === 'raw' ? 'bare socket' : 'session', [sample]);
    peaks.push([received.peak, sent.peak]);
  }
  const peakReach = Math.max(...(peaks[0] ?? [])) + morePeakBytes;
  return rowsOf(group, 'B', samples, {}).map((row, at) => ({
    ...row,
    peaks: peaks[at]!,
    ...(at === 1 && { peakReach }),
  }));
}

const goals: readonly [chunkBytes: number, Goal][] = [
  [262_144, {}],
  [65_536, { reach: 0.7, cpuReach: 1.8 }],
  [8192, { reach: 0.65 }],
  [2048, { reach: 0.3 }],
];

/** A sender that writes what a file stream gives leaves a receiver time to rest; one that writes a mebibyte at a time does not. */
function receiveMeasurements(writeBytes: number, isTLS: boolean): Measurement[] {
  return goals.map(([chunkBytes, goal]) => {
    const name = `receive, ${chunkBytes / 1024} KiB chunks, ${isTLS ? 'TLS' : 'TCP'}, ${writeBytes / 1024} KiB writes`;
    const rows = async (effort: Effort): Promise<Row[]> => {
      const shape = { chunkBytes, writeBytes, tls: isTLS ? await makeLoopbackCertificate() : undefined };
      return receiveRows(name, shape, effort, isTLS ? {} : goal);
    };
    return { name, rows };
  });
}

function named(name: string, rows: (group: string, effort: Effort) => Promise<Row[]>): Measurement {
  return { name, rows: (effort) => rows(name, effort) };
}

export const transferMeasurements: readonly Measurement[] = [
  ...receiveMeasurements(65_536, false),
  ...receiveMeasurements(mebibyte, false),
  ...receiveMeasurements(65_536, true),
  named('messages of 100 B, 100 unanswered, one connection', smallRows),
  named('4 GiB, the reader sleeps for 20 s in the middle', memoryRows),
];
