// Times from when a message was due to when it was delivered, in HDR histograms: those of node:perf_hooks, which are of constant size, take
// 70 ns a value and go from one thread to another as they are.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { DistributionPoint, Latency, LatencyName } from '../bench-result.ts';

const percentiles: Readonly<Record<Exclude<LatencyName, 'max'>, number>> = { p50: 50, p90: 90, p99: 99, 'p99.9': 99.9 };

/** An hour, in microseconds: longer ones count as that. */
const longest = 3_600_000_000;

/** Microseconds, to three figures. */
export function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: longest, figures: 3 });
}

export function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.min(Math.max(Math.round(ms * 1000), 1), longest));
}

/** What it is of nothing is 0. */
export function latencyOf(histogram: RecordableHistogram): Latency {
  const isEmpty = histogram.count === 0;
  const at = (percentile: number): number => (isEmpty ? 0 : histogram.percentile(percentile) / 1000);
  return {
    mean: isEmpty ? 0 : histogram.mean / 1000,
    p50: at(percentiles.p50),
    p90: at(percentiles.p90),
    p99: at(percentiles.p99),
    'p99.9': at(percentiles['p99.9']),
    max: isEmpty ? 0 : histogram.max / 1000,
  };
}

/** Steps in each halving, as HdrHistogram prints them. */
const stepsInHalf = 5;

/** Down to the share that is one message. */
export function distributionOf(histogram: RecordableHistogram): DistributionPoint[] {
  const points: DistributionPoint[] = [];
  const { count } = histogram;
  for (let half = 1; half * count >= 1; half /= 2) {
    for (let step = 0; step < stepsInHalf; step++) {
      const share = half * (1 - step / (2 * stepsInHalf));
      if (share < 1) points.push({ share, ms: histogram.percentile((1 - share) * 100) / 1000 });
    }
  }
  return points;
}

export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} us`;
}
