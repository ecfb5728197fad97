// In the main thread: a URI that is given out and known to every shard. Peers come to any of them; who is the peer is decided here:
//
//   expected --complete()--> awaited --arrived--> binding --bound--> bound --over--> over
//      `------arrived------> (kept) --complete()---^  `---left---> awaited
//
// There may be very many: one holds only what its state needs.

import { MSRPError, URI } from '../../codec/index.ts';
import { isSamePath } from '../uris.ts';
import { errorOf } from './error-record.ts';
import type { FromSession, ToSession } from './protocol.ts';
import type { Shard } from './shard.ts';

/** A session that is bound in a shard. */
export interface Handled<T> {
  /** What the handler returns. */
  readonly result: Promise<T>;
}

interface Arrived {
  readonly shard: Shard;
  readonly arrival: number;
  readonly path: readonly URI[];
}

/** Somebody waits. */
interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** Whoever gave the URI out. */
export interface ExpectationOwner {
  readonly match: 'path' | 'session-id';
  /** Those that know of the URI. */
  readonly shards: readonly Shard[];
  post(session: number, shard: Shard, message: ToSession): void;
  /** It is bound: its connection counts as others do. */
  onBound(remote: { address: string; port: number }): void;
  /** The URI serves nobody any more, and may be given out again. */
  onOver(expectation: { readonly localUri: URI }): void;
  /** Nothing more will come from a shard. */
  onSettled(session: number): void;
}

export class ShardExpectation<T> {
  readonly localUri: URI;
  readonly #session: number;
  readonly #owner: ExpectationOwner;
  #data: unknown;
  #state: 'expected' | 'awaited' | 'binding' | 'bound' | 'over' = 'expected';
  #unaware: Set<Shard> | undefined;
  #knownWaiter: Waiter<undefined> | undefined;
  #boundWaiter: Waiter<Handled<T>> | undefined;
  #resultWaiter: Waiter<T> | undefined;
  #remotePath: readonly URI[] | undefined;
  /** Who waits for `complete`; and who is the peer. */
  #arrived: Arrived | undefined;
  #chosen: Shard | undefined;

  constructor(localUri: URI, session: number, owner: ExpectationOwner, data: unknown) {
    this.localUri = localUri;
    this.#session = session;
    this.#owner = owner;
    this.#data = data;
    this.#unaware = new Set(owner.shards);
  }

  /** Resolves when every shard knows of it. */
  known(): Promise<undefined> {
    return new Promise((resolve, reject) => {
      this.#knownWaiter = { resolve, reject };
      if (this.#unaware === undefined) resolve(undefined);
    });
  }

  get isClaimed(): boolean {
    return this.#state !== 'expected';
  }

  /** Resolves when the session is bound, in whichever shard. */
  complete(remotePath: readonly URI[] | undefined): Promise<Handled<T>> {
    if (this.#state !== 'expected') {
      return Promise.reject(
        new MSRPError('MSRP_ERR_STATE', 'complete() comes once, after prepare()', { scope: 'session' }),
      );
    }
    this.#remotePath = remotePath;
    this.#state = 'awaited';
    const arrived = this.#arrived;
    this.#arrived = undefined;
    const bound = new Promise<Handled<T>>((resolve, reject) => {
      this.#boundWaiter = { resolve, reject };
    });
    if (arrived !== undefined) this.#decide(arrived);
    return bound;
  }

  onMessage(shard: Shard, message: FromSession): void {
    switch (message.kind) {
      case 'expected':
        return this.#onExpected(shard, message.error && errorOf(message.error));
      case 'arrived':
        return this.#onArrived({ shard, arrival: message.arrival, path: message.path.map((uri) => URI.parse(uri)) });
      case 'left':
        return this.#onLeft(shard);
      case 'bound':
        return this.#onBound(message);
      case 'result':
        return this.#settle((waiter) => waiter.resolve(message.value as T));
      case 'failed':
        return this.#settle((waiter) => waiter.reject(errorOf(message.error)));
      case 'over':
        return this.#end();
    }
  }

  #onExpected(shard: Shard, error: Error | undefined): void {
    if (error !== undefined) this.#knownWaiter?.reject(error);
    this.#unaware?.delete(shard);
    if (this.#unaware?.size === 0) this.#onKnown();
  }

  #onKnown(): void {
    this.#unaware = undefined;
    this.#knownWaiter?.resolve(undefined);
    this.#knownWaiter = undefined;
  }

