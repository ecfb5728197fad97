// In the main thread: one shard, from when its task begins until it is over or its thread is lost.

import { once } from 'node:events';
import type { Socket as RawSocket } from 'node:net';
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { MSRPError } from '../../codec/index.ts';
import { errorOf } from './error-record.ts';
import { Handover } from './handover.ts';
import { Mailbox } from './mailbox.ts';
import { Count, type FromShard, type Handed, type ShardStart, type ToShard } from './protocol.ts';

/** What a shard is to do, and what goes over to it. */
export interface ShardTask {
  readonly task: unknown;
  readonly transfer?: readonly MessagePort[];
}

export interface ShardEvents {
  onMessage(shard: Shard, message: FromShard): void;
  /** A connection that was handed over is closed. */
  onGone(handed: Handed): void;
}

export class Shard {
  /** Resolves when it takes connections; rejects when it never will. */
  readonly ready: Promise<void>;
  readonly counters: SharedArrayBuffer = new SharedArrayBuffer(Count.slots * Float64Array.BYTES_PER_ELEMENT);
  readonly #channel = new MessageChannel();
  readonly #mailbox: Mailbox<ToShard, FromShard>;
  readonly #handover: Handover;
  readonly #events: ShardEvents;
  /** What was handed over and is not gone. */
  readonly #connections = new Map<number, Handed>();
  #settleReady!: { resolve: () => void; reject: (error: Error) => void };
  /** The other end is closed, and all that came from it is dealt with. */
  readonly #silent: Promise<unknown> = once(this.#channel.port1, 'close');
  isReady = false;
  wasReady = false;
  #isOver = false;
  #unfit: Error | undefined;

  constructor(events: ShardEvents) {
    this.#events = events;
    this.#mailbox = new Mailbox(this.#channel.port1);
    this.#handover = new Handover(this.#mailbox, ({ connection }) => this.#onGone(connection));
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => {});
    this.#mailbox.receive((message) => this.#onMessage(message));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Runs until the shard is told to stop. Returns why it ended otherwise. */
  async run(
    pool: Piscina,
    start: Pick<ShardStart, 'logs'>,
    { task, transfer = [] }: ShardTask,
  ): Promise<Error | undefined> {
    const { counters } = this;
    const port = this.#channel.port2;
    let error: Error | undefined;
    try {
      await pool.run({ port, counters, task, ...start } satisfies ShardStart, { transferList: [port, ...transfer] });
    } catch (cause) {
      error = new MSRPError('MSRP_ERR_CLOSED', `a shard was lost: ${(cause as Error).message}`, { cause });
    }
    // The result of the task has a way of its own, and may come before what the shard said last.
    await this.#silent;
    error ??= this.#unfit;
    this.#isOver = true;
    this.isReady = false;
    this.#settleReady.reject(error ?? new MSRPError('MSRP_ERR_CLOSED', 'the shard has ended'));
    this.#handover.close();
    this.#mailbox.close();
    return error;
  }

  #onMessage(message: FromShard): void {
    if (message.kind === 'ready') void this.#begin();
    else if (message.kind === 'unfit') this.#unfit = errorOf(message.error);
    else if (message.kind === 'gone') this.#onGone(message.connection);
    else this.#events.onMessage(this, message);
  }

  async #begin(): Promise<void> {
    this.wasReady = true;
    await this.#handover.prepare();
    if (this.#isOver) return;
    this.isReady = true;
    this.#settleReady.resolve();
  }

  #onGone(connection: number): void {
    const handed = this.#connections.get(connection);
    if (handed === undefined) return;
    this.#connections.delete(connection);
    this.#events.onGone(handed);
  }

  post(message: ToShard, ...transfer: readonly Transferable[]): void {
    this.#mailbox.post(message, ...transfer);
  }

  /** Unread; not ours any more. */
  hand(raw: RawSocket, handed: Handed): void {
    this.#connections.set(handed.connection, handed);
    this.#handover.hand(raw, handed);
  }

  /** All its connections, which are lost with it. */
  lose(): void {
    for (const connection of this.#connections.keys()) this.#onGone(connection);
  }
}
