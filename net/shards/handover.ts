// Gives whole, unread connections to a shard: the socket itself where Node can transfer it, else its handle over a pipe. Which way it is shows
// with the first one.

import type { Socket as RawSocket } from 'node:net';
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads';
import { systemClock, type Timer } from '../clock.ts';
import { HandleSender } from './handle-pipe.ts';
import type { Mailbox } from './mailbox.ts';
import type { Handed, SocketMessage, ToShard } from './protocol.ts';

/** How long a shard may take to take a socket, in milliseconds: one that computes may be busy. */
const patienceMs = 5000;

/** Sockets can be transferred; undefined while nobody has tried. */
let canTransfer: boolean | undefined;

export class Handover {
  readonly #mailbox: Pick<Mailbox<ToShard>, 'post'>;
  readonly #onFailed: (handed: Handed) => void;
  #sockets: SocketPort | undefined;
  #sender: HandleSender | undefined;
  /** Until the pipe is there. */
  #waiting: [RawSocket, Handed][] | undefined;
  #isClosed = false;

  /** `onFailed`: a connection could not be handed over, and is closed. */
  constructor(mailbox: Pick<Mailbox<ToShard>, 'post'>, onFailed: (handed: Handed) => void) {
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
      this.#sockets ??= this.#openSockets();
      this.#sockets.send(socket, handed);
      canTransfer = true;
      this.#sender?.close();
      this.#sender = undefined;
      return true;
    } catch {
      // Once one was transferred they all can be, and this one has failed for itself: it is closed, or there are too many files open.
      if (canTransfer === undefined) this.#sockets?.close();
      canTransfer ??= false;
      return false;
    }
  }

  #openSockets(): SocketPort {
    const { port1, port2 } = new MessageChannel();
    this.#mailbox.post({ kind: 'sockets', port: port2 }, port2);
    return new SocketPort(port1, (lost) => {
      this.#sockets = undefined;
      for (const handed of lost) this.#onFailed(handed);
    });
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
    this.#sockets?.close();
    this.#sender?.close();
  }
}

/**
 * The way of transferred sockets. With Node 26 a port is dead, without a word, once a socket could not be taken off it because no file could
 * be opened: what is not acknowledged in time is lost, and the next one gets another port.
 */
class SocketPort {
  readonly #port: MessagePort;
  readonly #onDead: (lost: readonly Handed[]) => void;
  readonly #waiting = new Map<number, Handed>();
  #timer: Timer | undefined;

  constructor(port: MessagePort, onDead: (lost: readonly Handed[]) => void) {
    this.#port = port;
    this.#onDead = onDead;
    port.on('message', (connection: number) => this.#onTaken(connection));
    port.unref();
  }

  /** Throws when sockets cannot be transferred, or this one cannot. */
  send(socket: RawSocket, handed: Handed): void {
    this.#port.postMessage({ socket, ...handed } satisfies SocketMessage, [socket as unknown as Transferable]);
    this.#waiting.set(handed.connection, handed);
    this.#timer ??= systemClock.setTimer(() => this.#onSilence(), patienceMs);
  }

  #onTaken(connection: number): void {
    this.#waiting.delete(connection);
    this.#timer?.cancel();
    this.#timer = this.#waiting.size === 0 ? undefined : systemClock.setTimer(() => this.#onSilence(), patienceMs);
  }

  #onSilence(): void {
    const lost = [...this.#waiting.values()];
    this.close();
    this.#onDead(lost);
  }

  close(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
    this.#port.close();
  }
}
