// Gives whole, unread connections to a shard: the socket itself where Node can transfer it, else its handle over a pipe. Which way it is shows
// with the first one.

import type { Socket as RawSocket } from 'node:net';
import type { Transferable } from 'node:worker_threads';
import { HandleSender } from './handle-pipe.ts';
import type { Mailbox } from './mailbox.ts';
import type { Handed, ToShard } from './protocol.ts';

/** Sockets can be transferred; undefined while nobody has tried. */
let canTransfer: boolean | undefined;

export class Handover {
  readonly #mailbox: Mailbox<ToShard>;
  readonly #onFailed: (handed: Handed) => void;
  #sender: HandleSender | undefined;
  /** Until the pipe is there. */
  #waiting: [RawSocket, Handed][] | undefined;
  #isClosed = false;

  /** `onFailed`: a connection could not be handed over, and is closed. */
  constructor(mailbox: Mailbox<ToShard>, onFailed: (handed: Handed) => void) {
    this.#mailbox = mailbox;
    this.#onFailed = onFailed;
  }

  /**
   * Opens the pipe before there are connections: with the first of many there may be no file left to open. Where that fails, it is tried
   * again when a connection comes.
   */
  async prepare(): Promise<void> {
    if (canTransfer !== true) await this.#open();
  }

  /** `raw` is not ours any more. */
  hand(raw: RawSocket, handed: Handed): void {
    raw.on('error', () => {});
    if (canTransfer !== false && this.#transfer(raw, handed)) return;
    if (canTransfer === true) this.#fail(raw, handed);
    else this.#send(raw, handed);
  }

  #transfer(socket: RawSocket, handed: Handed): boolean {
    try {
      this.#mailbox.postNow({ kind: 'socket', socket, ...handed }, socket as unknown as Transferable);
      canTransfer = true;
      this.#sender?.close();
      this.#sender = undefined;
      return true;
    } catch {
      // Once one was transferred they all can be, and this one has failed for itself: it is closed, or there are too many files open.
      canTransfer ??= false;
      return false;
    }
  }

  #send(raw: RawSocket, handed: Handed): void {
    if (this.#sender === undefined) return this.#wait(raw, handed);
    this.#sender.send(raw, `${handed.listener} ${handed.connection}`, (isSent) => {
      raw.destroy();
      if (!isSent) this.#onFailed(handed);
    });
  }

  #wait(raw: RawSocket, handed: Handed): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push([raw, handed]);
      return;
    }
    this.#waiting = [[raw, handed]];
    void this.#open();
  }

  async #open(): Promise<void> {
    try {
      const sender = await HandleSender.open((path) => this.#mailbox.post({ kind: 'pipe', path }));
      if (this.#isClosed) return sender.close();
      this.#sender = sender;
      for (const [raw, handed] of this.#waiting ?? []) this.#send(raw, handed);
    } catch {
      // Too many files open, maybe: whoever comes next is another try.
      for (const [raw, handed] of this.#waiting ?? []) this.#fail(raw, handed);
    }
    this.#waiting = undefined;
  }

  #fail(raw: RawSocket, handed: Handed): void {
    raw.destroy();
    this.#onFailed(handed);
  }

  close(): void {
    this.#isClosed = true;
    for (const [raw] of this.#waiting ?? []) raw.destroy();
    this.#sender?.close();
  }
}
