// Listening sockets that many sessions share: one for each address, opened when the first URI of it is given out, kept until `close`. Where the
// sessions are:
//
//                    no handler                                      handler
//   no shards        here                                            here, given to the handler
//   shards           here; sockets, TLS and codec in the shards      in the shards

import type { ConnectOptions } from './connect-options.ts';
import type { ResourceLimits } from 'node:worker_threads';
import { MSRPError, type URI } from '../codec/index.ts';
import { placeOf } from './acceptor-direct.ts';
import { abortedError, type CompleteOptions } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout } from './errors.ts';
import { MSRPTransport } from './msrp-transport.ts';
import { checkMs, type Logger, type Settings, settingsOf } from './options.ts';
import {
  checkShards,
  type Handled,
  handlerFailure,
  loadHandler,
  serverPool,
  ShardListener,
  shardNetwork,
  type ShardPool,
  type ShardStats,
} from './shards/index.ts';
import { type ListenPlace, SharedListener } from './shared-listener.ts';
import type { ServerTLS } from './socket.ts';
import { checkCredentials } from './tls.ts';

export interface ServerOptions extends ConnectOptions {
  /**
   * Worker threads that the connections are spread over, each whole. Of the options they get what can be cloned; `network` is not for
   * them, `clock` and `random` stay here. Default 0: everything in this thread.
   */
  shards?: number;
  /**
   * A module whose default export is called with each bound transport and the `data` given to `prepare`, in the transport's shard;
   * `complete` resolves with what it returns, which must be fit to be cloned. When it throws, the session ends. Default: `complete` gives
   * the transport, here.
   */
  handler?: URL;
  /** Of each shard's thread. One that runs out of memory is lost with its sessions, and replaced. */
  resourceLimits?: ResourceLimits;
}

export interface PrepareOptions {
  logger?: Logger;
  /** For the handler; must be fit to be cloned. */
  data?: unknown;
}

export interface ServerStats {
  /** Listening sockets. */
  readonly listeners: number;
  readonly connections: number;
  /** URIs that are given out, bound ones included. */
  readonly expected: number;
  /** Connections that were closed at once, since too many had no session (`limits.unboundConnections`, `unboundPerAddress`). */
  readonly refused: number;
  /** Each shard by itself. */
  readonly shards: readonly ShardStats[];
}

type AnyListener<T> = SharedListener | ShardListener<T>;

interface Listening<T> {
  readonly place: ListenPlace;
  readonly listener: Promise<AnyListener<T>>;
}

/** What is still under way when a drain is over may take so long to end. */
const endingMs = 1000;

/** `T` is what its sessions are to whoever calls `complete`: transports, or what the handler returns. */
export class MSRPServer<T = MSRPTransport> {
  #settings: Settings;
  readonly #pool: ShardPool | undefined;
  readonly #handler: URL | undefined;
  /** What is for the handler, where that runs here. */
  readonly #data = new WeakMap<object, unknown>();
  readonly #listening: Listening<T>[] = [];
  readonly #open = new Set<AnyListener<T>>();
  #isClosed = false;

  /** Throws `MSRP_ERR_ARGUMENT`. */
  constructor(options: ServerOptions = {}) {
    const { shards = 0, handler, resourceLimits, network } = options;
    if (shards !== 0) checkShards(shards, network);
    const settings = settingsOf(options);
    this.#pool = shards === 0 ? undefined : serverPool(settings, { shards, handler, resourceLimits });
    this.#handler = handler;
    this.#settings = this.#pool && !handler ? { ...settings, network: shardNetwork(this.#pool) } : settings;
  }

