// What a relay counts. The numbers lie in one piece of memory, which of shards all threads can see: each shard has its own, and alone writes
// there.

/** What a relay has done since it was made, and what it holds now. */
export interface RelayNumbers {
  /** Tokens that are valid, and connections to next hops that are open or being opened. */
  sessions: number;
  nextHops: number;
  /** Octets of bodies that wait for their next hop. */
  bufferedBytes: number;
  /** SENDs that came whole and were taken on, and the octets of their bodies. */
  chunks: number;
  bytes: number;
  /** Requests of other methods that were taken on. */
  otherRequests: number;
  /** REPORTs that the relay made itself: something could not be delivered. */
  reports: number;
  /** Requests that the next hop did not answer in time, and those that it refused. */
  timeouts: number;
  refusals: number;
  /** Requests that were not passed on: their path is not allowed or leads nowhere. */
  rejected: number;
  /** How often a connection was not read because its next hop was slow; and how often a session was failed for that. */
  stops: number;
  stalls: number;
  /** Connections to a next hop that failed or were not allowed. */
  connectFailures: number;
  /** AUTH requests by their outcome. */
  authChallenges: number;
  authSuccesses: number;
  authFailures: number;
  /** Connections accepted, and closed at once by a limit. */
  accepted: number;
  limited: number;
  /** How long next hops took to answer, all together, in milliseconds: from when the system had the last octet. */
  latencyMs: number;
}

const names = [
  'sessions',
  'nextHops',
  'bufferedBytes',
  'chunks',
  'bytes',
  'otherRequests',
  'reports',
  'timeouts',
  'refusals',
  'rejected',
  'stops',
  'stalls',
  'connectFailures',
  'authChallenges',
  'authSuccesses',
  'authFailures',
  'accepted',
  'limited',
  'latencyMs',
] as const satisfies readonly (keyof RelayNumbers)[];

/** Of those things that are there now: they go with who has them. */
const gauges = ['sessions', 'nextHops', 'bufferedBytes'] as const satisfies readonly (keyof RelayNumbers)[];

/** The codes that are counted each for itself; all others count as 0. */
const codes = [0, 200, 400, 401, 403, 408, 413, 415, 423, 481, 501, 506];

/** Bounds of how long next hops took to answer, in milliseconds. */
export const latencyBounds: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];

/** By code how many requests the next hops have answered so; by bound how many within it, and beyond those below. */
export interface RelayAnswers {
  responses: Record<number, number>;
  latencies: number[];
}

const codesAt: number = names.length;
const boundsAt: number = codesAt + codes.length;
const slots: number = boundsAt + latencyBounds.length + 1;

/** For {@link RelayCounters} that other threads see. */
export function counterMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * Float64Array.BYTES_PER_ELEMENT);
}

type Numbers = new (memory: ArrayBufferLike) => RelayNumbers & { readonly values: Float64Array };

/** One accessor for each number, on the prototype, is as quick as a field. */
const Numbers: Numbers = numbersIn(
  class {
    readonly values: Float64Array;

    constructor(memory: ArrayBufferLike) {
      this.values = new Float64Array(memory);
    }
  },
);

function numbersIn(base: new (memory: ArrayBufferLike) => { readonly values: Float64Array }): Numbers {
  for (const [at, name] of names.entries()) {
    Object.defineProperty(base.prototype, name, {
      get(this: { values: Float64Array }) {
        return this.values[at];
      },
      set(this: { values: Float64Array }, value: number) {
        this.values[at] = value;
      },
    });
  }
  return base as Numbers;
}

export class RelayCounters extends Numbers {
  /** `memory`: where they are, if others are to see them. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(slots * Float64Array.BYTES_PER_ELEMENT)) {
    super(memory);
  }

  /** A next hop has answered. */
  onResponse(code: number, ms: number): void {
    this.latencyMs += ms;
    const bound = latencyBounds.findIndex((each) => ms <= each);
    this.values[codesAt + Math.max(codes.indexOf(code), 0)]!++;
    this.values[boundsAt + (bound === -1 ? latencyBounds.length : bound)]!++;
  }

  add({ values }: RelayCounters): void {
    for (const [at, value] of values.entries()) this.values[at]! += value;
  }

  /** What is there now has gone. */
  forget(): void {
    for (const name of gauges) this[name] = 0;
  }

  read(): RelayNumbers & RelayAnswers {
    const numbers = Object.fromEntries(names.map((name) => [name, this[name]])) as unknown as RelayNumbers;
    const responses = Object.fromEntries(codes.map((code, at) => [code, this.values[codesAt + at]!]));
    return { ...numbers, responses, latencies: [...this.values.subarray(boundsAt)] };
  }
}
