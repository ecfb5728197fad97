// From what was counted to what it says.

import type { Phases, Plan } from './plan.ts';
import type { Outcome } from './crew.ts';
import type { BenchResult, Counted, Settings } from '../bench-result.ts';
import { distributionOf, latencyOf } from './latency.ts';
import { crossedBy, type Threshold } from './thresholds.ts';
import type { Timeline } from './timeline.ts';

/** From here on a thread of the generator is likely to be what limits the rate, and adds to the latency. */
const busyLimit = 0.9;

/** And one that polls, when it is so late with one message in a hundred. */
const lateLimitMs = 1;

export interface ResultInit {
  readonly plan: Plan;
  readonly phases: Phases;
  readonly settings: Settings;
  readonly startedAt: Date;
  readonly timeline: Timeline;
  readonly outcome: Outcome;
  readonly counted: Counted | undefined;
  readonly thresholds: readonly Threshold[];
}

export function resultOf(init: ResultInit): BenchResult {
  const { plan, settings, timeline, outcome, startedAt } = init;
  const { measured, unfinished, stoppedAfterMs } = outcome;
  const interrupted = stoppedAfterMs !== undefined;
  const errors = {
    count: timeline.errorCount + (interrupted ? 0 : unfinished),
    byCode: timeline.errors,
    unfinished,
  };
  const rates = ratesOf(init);
  const latency = latencyOf(measured.latency);
  const peer = peerOf(init);
  return {
    event: 'result',
    startedAt: startedAt.toISOString(),
    settings,
    interrupted,
    sent: timeline.total.sent,
    delivered: { messages: timeline.total.delivered, bytes: timeline.total.bytes },
    errors,
    measured: rates,
    latencyMs: latency,
    ...(plan.rate !== undefined && { latenessMs: latencyOf(measured.lateness) }),
    generator: { busy: timeline.busy, isLimit: isLimit(init), ...rssOf(init) },
    ...(peer && { peer }),
    crossed: crossedBy({ latency, errors: errors.count, rate: rates.messagesPerSecond }, init.thresholds),
    distribution: distributionOf(measured.latency),
    samples: timeline.samples,
  };
}

/** One that polls is always busy, but should then be on time. */
function isLimit({ plan, timeline, outcome }: ResultInit): boolean {
  if (plan.rate === undefined || !plan.precise) return timeline.busy >= busyLimit;
  return latencyOf(outcome.measured.lateness).p99 >= lateLimitMs;
}

function ratesOf({ phases, outcome }: ResultInit): BenchResult['measured'] {
  const { measuredFromMs, endMs } = phases;
  const { measured, stoppedAfterMs = endMs } = outcome;
  const seconds = Math.max(Math.min(stoppedAfterMs, endMs) - measuredFromMs, 0) / 1000;
  const { messages, bytes } = measured;
  const perSecond = (count: number): number => (seconds === 0 ? 0 : count / seconds);
  return { seconds, messages, bytes, messagesPerSecond: perSecond(messages), bytesPerSecond: perSecond(bytes) };
}

function rssOf({
  phases,
  timeline,
}: ResultInit): Pick<BenchResult['generator'], 'rssFirstBytes' | 'rssPeakBytes' | 'rssLastBytes'> {
  const { measuredFromMs } = phases;
  const all = timeline.samples.filter(({ seconds }) => seconds * 1000 > measuredFromMs).map(({ rssBytes }) => rssBytes);
  return { rssFirstBytes: all[0] ?? 0, rssPeakBytes: Math.max(0, ...all), rssLastBytes: all.at(-1) ?? 0 };
}

/** Messages that failed, or did not end, may have arrived all the same. */
function peerOf({ counted, timeline, outcome }: ResultInit): BenchResult['peer'] {
  if (counted === undefined) return undefined;
  const { total, errorCount } = timeline;
  const isExact = errorCount === 0 && outcome.unfinished === 0;
  const agrees = isExact
    ? counted.messages === total.delivered && counted.bytes === total.bytes
    : counted.messages >= total.delivered && counted.messages <= total.sent && counted.bytes >= total.bytes;
  const rssPeakBytes = Math.max(0, ...timeline.samples.map(({ peerRssBytes = 0 }) => peerRssBytes));
  return { ...counted, agrees, rssPeakBytes };
}
