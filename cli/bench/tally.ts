// What a thread has counted: in all, and since the interval began. Times are milliseconds from the start of the run.

import type { RecordableHistogram } from 'node:perf_hooks';
import type { Counts } from '../bench-result.ts';
import { codeOf } from '../failure.ts';
import { newHistogram, record } from './latency.ts';
import type { Phases } from './plan.ts';

/** What happened in one interval. */
export interface Interval extends Counts {
  /** From 0. */
  readonly index: number;
  /** How many failed, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latency: RecordableHistogram;
}

/** What is counted between warm-up and end. */
export interface Measured {
  /** Messages that were delivered in that time, and their octets. */
  messages: number;
  bytes: number;
  /** Of the messages that were due in that time: until they were delivered. */
  readonly latency: RecordableHistogram;
  /** Of the same: until they were given to a session. */
  readonly lateness: RecordableHistogram;
}

export class Tally {
  readonly measured: Measured = { messages: 0, bytes: 0, latency: newHistogram(), lateness: newHistogram() };
  readonly #phases: Phases;
  #counts: Counts = { sent: 0, delivered: 0, bytes: 0 };
  #errors: Record<string, number> = {};
  #latency = newHistogram();

  constructor(phases: Phases) {
    this.#phases = phases;
  }

  #isMeasured(ms: number): boolean {
    return ms >= this.#phases.measuredFromMs && ms < this.#phases.endMs;
  }

  onSent(dueMs: number, nowMs: number): void {
    this.#counts.sent++;
    if (this.#isMeasured(dueMs)) record(this.measured.lateness, nowMs - dueMs);
  }

  onDelivered(dueMs: number, nowMs: number, bytes: number): void {
    this.#counts.delivered++;
    this.#counts.bytes += bytes;
    record(this.#latency, nowMs - dueMs);
    if (this.#isMeasured(dueMs)) record(this.measured.latency, nowMs - dueMs);
    if (!this.#isMeasured(nowMs)) return;
    this.measured.messages++;
    this.measured.bytes += bytes;
  }

  onFailed(error: unknown): void {
    const code = codeOf(error) ?? 'unknown';
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  /** What happened since it was called last. */
  take(index: number): Interval {
    const interval = { index, ...this.#counts, errors: this.#errors, latency: this.#latency };
    this.#counts = { sent: 0, delivered: 0, bytes: 0 };
    this.#errors = {};
    this.#latency = newHistogram();
    return interval;
  }
}
