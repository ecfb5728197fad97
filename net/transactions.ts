// Requests that wait for their response (D-TRANS-2 to D-TRANS-4): 30 s from the moment the system had their last octet (R4975-7.1.1-6).
// One coarse timer, for whichever is due first, serves them all.

import type { Head } from '../codec/index.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import { type IdentEntry, IdentTable } from './ident-table.ts';
import type { Settings } from './options.ts';

export interface Transaction extends IdentEntry<Transaction> {
  /** When the response is due; Infinity until the request is written. */
  due: number;
  /** A response came. */
  onResponse(response: Head): void;
  /** None came in time. */
  onTimeout(): void;
  /** The session ended first. */
  onEnd?(error: Error): void;
}

export class Transactions {
  readonly #settings: Settings;
  readonly #pending = new IdentTable<Transaction>();
  #timer: CoarseTimer | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(id: string): boolean {
    return this.#pending.get(id) !== undefined;
  }

  /** Waits for the response. */
  add(transaction: Transaction): void {
    this.#pending.add(transaction);
  }

  /** The request is written: time runs, unless it is answered already or the session is over. */
  start(transaction: Transaction): void {
    if (this.#pending.get(transaction.ident) !== transaction) return;
    const { clock, timeouts } = this.#settings;
    transaction.due = clock.now() + timeouts.responseMs;
    if (this.#timer?.pending !== true) this.#watch(timeouts.responseMs);
  }

  /** No response is of interest any more. */
  remove(transaction: Transaction): void {
    this.#pending.delete(transaction);
  }

  /** A response that matches nothing outstanding is ignored (D-TRANS-3). */
  settle(response: Head): void {
    const transaction = this.#pending.get(response.transactionId);
    if (transaction === undefined) return;
    this.#pending.delete(transaction);
    transaction.onResponse(response);
  }

  /** The session is over: no response will come any more. */
  close(error: Error): void {
    this.#timer?.cancel();
    const open = this.#pending.values();
    this.#pending.clear();
    for (const transaction of open) transaction.onEnd?.(error);
  }

  #watch(ms: number): void {
    this.#timer = this.#settings.timers.start(ms, () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.#settings.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const transaction of this.#pending.values()) {
      // The first one may have ended the session.
      if (this.#pending.size === 0) return;
      if (transaction.due > now) next = Math.min(next, transaction.due);
      else {
        this.remove(transaction);
        transaction.onTimeout();
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#watch(next - now);
  }
}
