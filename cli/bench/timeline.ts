// What the threads tell of each interval, put together: totals, and a sample for each interval when all threads have passed it.

import type { RecordableHistogram } from 'node:perf_hooks';
import type { Counts, Memory, Sample } from '../bench-result.ts';
import { latencyOf } from './latency.ts';
import type { Phases } from './plan.ts';
import type { Interval } from './tally.ts';

interface Sum extends Counts {
  errors: number;
  busy: number;
  readonly latency: RecordableHistogram;
}

export interface TimelineInit {
  readonly phases: Phases;
  readonly threads: number;
  readonly memory: () => Memory;
  readonly onSample: (sample: Sample, total: Counts, errors: number) => void;
}

export class Timeline {
  readonly samples: Sample[] = [];
  readonly total: Counts = { sent: 0, delivered: 0, bytes: 0 };
  /** By code. */
  readonly errors: Record<string, number> = {};
  readonly #init: TimelineInit;
  /** Intervals that not all threads have passed, in order. */
  readonly #open = new Map<number, Sum>();
  readonly #passed: number[];
  /** Of each thread, between warm-up and end. */
  readonly #busy: { sum: number; count: number }[];

  constructor(init: TimelineInit) {
    this.#init = init;
    this.#passed = Array.from({ length: init.threads }, () => -1);
    this.#busy = this.#passed.map(() => ({ sum: 0, count: 0 }));
  }

  /** Of the thread that had least rest while it was measured. */
  get busy(): number {
    return Math.max(0, ...this.#busy.map(({ sum, count }) => (count === 0 ? 0 : sum / count)));
  }

  get errorCount(): number {
    let count = 0;
    for (const some of Object.values(this.errors)) count += some;
    return count;
  }

  add(thread: number, interval: Interval, busy: number): void {
    const { index, sent, delivered, bytes, errors, latency } = interval;
    let sum = this.#open.get(index);
    if (sum === undefined) {
      this.#open.set(index, (sum = { sent: 0, delivered: 0, bytes: 0, errors: 0, busy: 0, latency }));
    } else sum.latency.add(latency);
    for (const counts of [sum, this.total]) {
      counts.sent += sent;
      counts.delivered += delivered;
      counts.bytes += bytes;
    }
    for (const [code, count] of Object.entries(errors)) {
      sum.errors += count;
      this.errors[code] = (this.errors[code] ?? 0) + count;
    }
    sum.busy = Math.max(sum.busy, busy);
    this.#addBusy(thread, index, busy);
    this.#pass(thread, index);
  }

  #addBusy(thread: number, index: number, busy: number): void {
    const { intervalMs, measuredFromMs, endMs } = this.#init.phases;
    const own = this.#busy[thread];
    if (own === undefined || index * intervalMs < measuredFromMs || (index + 1) * intervalMs > endMs) return;
    own.sum += busy;
    own.count++;
  }

  /** The thread has nothing more to tell. */
  end(thread: number): void {
    this.#pass(thread, Number.POSITIVE_INFINITY);
  }

  #pass(thread: number, index: number): void {
    this.#passed[thread] = index;
    const all = Math.min(...this.#passed);
    for (const open of [...this.#open.keys()].sort((a, b) => a - b)) if (open <= all) this.#close(open);
  }

  #close(index: number): void {
    const sum = this.#open.get(index);
    if (sum === undefined) return;
    this.#open.delete(index);
    const { phases, memory, onSample } = this.#init;
    const { latency, ...counts } = sum;
    const { p50, p99, max } = latencyOf(latency);
    const seconds = ((index + 1) * phases.intervalMs) / 1000;
    const sample = { seconds, ...counts, p50Ms: p50, p99Ms: p99, maxMs: max, ...memory() };
    this.samples.push(sample);
    onSample(sample, this.total, this.errorCount);
  }
}
