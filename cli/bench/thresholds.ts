// --fail-if: what a result must not be, as `p99>50ms`, `errors>0` or `rate<1000`.

import { type Crossed, type LatencyName, latencyNames } from '../bench-result.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { formatMs } from './latency.ts';

/** What thresholds look at; times in milliseconds. */
export interface Judged {
  readonly latency: Readonly<Record<LatencyName, number>>;
  readonly errors: number;
  readonly rate: number;
}

export interface Threshold {
  /** As it was given. */
  readonly text: string;
  readonly what: LatencyName | 'errors' | 'rate';
  readonly sign: '<' | '>';
  /** Milliseconds, errors, or messages a second. */
  readonly limit: number;
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
]);

/** Throws a {@link CommandFailure}. */
export function parseThreshold(text: string): Threshold {
  const [, what = '', sign = '', digits = '', unit = ''] =
    /^\s*([a-z][a-z0-9.]*)\s*([<>])\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(text) ?? [];
  const ms = unitMs.get(unit);
  if (isLatencyName(what) && sign === '>' && ms !== undefined) return { text, what, sign, limit: Number(digits) * ms };
  if (what === 'errors' && sign === '>' && unit === '') return { text, what, sign, limit: Number(digits) };
  if (what === 'rate' && sign === '<' && unit === '') return { text, what, sign, limit: Number(digits) };
  throw new CommandFailure(
    `--fail-if wants ${latencyNames.join(', ')} with > and a time in us, ms or s, errors>N, or rate<N, not ${text}`,
    ExitCode.usage,
  );
}

function isLatencyName(what: string): what is LatencyName {
  return (latencyNames as readonly string[]).includes(what);
}

export function crossedBy(judged: Judged, thresholds: readonly Threshold[]): Crossed[] {
  return thresholds.flatMap(({ text, what, sign, limit }) => {
    const actual = what === 'errors' || what === 'rate' ? judged[what] : judged.latency[what];
    // Of nothing there is no latency, and no threshold is kept.
    if (sign === '>' ? actual <= limit : actual >= limit) return [];
    const isCount = what === 'errors' || what === 'rate';
    return [{ threshold: text, actual: isCount ? String(Math.round(actual)) : formatMs(actual) }];
  });
}
