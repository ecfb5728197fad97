// In the main thread: the shards of a server, each the long-lived task of one worker. A worker that is lost is replaced and told all that the
// others know; its connections are lost with it.
//
// The pool itself replaces the thread, not its task, and gives up once a thread has failed before it was ready: so nothing but our own worker
// is loaded then.

import type { Socket as RawSocket } from 'node:net';
import type { ResourceLimits } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { MSRPError } from '../../codec/index.ts';
import type { Settings } from '../options.ts';
import type { Network } from '../socket.ts';
import type { FromShard, Handed } from './protocol.ts';
import { Count } from './protocol.ts';
import { Shard, type ShardTask } from './shard.ts';

export interface ShardStats {
  /** Handed over and not closed. */
  readonly connections: number;
  /** Sessions that are with the handler. */
  readonly sessions: number;
  /** Octets read, and octets copied between threads; without a handler. */
  readonly readBytes: number;
  readonly copiedBytes: number;
  /** How often its thread was replaced. */
  readonly restarts: number;
}

/** What a pool does for: a listening socket. */
export interface PoolListener {
  /** Tells a new shard all that it has to know. */
  introduce(shard: Shard): void;
  onMessage(shard: Shard, message: FromShard & { listener: number }): void;
  onGone(handed: Handed): void;
  onLost(shard: Shard, error: Error): void;
}

export interface PoolOptions {
  readonly shards: number;
  readonly resourceLimits: ResourceLimits | undefined;
  /** The module of the workers, built: see {@link builtFile}. */
  readonly worker: string;
  /** Asked each time a shard begins. */
  readonly taskOf: (index: number) => ShardTask;
  /** A shard is not there any more, and its place still empty. */
  readonly onLost?: (index: number) => void;
}

export class ShardPool {
  readonly #settings: Settings;
  readonly #options: PoolOptions;
  readonly #shards: (Shard | undefined)[] = [];
  readonly #restarts: number[] = [];
  readonly #listeners = new Map<number, PoolListener>();
  /** The numbers of listeners, connections and sessions are of one row. */
  #lastNumber = 0;
  #pool: Piscina | undefined;
  #started: Promise<void> | undefined;
  #runs: Promise<void>[] = [];
  /** Why a shard could not even begin. */
  #failure: Error | undefined;
  #isStopping = false;
  #ended: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;