  /**
   * Gives a URI out: on the listener of its host and port; without a port, on the first one of its host and scheme, else a new one. The
   * last URI of the result is what `complete` and `cleanup` take. Every shard knows it then. Rejects with `MSRP_ERR_LISTEN`,
   * `MSRP_ERR_TLS`, `MSRP_ERR_STATE`, `MSRP_ERR_ARGUMENT` for a handler that does not load.
   */
  async prepare(localUri?: URI, o: PrepareOptions = {}): Promise<URI[]> {
    if (this.#isClosed) throw new MSRPError('MSRP_ERR_STATE', 'the server is closed');
    const place = placeOf(localUri, this.#settings);
    const listener = await (this.#find(place) ?? this.#listen(place));
    // TypeScript does not see that `close` may have been called meanwhile.
    if (this.#isClosed as boolean) throw new MSRPError('MSRP_ERR_STATE', 'the server is closed');
    const uri = await this.#expect(listener, localUri, o.data);
    (o.logger ?? this.#settings.logger)?.debug(`expecting a session on port ${listener.port}`);
    return [uri];
  }

  async #expect(listener: AnyListener<T>, given: URI | undefined, data: unknown): Promise<URI> {
    if (listener instanceof ShardListener) {
      const expectation = listener.expect(given, data);
      try {
        await expectation.known();
      } catch (error) {
        expectation.cancel(error as Error);
        throw error;
      }
      return expectation.localUri;
    }
    const expectation = listener.expect(given);
    this.#data.set(expectation, data);
    return expectation.localUri;
  }

  #find(place: ListenPlace): Promise<AnyListener<T>> | undefined {
    const [port, last] = place.ports;
    const isAny = port !== last || port === 0;
    const sameHost = this.#listening.filter((known) => known.place.host === place.host);
    const known = sameHost.find(({ place: other }) =>
      isAny
        ? (other.tls === undefined) === (place.tls === undefined)
        : other.ports[0] === port && other.ports[1] === port,
    );
    if (known !== undefined && (known.place.tls === undefined) !== (place.tls === undefined)) {
      throw new MSRPError('MSRP_ERR_LISTEN', `port ${port} is in use ${place.tls ? 'without' : 'with'} TLS`);
    }
    return known?.listener;
  }

  #listen(place: ListenPlace): Promise<AnyListener<T>> {
    const opening = this.#openOn(place).then((listener) => {
      const { port } = listener;
      this.#listening[this.#listening.indexOf(entry)] = { place: { ...place, ports: [port, port] }, listener: opening };
      this.#open.add(listener);
      return listener;
    });
    const entry: Listening<T> = { place, listener: opening };
    this.#listening.push(entry);
    opening.catch(() => this.#listening.splice(this.#listening.indexOf(entry), 1));
    return opening;
  }

  #openOn(place: ListenPlace): Promise<AnyListener<T>> {
    if (this.#pool === undefined || this.#handler === undefined) return SharedListener.open(this.#settings, place);
    return ShardListener.open(this.#pool, this.#settings, place);
  }

  /**
   * Resolves when the session of `localUri` is bound: from `fullRemotePath` if given, else by whoever knows the session-id. Without
   * `localUri` it is the only one prepared. Rejects with {@link MSRPBindSessionTimeout} or `MSRP_ERR_ABORTED`; the URI then is no
   * longer expected. With a handler, resolves with what that returns; rejects with what it throws (`MSRP_ERR_SESSION` when that is no
   * `MSRPError`), or `MSRP_ERR_CLOSED` when its shard is lost.
   */
  async complete(fullRemotePath?: readonly URI[], o: CompleteOptions & { localUri?: URI } = {}): Promise<T> {
    const expectation = this.#expectationOf(o.localUri);
    const bound: Promise<MSRPTransport | Handled<T>> = expectation.complete(fullRemotePath);
    bound.catch(() => {});
    try {
      const session = await this.#inTime(bound, o.signal);
      if (session instanceof MSRPTransport && this.#handler === undefined) return session as T;
      const result = this.#resultOf(session, this.#data.get(expectation));
      return await unlessOver(result, o.signal);
    } catch (error) {
      if ((error as MSRPError).code !== 'MSRP_ERR_STATE') {
        expectation.abandon(bound as Promise<MSRPTransport>, error as Error);
      }
      throw error;
    }
  }

  #inTime<B>(bound: Promise<B>, signal: AbortSignal | undefined): Promise<B> {
    const { bindMs } = this.#settings.timeouts;
    const late = (): Error => new MSRPBindSessionTimeout('waiting for the session to be bound', bindMs);
    return withDeadline(this.#settings, bindMs, [signal], late, (stop) =>
      unlessAborted(bound, stop, () => abortedError('waiting for the session', stop)),
    );
  }

  #resultOf(session: MSRPTransport | Handled<T>, data: unknown): Promise<T> {
    return 'result' in session ? session.result : runHandler(this.#handler!, session, data);
  }

  #expectationOf(uri: URI | undefined) {
    const found = [...this.#open].flatMap((listener) => {
      const one = uri && listener.expectationOf(uri);
      if (uri !== undefined) return one === undefined ? [] : [one];
      return [...listener.unclaimed];
    });
    if (found.length === 1) return found[0]!;
    throw new MSRPError(
      'MSRP_ERR_STATE',
      'complete() needs a URI that prepare() gave, and localUri when there are several',
      { scope: 'session' },
    );
  }

