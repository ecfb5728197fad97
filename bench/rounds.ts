// Cases side by side: every round times each case of a group in turn, so that what else the machine does falls on all of them alike.
// What counts is the ratio to the anchor, the first case: the median over the rounds.

import { Bench } from 'tinybench';
import { type Effort, median, ratiosOf, type Row } from './row.ts';

export interface Case {
  readonly name: string;
  /** Does the work once, and throws if the result is wrong. Run before anything is timed. */
  check(): void;
  run(): void;
  /** Octets, or operations, in one run. */
  readonly units: number;
  /** Chunks in one run, where their rate is of interest. */
  readonly chunks?: number;
}

export interface Group {
  readonly unit: 'B' | 'op';
  /** The first one is the anchor. */
  readonly cases: readonly Case[];
  /** What the second case has to reach, as its speed in terms of the anchor's. */
  readonly reach?: number;
  /** Chunks a second that the second case has to reach where the anchor makes 5 GB/s; in proportion where it is another. */
  readonly chunksReach?: number;
}

export function measure(name: string, group: Group, effort: Effort): Row[] {
  for (const each of group.cases) each.check();
  const rounds: { speed: number; p50: number; p99: number }[][] = [];
  // The first round warms up.
  for (let round = 0; round <= effort.rounds; round++) rounds.push(measureRound(name, group, effort));
  const counted = rounds.slice(1);
  return group.cases.map((each, index) => {
    const speedsOf = (at: number): number[] => counted.map((round) => round[at]!.speed);
    const of = (pick: (result: { p50: number; p99: number }) => number): number =>
      median(counted.map((round) => pick(round[index]!)));
    const chunkRate = (round: { p50: number }[], at: number): number =>
      ((group.cases[at]!.chunks ?? 0) * 1000) / round[at]!.p50;
    return {
      group: name,
      name: each.name,
      unit: group.unit,
      speed: median(speedsOf(index)),
      p50: of(({ p50 }) => p50),
      p99: of(({ p99 }) => p99),
      ...ratiosOf(speedsOf(index), speedsOf(0)),
      reach: index === 1 ? group.reach : undefined,
      chunksPerSecond: each.chunks === undefined ? undefined : median(counted.map((round) => chunkRate(round, index))),
      chunksReach:
        index === 1 && group.chunksReach !== undefined ? group.chunksReach * (median(speedsOf(0)) / 5e9) : undefined,
    };
  });
}

function measureRound(name: string, group: Group, effort: Effort): { speed: number; p50: number; p99: number }[] {
  const bench = new Bench({ time: effort.milliseconds, iterations: 3, warmup: false });
  for (const each of group.cases) bench.add(each.name, () => each.run());
  bench.runSync();
  return bench.tasks.map(({ result }, index) => {
    if (result.state !== 'completed') {
      throw new Error(`${name}, ${group.cases[index]!.name}: ${result.state}`, { cause: result });
    }
    const { p50, p99 } = result.latency;
    return { speed: (group.cases[index]!.units * 1000) / p50, p50, p99 };
  });
}
