// Whose turn it is to send, among the messages of a session: those that are given up, small or urgent first, the others round robin.

import type { OutgoingMessage } from './outgoing-message.ts';

export class Turns {
  readonly #first: OutgoingMessage[] = [];
  readonly #others: OutgoingMessage[] = [];

  get isEmpty(): boolean {
    return this.#first.length + this.#others.length === 0;
  }

  /** Harmless when it waits already. */
  add(message: OutgoingMessage): void {
    if (message.isWaiting && !message.isStopping) return;
    if (message.isWaiting) this.remove(message);
    message.isWaiting = true;
    (message.isUrgent || message.isStopping ? this.#first : this.#others).push(message);
  }

  /** Takes the next one that `mayGo`. */
  next(mayGo: (message: OutgoingMessage) => boolean): OutgoingMessage | undefined {
    return takeFrom(this.#first, mayGo) ?? takeFrom(this.#others, mayGo);
  }

  remove(message: OutgoingMessage): void {
    if (!message.isWaiting) return;
    message.isWaiting = false;
    for (const queue of [this.#first, this.#others]) {
      const at = queue.indexOf(message);
      if (at !== -1) queue.splice(at, 1);
    }
  }
}

function takeFrom(queue: OutgoingMessage[], mayGo: (message: OutgoingMessage) => boolean): OutgoingMessage | undefined {
  const at = queue.findIndex(mayGo);
  if (at === -1) return undefined;
  const message = at === 0 ? queue.shift() : queue.splice(at, 1)[0];
  if (message !== undefined) message.isWaiting = false;
  return message;
}