  /** The URI is no longer expected; a `complete` that waits for it rejects. Does not touch a bound session. */
  async cleanup(localUri: URI): Promise<void> {
    for (const listener of this.#open) {
      listener
        .expectationOf(localUri)
        ?.cancel(new MSRPError('MSRP_ERR_ABORTED', 'the URI was cleaned up', { scope: 'session' }));
    }
  }

  /**
   * Another certificate, for the connections from now on; those that are there live on. What is not given stays as it is. Throws
   * `MSRP_ERR_TLS` when it cannot be used; then nothing changes.
   */
  setTLS(tls: ServerTLS): void {
    const { options } = this.#settings;
    const merged = { ...options.tls, ...tls };
    checkCredentials(merged);
    this.#settings = { ...this.#settings, options: { ...options, tls: merged } };
    for (const [at, { place, listener }] of this.#listening.entries()) {
      if (place.tls !== undefined) this.#listening[at] = { place: { ...place, tls: merged }, listener };
    }
    for (const listener of this.#open) listener.setTLS(merged);
  }

  /**
   * Stops listening and expecting. Sessions live on; the threads of shards end with the last of them. With `drain` waits until all have
   * ended, at most so many milliseconds, then ends them with `MSRP_ERR_CLOSED`, and whatever handlers still do.
   */
  async close(o: { drain?: number } = {}): Promise<void> {
    const { drain } = o;
    if (drain !== undefined) checkMs('drain', drain);
    this.#isClosed = true;
    await Promise.allSettled(this.#listening.map(({ listener }) => listener));
    for (const listener of this.#open) {
      listener.cancelAll(new MSRPError('MSRP_ERR_ABORTED', 'the server was closed', { scope: 'session' }));
      await listener.close();
    }
    const ended = this.#pool?.stop() ?? this.#ended();
    ended.catch(() => {});
    if (drain !== undefined) await this.#endWithin(drain, ended);
    else if (this.#pool !== undefined && this.stats().connections === 0) await ended;
  }

  async #ended(): Promise<void> {
    for (const listener of this.#open) if ('drained' in listener) await listener.drained();
  }

  async #endWithin(ms: number, ended: Promise<void>): Promise<void> {
    const late = new MSRPError('MSRP_ERR_CLOSED', 'the server was closed', { scope: 'session' });
    const step = (stop: AbortSignal): Promise<void> => unlessAborted(ended, stop, () => late);
    try {
      await withDeadline(this.#settings, ms, [], () => late, step);
    } catch {
      for (const listener of this.#open) if ('destroyAll' in listener) listener.destroyAll(late);
      await this.#pool?.stopNow(endingMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): ServerStats {
    const open = [...this.#open];
    const sum = (count: (listener: AnyListener<T>) => number): number => {
      let total = 0;
      for (const listener of open) total += count(listener);
      return total;
    };
    return {
      listeners: this.#isClosed ? 0 : open.length,
      connections: sum((each) => each.connections),
      expected: sum((each) => each.expected),
      refused: sum((each) => each.refused),
      shards: this.#pool?.stats() ?? [],
    };
  }
}

function unlessOver<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  return unlessAborted(result, signal, () => abortedError('waiting for the handler', signal));
}

/** The session ends when its handler fails. */
async function runHandler<T>(url: URL, transport: MSRPTransport, data: unknown): Promise<T> {
  try {
    const handler = await loadHandler(url.href);
    return (await handler(transport, data)) as T;
  } catch (error) {
    const failure = handlerFailure(error);
    transport.destroy(failure);
    throw failure;
  }
}
