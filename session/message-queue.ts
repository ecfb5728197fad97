// The messages that came, for whoever iterates them.

import { MSRPError } from '../codec/index.ts';
import type { IncomingMessage } from './incoming-message.ts';

export class MessageQueue {
  readonly #messages: IncomingMessage[] = [];
  readonly #onAwaited: () => void;
  #closed: { error: Error | undefined } | undefined;
  #wake: (() => void)[] = [];

  /** `onAwaited`: somebody waits for a message. */
  constructor(onAwaited: () => void) {
    this.#onAwaited = onAwaited;
  }

  /** Whether somebody waits for a message. */
  get isAwaited(): boolean {
    return this.#wake.length > 0;
  }

  push(message: IncomingMessage): void {
    this.#messages.push(message);
    this.#notify();
  }

  close(error: Error | undefined): void {
    this.#closed ??= { error };
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  async *iterate(signal: AbortSignal | undefined): AsyncIterableIterator<IncomingMessage> {
    const abort = (): void => this.#notify();
    signal?.addEventListener('abort', abort);
    try {
      for (;;) {
        if (signal?.aborted === true) {
          throw new MSRPError('MSRP_ERR_ABORTED', 'waiting for messages was aborted', {
            scope: 'session',
            cause: signal.reason,
          });
        }
        const message = this.#messages.shift();
        message?.take();
        if (message !== undefined) yield message;
        else if (this.#closed === undefined) await this.#more();
        else if (this.#closed.error === undefined) return;
        else throw this.#closed.error;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
      this.#onAwaited();
    });
  }
}
