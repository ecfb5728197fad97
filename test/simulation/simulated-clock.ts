// A clock that stands still until it is told to go on. Its timers run in the order of their times, those of one time in the
// order in which they were set: the same on every run.

import type { Clock, Timer } from '../../net/clock.ts';

interface SetTimer extends Timer {
  readonly at: number;
  readonly callback: () => void;
  cancelled: boolean;
}

export class SimulatedClock implements Clock {
  #now = 0;
  /** The next one last. */
  readonly #timers: SetTimer[] = [];
  #pending = 0;

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#pending;
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer: SetTimer = {
      at: this.#now + Math.max(ms, 0),
      callback,
      cancelled: false,
      cancel: () => {
        if (!timer.cancelled) this.#pending--;
        timer.cancelled = true;
      },
    };
    this.#timers.splice(this.#placeOf(timer.at), 0, timer);
    this.#pending++;
    return timer;
  }

  /** When the next timer runs; `undefined` when none is set. */
  get nextAt(): number | undefined {
    while (this.#timers.at(-1)?.cancelled) this.#timers.pop();
    return this.#timers.at(-1)?.at;
  }

  /** Goes on to the next timer and runs it; `false` when none is set. What it throws is thrown. */
  runNext(): boolean {
    const at = this.nextAt;
    if (at === undefined) return false;
    this.#now = Math.max(this.#now, at);
    const timer = this.#timers.pop()!;
    timer.cancel();
    timer.callback();
    return true;
  }

  /** Goes on by `ms`, running on the way whatever is due by then, also what is set on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (this.nextAt !== undefined && this.nextAt <= end) this.runNext();
    this.#now = end;
  }

  /** Goes on to `at` without running anything: nothing may be due before. */
  skipTo(at: number): void {
    this.#now = Math.max(this.#now, at);
  }

  /** Behind the later ones and before those of the same time, since the last one runs first. */
  #placeOf(at: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
