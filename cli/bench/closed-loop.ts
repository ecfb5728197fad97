// A number of messages under way in each session: when one is over the next is sent. The rate is what the peer makes of it.

import type { Clock, Timer } from '../../index.ts';
import type { Loop, Send } from './open-loop.ts';

export interface ClosedLoopInit {
  readonly clock: Clock;
  /** When it starts, on the clock. */
  readonly startMs: number;
  /** When it ends, and over how long the sessions start one after the other, in milliseconds from the start. */
  readonly endMs: number;
  readonly rampMs: number;
  readonly sessions: number;
  readonly window: number;
  /** Its number is that of the session. */
  readonly send: Send;
  /** Whether a session can send still. */
  readonly isUsable: (session: number) => boolean;
}

export class ClosedLoop implements Loop {
  readonly done: Promise<void>;
  readonly #init: ClosedLoopInit;
  readonly #timers: Timer[] = [];
  #settle!: () => void;
  #open = 0;
  /** Sessions whose time has not come. */
  #waiting: number;
  #isStopped = false;

  constructor(init: ClosedLoopInit) {
    this.#init = init;
    this.#waiting = init.sessions;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { clock, startMs, rampMs, sessions } = init;
    for (let session = 0; session < sessions; session++) {
      const ms = startMs + (rampMs * session) / sessions - clock.now();
      this.#timers.push(clock.setTimer(() => this.#begin(session), ms));
    }
  }

  get open(): number {
    return this.#open;
  }

  /** Nothing is due here before the one before is over. */
  stop(): number {
    this.#isStopped = true;
    this.#waiting = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#endIfOver();
    return 0;
  }

  #begin(session: number): void {
    this.#waiting--;
    for (let count = 0; count < this.#init.window; count++) this.#next(session);
    this.#endIfOver();
  }

  #next(session: number): void {
    const { clock, startMs, endMs, send, isUsable } = this.#init;
    const now = clock.now() - startMs;
    if (this.#isStopped || now >= endMs || !isUsable(session)) return;
    this.#open++;
    send(session, now, () => {
      this.#open--;
      this.#next(session);
      this.#endIfOver();
    });
  }

  #endIfOver(): void {
    if (this.#open === 0 && this.#waiting === 0) this.#settle();
  }
}
