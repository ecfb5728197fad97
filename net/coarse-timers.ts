// Thousands of deadlines (a response in 30 s, a bind in 30 s, an idle connection) on one running timer of a clock.
//
// Timers of one duration end in the order in which they were started, so each duration has a FIFO, a ring of timers
// around a sentinel: starting appends and cancelling unlinks, both O(1). One clock timer is set for `slackMs` after
// the earliest deadline, and whatever is due by then ends with it.
//
// Invariants: a timer ends never before its deadline, and at most `slackMs` after it (plus what the clock is late);
// the clock timer is set only while a timer is pending, and for no later than the earliest deadline + slackMs.

import { MSRPError } from '../codec/index.ts';
import type { Clock, Timer } from './clock.ts';

/** How long a deadline waits for others to end together with it. With the event loop's own delay it stays below 250 ms. */
const slackMs = 200;

/** A deadline. It may be cancelled and restarted at any time, also after it ended. */
export interface CoarseTimer {
  /** Whether it was started and has neither ended nor been cancelled. */
  readonly pending: boolean;
  /** The callback will not run, unless {@link restart} is called. Harmless when not pending. */
  cancel(): void;
  /** Counts the whole duration anew from now, whether pending or not. */
  restart(): void;
}

/** A member of a ring. A timer that is not pending is a ring of its own. */
class Link {
  previous: Link = this;
  next: Link = this;
  deadline = Number.POSITIVE_INFINITY;

  insertBefore(link: Link): void {
    this.previous = link.previous;
    this.next = link;
    link.previous.next = this;
    link.previous = this;
  }

  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}

/** The timers of one duration: a ring whose sentinel is this, with the earliest deadline first. */
class Queue extends Link {
  readonly ms: number;

  constructor(ms: number) {
    super();
    this.ms = ms;
  }

  get first(): PendingTimer | undefined {
    return this.next === this ? undefined : (this.next as PendingTimer);
  }
}

class PendingTimer extends Link implements CoarseTimer {
  readonly #timers: CoarseTimers;
  readonly ms: number;
  readonly callback: () => void;

  constructor(timers: CoarseTimers, ms: number, callback: () => void) {
    super();
    this.#timers = timers;
    this.ms = ms;
    this.callback = callback;
  }

  get pending(): boolean {
    return this.next !== this;
  }

  cancel(): void {
    this.#timers.remove(this);
  }

  restart(): void {
    this.#timers.append(this);
  }
}

/** Deadlines that need not be exact: never early, at most 250 ms late. Use {@link coarseTimersOf} to share one. */
export class CoarseTimers {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue>();
  #pending = 0;
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many timers are pending. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Runs `callback` once, `ms` milliseconds from now (at least 1; `Infinity` is never) or up to 250 ms later. It may
   * start, cancel and restart timers. What it throws comes out of the clock's timer; the other timers run all the same.
   * Throws `MSRP_ERR_ARGUMENT` when `ms` is not a number.
   */
  start(ms: number, callback: () => void): CoarseTimer {
    if (Number.isNaN(ms)) throw new MSRPError('MSRP_ERR_ARGUMENT', 'a time in milliseconds is a number, not NaN');
    const timer = new PendingTimer(this, Math.max(ms, 1), callback);
    this.append(timer);
    return timer;
  }

  /** @internal */
  append(timer: PendingTimer): void {
    if (timer.pending) timer.unlink();
    else this.#pending++;
    timer.deadline = this.#clock.now() + timer.ms;
    timer.insertBefore(this.#queueOf(timer.ms));
    this.#wakeBy(timer.deadline + slackMs);
  }

  /** @internal */
  remove(timer: PendingTimer): void {
    if (!timer.pending) return;
    timer.unlink();
    if (--this.#pending === 0) this.#sleep();
  }

  #queueOf(ms: number): Queue {
    let queue = this.#queues.get(ms);
    if (queue === undefined) {
      queue = new Queue(ms);
      this.#queues.set(ms, queue);
    }
    return queue;
  }

  #wakeBy(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#timer?.cancel();
    this.#wakeAt = at;
    this.#timer = this.#clock.setTimer(this.#wake, at - this.#clock.now());
  }

  #sleep(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  readonly #wake = (): void => {
    this.#sleep();
    const now = this.#clock.now();
    try {
      for (const queue of this.#queues.values()) this.#endDue(queue, now);
    } finally {
      this.#wakeForEarliest();
    }
  };

  #endDue(queue: Queue, now: number): void {
    let first: PendingTimer | undefined;
    while ((first = queue.first) !== undefined && first.deadline <= now) {
      this.remove(first);
      first.callback();
    }
  }

  /** Forgets the durations that are no longer in use, so that any number of them may be used over time. */
  #wakeForEarliest(): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      if (queue.first === undefined) this.#queues.delete(queue.ms);
      else earliest = Math.min(earliest, queue.first.deadline);
    }
    if (this.#pending > 0) this.#wakeBy(Math.max(earliest + slackMs, this.#clock.now()));
  }
}

const shared = new WeakMap<Clock, CoarseTimers>();

/** The timers that everything on `clock` shares. */
export function coarseTimersOf(clock: Clock): CoarseTimers {
  let timers = shared.get(clock);
  if (timers === undefined) {
    timers = new CoarseTimers(clock);
    shared.set(clock, timers);
  }
  return timers;
}
