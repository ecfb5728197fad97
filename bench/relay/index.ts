// A relay beside a proxy that pipes the same octets: sender, middle and receiver are processes of their own, and what counts is the one in
// the middle. The receiver answers each chunk, and so does the relay.

import { type Certificate, makeCertificate } from '../certificate.ts';
import { Peer, type Usage } from '../peer-process.ts';
import type { Effort, Measurement, Row } from '../row.ts';
import { type Goal, rowsOf, type Sample } from '../samples.ts';
import type { MiddleCall } from './middle.ts';
import type { Arrived, Stall } from './receiver.ts';
import type { ConnectCall, MakeCall } from './sender.ts';

const mebibyte = 1_048_576;

interface Run extends Sample {
  readonly peak: number;
}

interface Made {
  readonly bytes: number;
  readonly bodyBytes: number;
  readonly chunks: number;
}

const peer = (name: string, execArgv?: readonly string[]): Peer =>
  new Peer(new URL(`${name}.js`, import.meta.url), execArgv);

/** Sender, middle and receiver, connected. */
class Line {
  readonly #sender = peer('sender');
  readonly #middle: Peer;
  readonly #receiver = peer('receiver');
  #made!: Made;

  /** `execArgv`: for the process in the middle. */
  constructor(execArgv: readonly string[] = []) {
    this.#middle = peer('middle', execArgv);
  }

  async open(kind: MiddleCall['kind'], tls: Certificate | undefined, call: MakeCall): Promise<this> {
    const target = await this.#receiver.call<number>('listen', tls);
    const port = await this.#middle.call<number>('listen', { kind, target, tls } satisfies MiddleCall);
    const isTLS = tls !== undefined;
    const path = `msrp${isTLS ? 's' : ''}://127.0.0.1:${target}/bob98cjs;tcp`;
    await this.#sender.call('open', { port, isTLS, path, isRelay: kind === 'relay' } satisfies ConnectCall);
    this.#made = await this.#sender.call<Made>('make', call);
    return this;
  }

  /** Sends all, so many times. `perMessage`: speed and CPU are for messages, not for octets. */
  async run(perMessage: boolean, times = 1, stall?: Stall): Promise<Run> {
    const bodyBytes = times * this.#made.bodyBytes;
    const units = times * (perMessage ? this.#made.chunks : this.#made.bytes);
    const arrival = this.#receiver.call<Arrived>('expect', [bodyBytes, stall]);
    await this.#middle.call('begin');
    const startedAt = await this.#sender.call<number>('write', times);
    const arrived = await arrival;
    const { cpu, peak } = await this.#middle.call<Usage>('end');
    if (arrived.bodyBytes !== bodyBytes) throw new Error(`${arrived.bodyBytes} octets instead of ${bodyBytes}`);
    const seconds = (arrived.at - startedAt - (stall?.ms ?? 0)) / 1000;
    return { speed: units / seconds, cpu: (cpu * (perMessage ? 1e6 : 1e9)) / units, peak };
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
    this.#middle[Symbol.dispose]();
    this.#receiver[Symbol.dispose]();
  }
}

async function chunkRows(group: string, call: MakeCall, isTLS: boolean, effort: Effort, goal: Goal): Promise<Row[]> {
  const tls = isTLS ? await makeCertificate() : undefined;
  const unit = call.eachItsMessage ? 'op' : 'B';
  using pipe = await new Line().open('pipe', tls, call);
  using relay = await new Line().open('relay', tls, call);
  const lines = Object.entries({ pipe, relay });
  const samples = new Map(lines.map(([name]) => [name, [] as Sample[]]));
  for (let round = 0; round <= effort.rounds; round++) {
    for (const [name, line] of lines) {
      const sample = await line.run(call.eachItsMessage);
      // The first round warms up.
      if (round > 0) samples.get(name)!.push(sample);
    }
  }
  return rowsOf(group, unit, samples, goal);
}

const goals: readonly [chunkBytes: number, Goal][] = [
  [65_536, { reach: 0.78, cpuReach: 1.45 }],
  [8192, { reach: 0.6 }],
  [2048, { reach: 0.38 }],
];

function chunkMeasurements(isTLS: boolean): Measurement[] {
  return goals.map(([chunkBytes, goal]) => {
    const name = `relay, ${chunkBytes / 1024} KiB chunks, ${isTLS ? 'TLS' : 'TCP'}`;
    return {
      name,
      rows: (effort) => {
        const totalBytes = (effort.isOnce ? 2 : chunkBytes < 8192 || isTLS ? 128 : 256) * mebibyte;
        return chunkRows(name, { chunkBytes, totalBytes, eachItsMessage: false }, isTLS, effort, isTLS ? {} : goal);
      },
    };
  });
}

/** A long transfer whose receiver sleeps in the middle, with a heap of 64 MB for the process in the middle. */
async function memoryRows(effort: Effort): Promise<Row[]> {
  const totalBytes = (effort.isOnce ? 2 : 64) * mebibyte;
  const times = effort.isOnce ? 2 : 64;
  const stall = { ms: effort.isOnce ? 100 : 20_000, atBytes: (times * totalBytes) / 4 };
  const group = `relay, ${(times * totalBytes) / mebibyte} MiB, the receiver sleeps ${stall.ms / 1000} s`;
  const runs = new Map<string, Run[]>();
  for (const kind of ['pipe', 'relay'] as const) {
    using line = new Line(['--max-old-space-size=64']);
    await line.open(kind, undefined, { chunkBytes: 65_536, totalBytes, eachItsMessage: false });
    runs.set(kind, [await line.run(false, times, stall)]);
  }
  return rowsOf(group, 'B', runs, {}).map((row) => ({ ...row, peak: runs.get(row.name)![0]!.peak }));
}

export const relayMeasurements: readonly Measurement[] = [
  ...chunkMeasurements(false),
  ...chunkMeasurements(true),
  {
    name: 'relay, messages of 100 B',
    rows: (effort) => {
      const totalBytes = 100 * (effort.isOnce ? 1000 : 100_000);
      return chunkRows(
        'relay, messages of 100 B',
        { chunkBytes: 100, totalBytes, eachItsMessage: true },
        false,
        effort,
        {},
      );
    },
  },
  { name: 'relay, 4 GiB, the receiver sleeps for 20 s in the middle', rows: memoryRows },
];
