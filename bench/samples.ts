// Rows from what was measured round by round, each round with all that stand beside one another.

import { median, ratiosOf, type Row } from './row.ts';

/** One run: units in a second, and CPU seconds as in a `Row`. */
export interface Sample {
  readonly speed: number;
  readonly cpu: number;
}

/** Each of `cases` in each round, one after the other; those of the first `warmUps` rounds do not count. By name, in the order of the cases. */
export async function inTurns<Case, S extends Sample>(
  cases: ReadonlyMap<string, Case>,
  o: { readonly rounds: number; readonly warmUps?: 0 | 1 },
  run: (each: Case, isWarmUp: boolean) => Promise<S>,
): Promise<Map<string, S[]>> {
  const { rounds, warmUps = 0 } = o;
  const samples = new Map<string, S[]>([...cases.keys()].map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, each] of cases) {
      const sample = await run(each, round < 0);
      if (round >= 0) samples.get(name)!.push(sample);
    }
  }
  return samples;
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