  constructor(settings: Settings, options: PoolOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Rejects when a shard cannot do its work: `MSRP_ERR_ARGUMENT` for a handler that does not load. */
  async start(): Promise<void> {
    await (this.#started ??= this.#startAll());
    await Promise.all(this.#living.map((shard) => shard.ready));
    if (this.#living.length === 0) throw this.#failure ?? new MSRPError('MSRP_ERR_STATE', 'the shards have ended');
  }

  async #startAll(): Promise<void> {
    const { shards, resourceLimits, worker } = this.#options;
    // Not loaded by those who have no shards.
    const { Piscina: Pool } = await import('piscina');
    this.#pool = new Pool({
      filename: worker,
      minThreads: shards,
      maxThreads: shards,
      atomics: 'disabled',
      ...(resourceLimits && { resourceLimits }),
    });
    // What is thrown when a task has ended already: the thread is replaced all the same.
    this.#pool.on('error', (error: Error) => this.#settings.logger?.warn(`a shard was lost: ${error.message}`));
    this.#runs = Array.from({ length: shards }, (_, index) => this.#keepUp(index));
  }

  /** One shard after the other, until one ends as it should, or cannot even begin. */
  async #keepUp(index: number): Promise<void> {
    const start = { logs: this.#settings.logger !== undefined };
    for (let restarts = 0; !this.#isStopping; restarts++) {
      this.#restarts[index] = restarts;
      const shard = new Shard({
        onMessage: (from, message) => this.#onMessage(from, message),
        onGone: (handed) => this.#listeners.get(handed.listener)?.onGone(handed),
      });
      this.#shards[index] = shard;
      for (const listener of this.#listeners.values()) listener.introduce(shard);
      const error = await shard.run(this.#pool!, start, this.#options.taskOf(index));
      this.#shards[index] = undefined;
      this.#options.onLost?.(index);
      if (error !== undefined) this.#lose(shard, error);
      if (error === undefined) return;
      if (!shard.wasReady) {
        this.#failure = error;
        return;
      }
    }
  }

  #lose(shard: Shard, error: Error): void {
    this.#settings.logger?.error(`${error.message}; its ${shard.connections} connections are closed`);
    shard.lose();
    for (const listener of this.#listeners.values()) listener.onLost(shard, error);
  }

  #onMessage(shard: Shard, message: FromShard): void {
    if (message.kind === 'log') this.#settings.logger?.[message.level](message.text);
    else if ('listener' in message) this.#listeners.get(message.listener)?.onMessage(shard, message);
  }

  get #living(): Shard[] {
    return this.#shards.filter((shard) => shard !== undefined);
  }

  /** Whom everything is said to that all have to know. */
  get shards(): readonly Shard[] {
    return this.#living;
  }

  add(number: number, listener: PoolListener): void {
    this.#listeners.set(number, listener);
    for (const shard of this.#living) listener.introduce(shard);
  }

  delete(number: number): void {
    this.#listeners.delete(number);
  }

  /** To the shard with the fewest; one that is not ready is taken only when there is no other. */
  hand(raw: RawSocket, handed: Handed): void {
    const living = this.#living;
    const ready = living.filter(({ isReady }) => isReady);
    let least: Shard | undefined;
    for (const shard of ready.length > 0 ? ready : living) {
      if (least === undefined || shard.connections < least.connections) least = shard;
    }
    if (least !== undefined) return least.hand(raw, handed);
    raw.destroy();
    this.#listeners.get(handed.listener)?.onGone(handed);
  }

  /** Resolves when every shard has ended: each when its last connection is closed and its last handler has returned. */
  stop(): Promise<void> {
    this.#isStopping = true;
    for (const shard of this.#living) shard.post({ kind: 'stop', isNow: false });
    return (this.#ended ??= this.#end());
  }

  /** Once: a pool that is destroyed twice starts new threads. */
  async #end(): Promise<void> {
    await this.#started;
    await Promise.all(this.#runs);
    await this.#destroyPool();
  }

  #destroyPool(): Promise<void> {
    return (this.#destroyed ??= this.#pool?.destroy() ?? Promise.resolve());
  }

  /** Closes all connections, and ends the threads, whatever their handlers do, after `ms`. */
  async stopNow(ms: number): Promise<void> {
    for (const shard of this.#living) shard.post({ kind: 'stop', isNow: true });
    const timer = this.#settings.timers.start(ms, () => void this.#destroyPool());
    await this.stop();
    timer.cancel();
  }

  stats(): ShardStats[] {
    return this.#restarts.map((restarts, index) => {
      const shard = this.#shards[index];
      const counters = new Float64Array(shard?.counters ?? new SharedArrayBuffer(0));
      return {
        connections: shard?.connections ?? 0,
        sessions: counters[Count.sessions] ?? 0,
        readBytes: counters[Count.readBytes] ?? 0,
        copiedBytes: counters[Count.copiedBytes] ?? 0,
        restarts,
      };
    });
  }
}

/** Throws `MSRP_ERR_ARGUMENT` unless there can be so many shards, with that network. */
export function checkShards(
  shards: number,
  network: Network | undefined,
  most: number = Number.POSITIVE_INFINITY,
): void {
  if (network !== undefined) throw new MSRPError('MSRP_ERR_ARGUMENT', 'shards have a network of their own');
  if (Number.isInteger(shards) && shards >= 1 && shards <= most) return;
  throw new MSRPError('MSRP_ERR_ARGUMENT', `${shards} is no number of shards`);
}

/** Threads run what was built, also where the module that names `file` is run as it was written. */
export function builtFile(url: string, file: string): string {
  const folder = url.lastIndexOf('/net/');
  return new URL(file, url.endsWith('.ts') ? `${url.slice(0, folder)}/dist${url.slice(folder)}` : url).href;
}
