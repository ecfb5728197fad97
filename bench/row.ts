// A line of a benchmark's table.

export interface Row {
  readonly group: string;
  readonly name: string;
  /** What one is: an octet, or a chunk, message or call. */
  readonly unit: 'B' | 'op';
  /** Units in a second. */
  readonly speed: number;
  /** Speed in terms of the anchor's, the group's first row: the median, the lowest and the highest of the rounds. */
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
  /** What the ratio should be at least. */
  readonly reach?: number | undefined;
  /** Of one run, in milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** Of a curve: what grows, and how long a message took, in milliseconds. */
  readonly x?: number;
  readonly latency?: number;
  readonly chunksPerSecond?: number | undefined;
  readonly chunksReach?: number | undefined;
  /** CPU seconds of the receiving process for 10^9 octets or 10^6 messages; in terms of the anchor's; and the most it should be. */
  readonly cpu?: number;
  readonly cpuRatio?: number;
  readonly cpuReach?: number | undefined;
  /** What one connection or session costs in memory, in octets, and the most it should. */
  readonly bytesEach?: number;
  readonly bytesEachReach?: number;
  /** The most memory that the receiving and the sending process had, in octets. */
  readonly peaks?: readonly [number, number];
  /** What both should be at most. */
  readonly peakReach?: number;
  /** The most memory that the process under test had, where it is neither. */
  readonly peak?: number;
  /** Why nothing was measured here: then all numbers are 0. */
  readonly skipped?: string;
}

/** Something to measure. */
export interface Measurement {
  readonly name: string;
  rows(effort: Effort): Row[] | Promise<Row[]>;
}

export interface Effort {
  /** Once: only to see that everything works. */
  readonly isOnce: boolean;
  readonly rounds: number;
  /** For each case in each round, where a case is short. */
  readonly milliseconds: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Speeds in terms of the anchor's, round by round. */
export function ratiosOf(
  speeds: readonly number[],
  anchor: readonly number[],
): Pick<Row, 'ratio' | 'lowest' | 'highest'> {
  const ratios = speeds.map((speed, at) => speed / anchor[at]!).toSorted((a, b) => a - b);
  return { ratio: median(ratios), lowest: ratios[0]!, highest: ratios.at(-1)! };
}
