// Sender, middle and receiver, each a process of its own, connected: the receiver answers each chunk, and so does a relay.

import { type Certificate, makeLoopbackCertificate } from '../../cli/own-certificate.ts';
import { Peer, type Usage } from '../peer-process.ts';
import type { Effort, Row } from '../row.ts';
import { type Goal, inTurns, rowsOf, type Sample } from '../samples.ts';
import type { MiddleCall } from './middle.ts';
import type { Arrived, Stall } from './receiver.ts';
import type { ConnectCall, MakeCall } from './sender.ts';

/** What is in the middle: a proxy, our relay, Kamailio. */
export type Middle = MiddleCall['kind'] | 'kamailio';

export interface Run extends Sample {
  readonly peak: number;
}

interface Made {
  readonly bytes: number;
  readonly bodyBytes: number;
  readonly chunks: number;
}

const peer = (name: string, execArgv?: readonly string[]): Peer =>
  new Peer(new URL(`${name}.js`, import.meta.url), execArgv);

export class Line {
  readonly #sender = peer('sender');
  readonly #kind: Middle;
  readonly #middle: Peer;
  readonly #receiver = peer('receiver');
  #made!: Made;

  /** `execArgv`: for the process in the middle. */
  constructor(kind: Middle, execArgv: readonly string[] = []) {
    this.#kind = kind;
    this.#middle = peer(kind === 'kamailio' ? kind : 'middle', execArgv);
  }

  async open(tls: Certificate | undefined, call: MakeCall): Promise<this> {
    const target = await this.#receiver.call<number>('listen', tls);
    const port = await this.#middle.call<number>('listen', { kind: this.#kind, target, tls });
    const isTLS = tls !== undefined;
    const path = `msrp${isTLS ? 's' : ''}://127.0.0.1:${target}/bob98cjs;tcp`;
    await this.#sender.call('open', { port, isTLS, path, isRelay: this.#kind !== 'pipe' } satisfies ConnectCall);
    this.#made = await this.#sender.call<Made>('make', call);
    return this;
  }

  /** Sends all, so many times. `perMessage`: speed and CPU are for messages, not for octets. */
  async run(perMessage: boolean, times = 1, stall?: Stall): Promise<Run> {
    const bodyBytes = times * this.#made.bodyBytes;
    const units = times * (perMessage ? this.#made.chunks : this.#made.bytes);
    const arrival = this.#receiver.call<Arrived>('expect', [bodyBytes, stall]);
    await this.#middle.call('begin');
    const [written, came] = await Promise.allSettled([this.#sender.call<number>('write', times), arrival]);
    if (written.status === 'rejected') throw written.reason;
    if (came.status === 'rejected') throw came.reason;
    const [startedAt, arrived] = [written.value, came.value];
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

export interface Comparison {
  readonly group: string;
  /** The anchor, and what is measured beside it. */
  readonly middles: readonly [Middle, Middle];
  readonly call: MakeCall;
  readonly isTLS: boolean;
  readonly goal: Goal;
}

/** Two in the middle, in turns. */
export async function compare(comparison: Comparison, effort: Effort): Promise<Row[]> {
  const { group, middles, call, isTLS, goal } = comparison;
  const tls = isTLS ? await makeLoopbackCertificate() : undefined;
  using lines = new Lines(tls, call);
  const cases = new Map<string, Middle>(middles.map((kind) => [kind, kind]));
  const samples = await inTurns(cases, { rounds: effort.rounds, warmUps: 1 }, (kind) => lines.run(kind));
  return rowsOf(group, call.eachItsMessage ? 'op' : 'B', samples, goal);
}

/** Runs in which Kamailio may fail, before that is our failure. */
const mostFailures = 3;

class Lines {
  readonly #tls: Certificate | undefined;
  readonly #call: MakeCall;
  readonly #open = new Map<Middle, Line>();
  #failures = 0;

  constructor(tls: Certificate | undefined, call: MakeCall) {
    this.#tls = tls;
    this.#call = call;
  }

  /** Now and then Kamailio does not deliver all that it answered with 200: that run is for nothing, and another Kamailio begins. */
  async run(kind: Middle): Promise<Sample> {
    try {
      return await (await this.#lineOf(kind)).run(this.#call.eachItsMessage);
    } catch (error) {
      if (kind !== 'kamailio' || ++this.#failures > mostFailures) throw error;
      console.error(`${kind}: ${(error as Error).message}; once more`);
      this.#open.get(kind)?.[Symbol.dispose]();
      this.#open.delete(kind);
      return this.run(kind);
    }
  }

  async #lineOf(kind: Middle): Promise<Line> {
    const line = this.#open.get(kind) ?? new Line(kind);
    if (this.#open.has(kind)) return line;
    this.#open.set(kind, line);
    return line.open(this.#tls, this.#call);
  }

  [Symbol.dispose](): void {
    for (const line of this.#open.values()) line[Symbol.dispose]();
  }
}
