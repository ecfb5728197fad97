// Requests that wait for their response (D-TRANS-2 to D-TRANS-4): 30 s from the moment the system had their last octet (R4975-7.1.1-6).
// Deadlines come in the order in which requests are written, so one coarse timer, for the first, serves them all.

import type { Head } from '../codec/index.ts';
import type { CoarseTimer, Settings } from '../net/index.ts';

export interface Transaction {
  /** A response came. */
  onResponse(response: Head): void;
  /** None came in time. */
  onTimeout(): void;
  /** The session ended first. */
  onEnd?(error: Error): void;
}

interface Pending {
  readonly id: string;
  readonly transaction: Transaction;
  /** When the response is due; Infinity until the request is written. */
  due: number;
}

export class Transactions {
  readonly #settings: Settings;
  readonly #pending = new Map<string, Pending>();
  #timer: CoarseTimer | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Waits for the response to request `id`. Returns what to call when it is written. */
  add(id: string, transaction: Transaction): () => void {
    const pending: Pending = { id, transaction, due: Number.POSITIVE_INFINITY };
    this.#pending.set(id, pending);
    return () => {
      const { clock, timeouts } = this.#settings;
      pending.due = clock.now() + timeouts.responseMs;
      if (this.#timer?.pending !== true) this.#watch(timeouts.responseMs);
    };
  }

  /** A response that matches nothing outstanding is ignored (D-TRANS-3). */
  settle(response: Head): void {
    const pending = this.#pending.get(response.transactionId);
    if (pending === undefined) return;
    this.#pending.delete(response.transactionId);
    pending.transaction.onResponse(response);
  }

  /** The session is over: no response will come any more. */
  close(error: Error): void {
    this.#timer?.cancel();
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const { transaction } of open) transaction.onEnd?.(error);
  }

  #watch(ms: number): void {
    this.#timer = this.#settings.timers.start(ms, () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.#settings.clock.now();
    for (const { id, due, transaction } of this.#pending.values()) {
      if (due > now) {
        if (due !== Number.POSITIVE_INFINITY) this.#watch(due - now);
        return;
      }
      this.#pending.delete(id);
      transaction.onTimeout();
    }
  }
}
