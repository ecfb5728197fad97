// In the main thread, with a handler: a listening socket and the URIs that were given out for it. Its connections and sessions are in shards.

import { MSRPError, type URI } from '../../codec/index.ts';
import { type Refusals, refusalsOf } from '../refusals.ts';
import type { Settings } from '../options.ts';
import type { ListenPlace } from '../shared-listener.ts';
import type { ServerTLS } from '../socket.ts';
import type { Remote } from '../unbound-limit.ts';
import { completeUri, matchKey } from '../uris.ts';
import { HandingListener } from './handing-listener.ts';
import type { FromShard, ToSession } from './protocol.ts';
import type { Shard } from './shard.ts';
import { type ExpectationOwner, ShardExpectation } from './shard-expectation.ts';
import type { ShardPool } from './shard-pool.ts';

export class ShardListener<T> implements ExpectationOwner {
  readonly #settings: Settings;
  readonly #pool: ShardPool;
  readonly #refusals: Refusals;
  #handing!: HandingListener;
  /** By URI those that serve somebody; by number also those whose handler has not returned. */
  readonly #expected = new Map<string, ShardExpectation<T>>();
  readonly #byNumber = new Map<number, ShardExpectation<T>>();

  private constructor(pool: ShardPool, settings: Settings) {
    this.#pool = pool;
    this.#settings = settings;
    this.#refusals = refusalsOf(settings);
  }

  /** Rejects with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, `MSRP_ERR_ARGUMENT` for a handler that does not load. */
  static async open<T>(pool: ShardPool, settings: Settings, place: ListenPlace): Promise<ShardListener<T>> {
    const listener = new ShardListener<T>(pool, settings);
    const [first, last] = place.ports;
    for (let port = first; ; port++) {
      try {
        listener.#handing = await listener.#listen(place, port);
        return listener;
      } catch (error) {
        if (port >= last || (error as MSRPError).code !== 'MSRP_ERR_LISTEN') throw error;
      }
    }
  }

  #listen({ host, tls }: ListenPlace, port: number): Promise<HandingListener> {
    const at = { host, port, tls, limit: this.#refusals.limit };
    const events = {
      introduce: (shard: Shard) => this.#introduce(shard),
      onMessage: (shard: Shard, message: FromShard) => this.#onMessage(shard, message),
      onLost: (shard: Shard, error: Error) => this.#onLost(shard, error),
    };
    return HandingListener.open(this.#pool, at, events, (error) => this.#settings.logger?.warn(error.message));
  }

  get port(): number {
    return this.#handing.port;
  }

  get connections(): number {
    return this.#handing.connections;
  }

  get expected(): number {
    return this.#expected.size;
  }

  get refused(): number {
    return this.#refusals.limit.refused;
  }

  /** Gives a URI out; it is `known()` when every shard has it. Throws `MSRP_ERR_STATE` when it is given out already. */
  expect(given: URI | undefined, data: unknown): ShardExpectation<T> {
    const uri = completeUri(given, this.#settings, this.port);
    const key = matchKey(uri, this.#settings.match);
    if (this.#expected.has(key)) throw new MSRPError('MSRP_ERR_STATE', 'that URI is in use', { scope: 'session' });
    const session = this.#pool.nextNumber();
    const expectation = new ShardExpectation<T>(uri, session, this, data);
    this.#expected.set(key, expectation);
    this.#byNumber.set(session, expectation);
    for (const shard of this.#pool.shards) this.#tell(shard, session, expectation);
    return expectation;
  }

  #tell(shard: Shard, session: number, { localUri }: ShardExpectation<T>): void {
    this.post(session, shard, { kind: 'expect', uri: String(localUri) });
  }

  get match(): 'path' | 'session-id' {
    return this.#settings.match;
  }

  get shards(): readonly Shard[] {
    return this.#pool.shards;
  }

  post(session: number, shard: Shard, message: ToSession): void {
    shard.post({ ...message, listener: this.#handing.number, session });
  }

  onBound(remote: Remote): void {
    this.#refusals.limit.leave(remote);
  }

  onOver({ localUri }: { readonly localUri: URI }): void {
    this.#expected.delete(matchKey(localUri, this.match));
  }

  onSettled(session: number): void {
    this.#byNumber.delete(session);
  }

  #introduce(shard: Shard): void {
    for (const [session, expectation] of this.#byNumber) {
      if (this.expectationOf(expectation.localUri) === expectation) this.#tell(shard, session, expectation);
    }
  }

  #onMessage(shard: Shard, message: FromShard): void {
    if ('session' in message) this.#byNumber.get(message.session)?.onMessage(shard, message);
  }

  #onLost(shard: Shard, error: Error): void {
    for (const expectation of this.#byNumber.values()) expectation.onLost(shard, error);
  }

  expectationOf(uri: URI): ShardExpectation<T> | undefined {
    return this.#expected.get(matchKey(uri, this.#settings.match));
  }

  get unclaimed(): ShardExpectation<T>[] {
    return [...this.#expected.values()].filter(({ isClaimed }) => !isClaimed);
  }

  cancelAll(error: Error): void {
    for (const expectation of this.#expected.values()) expectation.cancel(error);
  }

  setTLS(tls: ServerTLS): void {
    this.#handing.setTLS(tls);
  }

  async close(): Promise<void> {
    this.#refusals.close();
    await this.#handing.close();
  }
}
