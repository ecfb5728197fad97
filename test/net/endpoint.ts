// A socket as a test sees it: what came is kept, and each thing that can happen can be awaited.

import type { Socket, SocketHandler } from '../../net/socket.ts';

type Waiter = { readonly isMet: () => boolean; readonly resolve: () => void };

export class Endpoint implements SocketHandler {
  readonly socket: Socket;
  /** Every event in order; the bytes of neighbouring reads are one entry. */
  readonly events: string[] = [];
  readonly reads: Buffer[] = [];
  received = 0;
  drains = 0;
  ended = false;
  closed = false;
  error: Error | undefined;
  #waiters: Waiter[] = [];

  /** Attaches to `socket` and reads, unless `paused`. */
  constructor(socket: Socket, paused = false) {
    this.socket = socket;
    socket.attach(this);
    if (!paused) socket.resume();
  }

  get data(): Buffer {
    return Buffer.concat(this.reads);
  }

  onData(input: Buffer): void {
    this.reads.push(input);
    this.received += input.length;
    if (this.events.at(-1) !== 'data') this.events.push('data');
    this.#look();
  }

  onDrain(): void {
    this.drains++;
    this.events.push('drain');
    this.#look();
  }

  onEnd(): void {
    this.ended = true;
    this.events.push('end');
    this.#look();
  }

  onClose(error?: Error): void {
    this.closed = true;
    this.error = error;
    this.events.push('close');
    this.#look();
  }

  /** Resolves once `isMet` holds; it is asked after each event. */
  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ isMet, resolve });
      this.#look();
    });
  }

  untilReceived(bytes: number): Promise<void> {
    return this.until(() => this.received >= bytes);
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closed);
  }

  /** Writes and resolves when the system has the bytes. */
  write(...buffers: readonly Buffer[]): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(buffers, resolve);
    });
  }

  #look(): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      if (!waiter.isMet()) return true;
      waiter.resolve();
      return false;
    });
  }
}
