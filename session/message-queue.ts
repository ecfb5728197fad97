// The messages that came, for whoever iterates them.

import { MSRPError } from '../codec/index.ts';
import type { IncomingMessage } from './incoming-message.ts';

export class MessageQueue {
  readonly #messages: IncomingMessage[] = [];
  #closed: { error: Error | undefined } | undefined;
  readonly #wake: (() => void)[] = [];

  push(message: IncomingMessage): void {
    this.#messages.push(message);
    this.#notify();
  }

  close(error: Error | undefined): void {
    this.#closed ??= { error };
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
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
    });
  }
}
