// Rows from what was measured round by round, each round with all that stand beside one another.

import { median, ratiosOf, type Row } from './row.ts';

/** One run: units in a second, and CPU seconds as in a `Row`. */
export interface Sample {
  readonly speed: number;
  readonly cpu: number;
}

/** What to reach: see `Row`. */
export type Goal = Pick<Row, 'reach' | 'cpuReach'>;

/** The rows of a group: `samples` by name, the anchor first, as many of each. `goal` is for the last one. */
export function rowsOf(
  group: string,
  unit: Row['unit'],
  samples: ReadonlyMap<string, readonly Sample[]>,
  goal: Goal,
): Row[] {
  const [anchor = []] = samples.values();
  const anchorSpeeds = anchor.map(({ speed }) => speed);
  const lastName = [...samples.keys()].at(-1);
  return [...samples].map(([name, rounds]) => {
    const speeds = rounds.map(({ speed }) => speed);
    return {
      group,
      name,
      unit,
      speed: median(speeds),
      cpu: median(rounds.map(({ cpu }) => cpu)),
      ...ratiosOf(speeds, anchorSpeeds),
      cpuRatio: median(rounds.map(({ cpu }, at) => cpu / anchor[at]!.cpu)),
      ...(name === lastName && goal),
    };
  });
}
