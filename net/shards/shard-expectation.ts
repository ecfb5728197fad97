// In the main thread: a URI that is given out and known to every shard. Peers come to any of them; who is the peer is decided here:
//
//   expected --complete()--> awaited --arrived--> binding --bound--> bound --over--> over
//      `------arrived------> (kept) --complete()---^  `---left---> awaited

import { MSRPError, URI } from '../../codec/index.ts';
import type { Settings } from '../options.ts';
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

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export interface ShardExpectationEvents {
  /** Those that know of the URI. */
  shards(): readonly Shard[];
  post(shard: Shard, message: ToSession): void;
  /** `arrived` is bound; its connection counts as others do. */
  onBound(remote: { address: string; port: number }): void;
  /** The URI serves nobody any more, and may be given out again. */
  onOver(): void;
  /** Nothing more will come from a shard. */
  onSettled(): void;
}

export class ShardExpectation<T> {
  readonly localUri: URI;
  /** Resolves when every shard knows of it. */
  readonly known: Promise<undefined>;
  readonly #settings: Settings;
  readonly #data: unknown;
  readonly #events: ShardExpectationEvents;
  readonly #known = deferred<undefined>();
  readonly #bound = deferred<Handled<T>>();
  readonly #result = deferred<T>();
  readonly #unaware: Set<Shard>;
  #state: 'expected' | 'awaited' | 'binding' | 'bound' | 'over' = 'expected';
  #hasResult = false;
  #remotePath: readonly URI[] | undefined;
  /** Who waits for `complete`; and who is the peer. */
  #arrived: Arrived | undefined;
  #chosen: Shard | undefined;

  constructor(localUri: URI, settings: Settings, o: { data: unknown; events: ShardExpectationEvents }) {
    this.localUri = localUri;
    this.#settings = settings;
    this.#data = o.data;
    this.#events = o.events;
    this.#unaware = new Set(o.events.shards());
    this.known = this.#known.promise;
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
    if (arrived !== undefined) this.#decide(arrived);
    return this.#bound.promise;
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
        this.#state = 'bound';
        this.#events.onBound(message);
        return this.#bound.resolve({ result: this.#result.promise });
      case 'result':
        return this.#settleResult(() => this.#result.resolve(message.value as T));
      case 'failed':
        return this.#settleResult(() => this.#result.reject(errorOf(message.error)));
      case 'over':
        return this.#end();
    }
  }

  #onExpected(shard: Shard, error: Error | undefined): void {
    if (error !== undefined) this.#known.reject(error);
    this.#unaware.delete(shard);
    if (this.#unaware.size === 0) this.#known.resolve(undefined);
  }

  #onArrived(arrived: Arrived): void {
    if (this.#state === 'awaited') this.#decide(arrived);
    else if (this.#state === 'expected' && this.#arrived === undefined) this.#arrived = arrived;
    else this.#refuse(arrived, this.#state === 'over' ? 481 : 506);
  }

  #decide(arrived: Arrived): void {
    const { shard, arrival, path } = arrived;
    const isPeer = this.#remotePath === undefined || isSamePath(path, this.#remotePath, this.#settings.match);
    if (!isPeer) return this.#refuse(arrived, 481);
    this.#state = 'binding';
    this.#chosen = shard;
    this.#events.post(shard, { kind: 'accept', arrival, data: this.#data });
  }

  #refuse({ shard, arrival }: Arrived, code: number): void {
    this.#events.post(shard, { kind: 'refuse', arrival, code });
  }

  #onLeft(shard: Shard): void {
    if (this.#arrived?.shard === shard) this.#arrived = undefined;
    if (this.#state !== 'binding' || this.#chosen !== shard) return;
    this.#state = 'awaited';
    this.#chosen = undefined;
  }

  #settleResult(settle: () => void): void {
    this.#hasResult = true;
    settle();
    if (this.#state === 'over') this.#events.onSettled();
  }

  /** Its shard is gone, and the session with it; others may still come to the other shards. */
  onLost(shard: Shard, error: Error): void {
    this.#onExpected(shard, undefined);
    const wasBinding = this.#state === 'binding' && this.#chosen === shard;
    this.#onLeft(shard);
    if (wasBinding || this.#chosen !== shard) return;
    this.#end();
    if (!this.#hasResult) this.#settleResult(() => this.#result.reject(error));
  }

  /** The URI is no longer expected. Rejects a `complete` that waits; a session that was bound lives on. */
  cancel(error: Error): void {
    if (this.#state === 'bound' || this.#state === 'over') return;
    this.#bound.reject(error);
    this.#forget(false);
    this.#hasResult = true;
    this.#end();
  }

  /** Nobody waits any more for what `complete` gave: also a session that was bound goes. */
  abandon(_bound: Promise<unknown>, error: Error): void {
    if (this.#state === 'bound') this.#forget(true);
    else this.cancel(error);
  }

  /** A peer that was chosen may be bound at this moment. */
  #forget(isAbandoned: boolean): void {
    for (const shard of this.#events.shards()) {
      this.#events.post(shard, { kind: 'forget', isAbandoned: isAbandoned || shard === this.#chosen });
    }
  }

  #end(): void {
    if (this.#state === 'over') return;
    // The other shards; here it is over already.
    if (this.#state === 'bound') this.#forget(true);
    this.#state = 'over';
    this.#known.resolve(undefined);
    this.#events.onOver();
    if (this.#hasResult) this.#events.onSettled();
  }
}

function deferred<T>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, 'promise'>;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  return { promise, ...settle };
}
