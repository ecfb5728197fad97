// One end of a port between two threads. What is posted while events are dealt with crosses together, in order: a message
// costs its thread some microseconds however small it is.

import type { MessagePort, Transferable } from 'node:worker_threads';

export class Mailbox<Out, In = never> {
  readonly #port: MessagePort;
  #waiting: Out[] = [];
  #transfer: Transferable[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Messages go to `take`, one by one, from now on. */
  receive(take: (message: In) => void): void {
    this.#port.on('message', (messages: readonly In[]) => {
      for (const message of messages) take(message);
    });
  }

  /** What is in `transfer` belongs to the other side from now on. */
  post(message: Out, ...transfer: readonly Transferable[]): void {
    if (this.#isClosed) return;
    this.#waiting.push(message);
    this.#transfer.push(...transfer);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }

  /** By itself, behind all that waits. Throws when it cannot be cloned. */
  postNow(message: Out): void {
    this.flush();
    if (!this.#isClosed) this.#port.postMessage([message]);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#waiting.length === 0 || this.#isClosed) return;
    const waiting = this.#waiting;
    const transfer = this.#transfer;
    this.#waiting = [];
    this.#transfer = [];
    this.#port.postMessage(waiting, transfer);
  }

  /** Sends what waits, then nothing more. */
  close(): void {
    this.flush();
    this.#isClosed = true;
    this.#port.close();
  }
}
