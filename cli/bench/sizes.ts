// --size: how large messages are. `100`, `100-2000` for all sizes between, or `100:90,65536:10` for sizes and their weights.

import { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';

/** Sizes from `least` to `most` octets, each as likely; `share` is the part of the messages that have one of these. */
interface SizeClass {
  readonly least: number;
  readonly most: number;
  readonly share: number;
}

/** The shares are 1 together. Can be cloned. */
export type Sizes = readonly SizeClass[];

/** All messages begin with the same octets: this much memory they take. */
const mostBytes = 268_435_456;

/** Throws a {@link CommandFailure}. */
export function parseSizes(text: string): Sizes {
  const parts = text.split(',').map((part) => /^(\d+)(?:-(\d+))?(?::(\d+(?:\.\d+)?))?$/.exec(part));
  const weighed = parts.map((match) => ({
    least: Number(match?.[1]),
    most: Number(match?.[2] ?? match?.[1]),
    weight: Number(match?.[3] ?? 1),
  }));
  let total = 0;
  for (const { least, most, weight } of weighed) {
    // What is no number is never larger or smaller.
    if (!(least <= most && most <= mostBytes)) refuse(text);
    total += weight;
  }
  if (!(total > 0)) refuse(text);
  return weighed.map(({ least, most, weight }) => ({ least, most, share: weight / total }));
}

function refuse(text: string): never {
  throw new CommandFailure(
    `--size wants octets up to ${mostBytes}, such as 100, 100-2000 or 100:90,65536:10, not ${text}`,
    ExitCode.usage,
  );
}

export function largestOf(sizes: Sizes): number {
  return Math.max(...sizes.map(({ most }) => most));
}

/** The size for `random`, which is at least 0 and below 1. */
export function pickSize(sizes: Sizes, random: number): number {
  let rest = random;
  for (const { least, most, share } of sizes) {
    if (rest < share) return least + Math.floor((rest / share) * (most - least + 1));
    rest -= share;
  }
  // The shares are 1 but for what is lost in rounding.
  return sizes.at(-1)?.most ?? 0;
}
