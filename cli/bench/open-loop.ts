// Messages at the times of a schedule, whatever becomes of those before: where the peer is slow they are sent late, but their latency counts
// from when they were due. One timer wakes it, and then it sends all that are due.
//
//   waiting for the next --due--> sending --none is due--> waiting      sending --too many are under way--> held --one is over--> sending

import type { Clock, Timer } from '../../index.ts';
import type { Schedule } from './schedule.ts';

/** Sends a message that was due at `dueMs`; calls `over` when it is delivered or has failed, never before it returns. */
export type Send = (number: number, dueMs: number, over: () => void) => void;

export interface Loop {
  /** Resolves when nothing is due any more and all that was sent is over. */
  readonly done: Promise<void>;
  /** Messages under way. */
  readonly open: number;
  /** No more messages. Returns how many were due until `dueUntilMs` and have not been sent. */
  stop(dueUntilMs: number): number;
}

export interface OpenLoopInit {
  readonly clock: Clock;
  /** When it starts, on the clock. */
  readonly startMs: number;
  readonly schedule: Schedule;
  /** Of `threads`, from 0: it sends each message whose number has this remainder. */
  readonly thread: number;
  readonly threads: number;
  readonly send: Send;
  /**
   * Runs a callback after input has had its turn. With it, what comes soon is awaited by asking again and again, which takes a core and is
   * on time; timers may be a millisecond late.
   */
  readonly poll?: ((callback: () => void) => Timer) | undefined;
  /** Bounds the memory; those that are due beyond it are sent later. Default 100,000. */
  readonly mostOpen?: number;
}

/** What is due sooner than that is polled for: no timer is later. */
const soonMs = 2;
/** After so many sends input has its turn. */
const mostAtOnce = 256;

export class OpenLoop implements Loop {
  readonly done: Promise<void>;
  readonly #init: OpenLoopInit;
  readonly #mostOpen: number;
  #settle!: () => void;
  #number: number;
  #open = 0;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(init: OpenLoopInit) {
    this.#init = init;
    this.#mostOpen = init.mostOpen ?? 100_000;
    this.#number = init.thread;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#sleep(init.startMs - init.clock.now());
  }

  get open(): number {
    return this.#open;
  }

  stop(dueUntilMs: number): number {
    let unsent = 0;
    const { schedule, threads } = this.#init;
    const isDue = (number: number): boolean => (schedule.dueMs(number) ?? Number.POSITIVE_INFINITY) < dueUntilMs;
    for (let at = this.#number; !this.#isOver && isDue(at); at += threads) unsent++;
    this.#timer?.cancel();
    this.#end();
    return unsent;
  }

  #sleep(ms: number): void {
    const { clock, poll } = this.#init;
    const wake = (): void => {
      this.#timer = undefined;
      this.#sendDue();
    };
    if (poll === undefined) this.#timer = clock.setTimer(wake, ms);
    else this.#timer = ms > soonMs ? clock.setTimer(wake, ms - soonMs) : poll(wake);
  }

  #sendDue(): void {
    const { clock, startMs, schedule, send, threads } = this.#init;
    const now = clock.now() - startMs;
    for (let count = 0; this.#open < this.#mostOpen; count++) {
      const due = schedule.dueMs(this.#number);
      if (due === undefined) return this.#end();
      if (due > now) return this.#sleep(due - now);
      if (count === mostAtOnce) return this.#sleep(0);
      this.#open++;
      send(this.#number, due, this.#onOver);
      this.#number += threads;
    }
  }

  readonly #onOver = (): void => {
    this.#open--;
    if (this.#isOver) this.#end();
    else if (this.#timer === undefined) this.#sleep(0);
  };

  #end(): void {
    this.#isOver = true;
    if (this.#open === 0) this.#settle();
  }
}
