// What `msrp bench` has measured: all that the table, the JSON and the page say. These names are part of the interface, as those of the
// events: add some, but never change one. Times are in milliseconds where they say so, else in seconds.

export const latencyNames = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const;
export type LatencyName = (typeof latencyNames)[number];

/** In milliseconds. */
export type Latency = Readonly<Record<LatencyName, number>> & { readonly mean: number };

/** A point of the distribution: `share` of the messages took longer than `ms`. */
export interface DistributionPoint {
  readonly share: number;
  readonly ms: number;
}

export interface Counts {
  /** Messages that were given to a session. */
  sent: number;
  delivered: number;
  /** Of the messages that were delivered. */
  bytes: number;
}

export interface Memory {
  /** Of the generator. */
  readonly rssBytes: number;
  /** Of the peer, where that is a process of ours. */
  readonly peerRssBytes?: number;
}

export interface Sample extends Counts, Memory {
  /** From the start of the run to the end of the interval. */
  readonly seconds: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the thread that had least rest: the part of the time in which it had something to do. */
  readonly busy: number;
}

/** What a peer has received. */
export interface Counted {
  messages: number;
  bytes: number;
}

/** A threshold that a result has crossed, and what it was. */
export interface Crossed {
  readonly threshold: string;
  readonly actual: string;
}

/** As they were given, or are by default. */
export interface Settings {
  /** Without session-ids, which are secret. */
  readonly target: string;
  readonly relay?: string;
  readonly tls: boolean;
  readonly sessions: number;
  /** Of the generator to each address. */
  readonly connections: number;
  readonly threads: number;
  readonly size: string;
  readonly chunkSize: number;
  readonly reports: boolean;
  /** Messages a second that were due, in an open loop. */
  readonly rate?: number;
  /** In an open loop: whether the threads polled for what was due. */
  readonly precise?: boolean;
  /** Messages under way in each session, in a closed loop. */
  readonly window?: number;
  readonly rampSeconds: number;
  readonly warmUpSeconds: number;
  readonly durationSeconds: number;
}

export interface BenchResult {
  readonly event: 'result';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly settings: Settings;
  /** It was stopped before its time. */
  readonly interrupted: boolean;
  /** Of the whole run, warm-up included. */
  readonly sent: number;
  readonly delivered: Counted;
  readonly errors: {
    readonly count: number;
    readonly byCode: Readonly<Record<string, number>>;
    readonly unfinished: number;
  };
  /** Between warm-up and end. */
  readonly measured: {
    readonly seconds: number;
    readonly messages: number;
    readonly bytes: number;
    readonly messagesPerSecond: number;
    readonly bytesPerSecond: number;
  };
  /** From when a message was due, or in a closed loop was sent, until it was delivered; in milliseconds. */
  readonly latencyMs: Latency;
  /** How much of that was over before it was sent, in an open loop. */
  readonly latenessMs?: Latency;
  readonly generator: {
    /** The part of the time that the busiest thread had something to do; with `precise` that is all. */
    readonly busy: number;
    readonly isLimit: boolean;
    readonly rssFirstBytes: number;
    readonly rssPeakBytes: number;
    readonly rssLastBytes: number;
  };
  /** What the peer of --self has counted. */
  readonly peer?: Counted & { readonly agrees: boolean; readonly rssPeakBytes: number };
  readonly crossed: readonly Crossed[];
  readonly distribution: readonly DistributionPoint[];
  readonly samples: readonly Sample[];
}