  #onArrived(arrived: Arrived): void {
    if (this.#state === 'awaited') this.#decide(arrived);
    else if (this.#state === 'expected' && this.#arrived === undefined) this.#arrived = arrived;
    else this.#refuse(arrived, this.#state === 'over' ? 481 : 506);
  }

  #decide(arrived: Arrived): void {
    const { shard, arrival, path } = arrived;
    const isPeer = this.#remotePath === undefined || isSamePath(path, this.#remotePath, this.#owner.match);
    if (!isPeer) return this.#refuse(arrived, 481);
    this.#state = 'binding';
    this.#chosen = shard;
    this.#post(shard, { kind: 'accept', arrival, data: this.#data });
  }

  #refuse({ shard, arrival }: Arrived, code: number): void {
    this.#post(shard, { kind: 'refuse', arrival, code });
  }

  #post(shard: Shard, message: ToSession): void {
    this.#owner.post(this.#session, shard, message);
  }

  #onLeft(shard: Shard): void {
    if (this.#arrived?.shard === shard) this.#arrived = undefined;
    if (this.#state !== 'binding' || this.#chosen !== shard) return;
    this.#state = 'awaited';
    this.#chosen = undefined;
  }

  #onBound(remote: { address: string; port: number }): void {
    this.#state = 'bound';
    this.#data = undefined;
    this.#owner.onBound(remote);
    const result = new Promise<T>((resolve, reject) => {
      this.#resultWaiter = { resolve, reject };
    });
    result.catch(() => {});
    this.#boundWaiter?.resolve({ result });
    this.#boundWaiter = undefined;
  }

  /** The handler has returned. */
  #settle(settle: (waiter: Waiter<T>) => void): void {
    const waiter = this.#resultWaiter;
    this.#resultWaiter = undefined;
    if (waiter !== undefined) settle(waiter);
    if (this.#state === 'over') this.#owner.onSettled(this.#session);
  }

  /** Its shard is gone, and the session with it; before it was bound, the peer may still come to the other shards. */
  onLost(shard: Shard, error: Error): void {
    this.#onExpected(shard, undefined);
    this.#onLeft(shard);
    if (this.#chosen !== shard) return;
    this.#end();
    this.#settle((waiter) => waiter.reject(error));
  }

  /** The URI is no longer expected. Rejects a `complete` that waits; a session that was bound lives on. */
  cancel(error: Error): void {
    if (this.#state === 'bound' || this.#state === 'over') return;
    this.#boundWaiter?.reject(error);
    this.#boundWaiter = undefined;
    this.#forget(false);
    this.#end();
  }

  /** Nobody waits any more for what `complete` gave: also a session that was bound goes. */
  abandon(_bound: Promise<unknown>, error: Error): void {
    if (this.#state === 'bound') this.#forget(true);
    else this.cancel(error);
  }

  /** A peer that was chosen may be bound at this moment. */
  #forget(isAbandoned: boolean): void {
    for (const shard of this.#owner.shards) {
      this.#post(shard, { kind: 'forget', isAbandoned: isAbandoned || shard === this.#chosen });
    }
  }

  #end(): void {
    if (this.#state === 'over') return;
    // The other shards; where it was bound it is over already.
    if (this.#state === 'bound') this.#forget(true);
    this.#state = 'over';
    this.#onKnown();
    this.#owner.onOver(this);
    if (this.#resultWaiter === undefined) this.#owner.onSettled(this.#session);
  }
}
