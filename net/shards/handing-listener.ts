// In the main thread: a listening socket whose connections go to shards, unread. It outlives any of them.

import { listenRaw, remoteOf } from '../node-network.ts';
import type { ListenAddress, Listener, ServerTLS } from '../socket.ts';
import type { Remote } from '../unbound-limit.ts';
import { errorOf } from './error-record.ts';
import type { FromShard, Handed } from './protocol.ts';
import type { Shard } from './shard.ts';
import type { PoolListener, ShardPool } from './shard-pool.ts';

/** Whoever makes sessions of what the shards tell. */
export interface HandingEvents {
  introduce?(shard: Shard): void;
  onMessage(shard: Shard, message: FromShard & { listener: number }): void;
  onLost(shard: Shard, error: Error): void;
}

export class HandingListener implements PoolListener, Listener {
  readonly number: number;
  readonly #pool: ShardPool;
  readonly #at: ListenAddress;
  readonly #events: HandingEvents;
  readonly #onError: (error: Error) => void;
  #tls: ServerTLS | undefined;
  #listener!: Listener;
  /** Who the connections are from. */
  readonly #remotes = new Map<number, Remote>();
  /** Shards that are to say whether they can listen. */
  readonly #asked = new Map<Shard, { resolve: () => void; reject: (error: Error) => void }>();

  private constructor(pool: ShardPool, at: ListenAddress, events: HandingEvents, onError: (error: Error) => void) {
    this.number = pool.nextNumber();
    this.#pool = pool;
    this.#at = at;
    this.#tls = at.tls;
    this.#events = events;
    this.#onError = onError;
  }

  /** Rejects with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, and as the pool does when it starts. */
  static async open(
    pool: ShardPool,
    at: ListenAddress,
    events: HandingEvents,
    onError: (error: Error) => void,
  ): Promise<HandingListener> {
    await pool.start();
    const handing = new HandingListener(pool, at, events, onError);
    const early: Parameters<ShardPool['hand']>[0][] = [];
    let isOpen = false;
    handing.#listener = await listenRaw(at, (raw) => (isOpen ? handing.#hand(raw) : early.push(raw)), onError);
    try {
      await handing.#tellAll();
    } catch (error) {
      for (const raw of early) raw.destroy();
      await handing.close();
      pool.delete(handing.number);
      throw error;
    }
    isOpen = true;
    for (const raw of early) handing.#hand(raw);
    return handing;
  }

  async #tellAll(): Promise<void> {
    const answers = this.#pool.shards.map(
      (shard) =>
        new Promise<void>((resolve, reject) => {
          this.#asked.set(shard, { resolve, reject });
        }),
    );
    this.#pool.add(this.number, this);
    await Promise.all(answers);
  }

  get address(): string {
    return this.#listener.address;
  }

  get port(): number {
    return this.#listener.port;
  }

  get connections(): number {
    return this.#remotes.size;
  }

  #hand(raw: Parameters<ShardPool['hand']>[0]): void {
    const remote = remoteOf(raw);
    const connection = this.#pool.nextNumber();
    this.#remotes.set(connection, remote);
    this.#pool.hand(raw, { listener: this.number, connection });
  }

  introduce(shard: Shard): void {
    const { host } = this.#at;
    shard.post({ kind: 'listen', listener: this.number, host, port: this.port, tls: this.#tls });
    this.#events.introduce?.(shard);
  }

  onMessage(shard: Shard, message: FromShard & { listener: number }): void {
    if (message.kind === 'listening') this.#onListening(shard, message.error && errorOf(message.error));
    else if (message.kind === 'refused') this.#onError(errorOf(message.error));
    else this.#events.onMessage(shard, message);
  }

  #onListening(shard: Shard, error: Error | undefined): void {
    const asked = this.#asked.get(shard);
    this.#asked.delete(shard);
    if (error === undefined) asked?.resolve();
    else if (asked === undefined) this.#onError(error);
    else asked.reject(error);
  }

  onGone({ connection }: Handed): void {
    const remote = this.#remotes.get(connection);
    if (remote === undefined) return;
    this.#remotes.delete(connection);
    this.#at.limit?.leave(remote);
  }

  onLost(shard: Shard, error: Error): void {
    this.#asked.get(shard)?.reject(error);
    this.#asked.delete(shard);
    this.#events.onLost(shard, error);
  }

  /** In each shard for the handshakes from now on. */
  setTLS(tls: ServerTLS): void {
    this.#tls = { ...this.#tls, ...tls };
    for (const shard of this.#pool.shards) shard.post({ kind: 'tls', listener: this.number, tls: this.#tls });
  }

  async close(): Promise<void> {
    await this.#listener.close();
    for (const shard of this.#pool.shards) shard.post({ kind: 'unlisten', listener: this.number });
  }
}
