// The one source of time. Everything that waits or measures takes a Clock, so that a test can run hours of protocol in
// a moment and a whole simulated system runs from one seed.
//
// A pending timer never keeps a process alive: a protocol timeout only matters while a socket is open, and an open
// socket keeps the process alive itself.

/** A timer that was set and has not run. */
export interface Timer {
  /** The callback will not run. Harmless once it has run, and when called again. */
  cancel(): void;
}

/** Monotonic time and timers. */
export interface Clock {
  /** Milliseconds, with fractions, since some fixed moment. Never goes back; unrelated to the time of day. */
  now(): number;
  /**
   * Runs `callback` once, after `ms` milliseconds or a little later, never before this call has returned. A longer
   * `ms` than 2,147,483,647 (24 days) counts as that. What the callback throws is not caught.
   */
  setTimer(callback: () => void, ms: number): Timer;
}

/** More than this and Node runs a timer at once. */
const maxTimerMs = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, ms: number) {
    this.#timeout = setTimeout(callback, Math.min(ms, maxTimerMs));
    this.#timeout.unref();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

/** The time of this process. Its timers are unref'd; they can run up to 1 ms early by `now()`, as Node's do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, ms) => new SystemTimer(callback, ms),
};
