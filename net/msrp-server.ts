// Listening sockets that many sessions share: one for each address, opened when the first URI of it is given out, kept until `close`.

import type { ConnectOptions } from './connect-options.ts';
import { MSRPError, type URI } from '../codec/index.ts';
import { placeOf } from './acceptor-direct.ts';
import { abortedError, type CompleteOptions } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout } from './errors.ts';
import type { Expectation } from './expectation.ts';
import type { MSRPTransport } from './msrp-transport.ts';
import { type Logger, type Settings, settingsOf } from './options.ts';
import { type ListenPlace, SharedListener } from './shared-listener.ts';

export interface ServerStats {
  /** Listening sockets. */
  readonly listeners: number;
  readonly connections: number;
  /** URIs that are given out, bound ones included. */
  readonly expected: number;
}

interface Listening {
  readonly place: ListenPlace;
  readonly listener: Promise<SharedListener>;
}

export class MSRPServer {
  readonly #settings: Settings;
  readonly #listening: Listening[] = [];
  readonly #open = new Set<SharedListener>();
  #isClosed = false;

  constructor(options?: ConnectOptions) {
    this.#settings = settingsOf(options);
  }

  /**
   * Gives a URI out: on the listener of its host and port; without a port, on the first one of its host and scheme, else a new one. The
   * last URI of the result is what `complete` and `cleanup` take. Rejects with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, `MSRP_ERR_STATE`.
   */
  async prepare(localUri?: URI, o: { logger?: Logger } = {}): Promise<URI[]> {
    if (this.#isClosed) throw new MSRPError('MSRP_ERR_STATE', 'the server is closed');
    const place = placeOf(localUri, this.#settings);
    const listener = await (this.#find(place) ?? this.#listen(place));
    // TypeScript does not see that `close` may have been called meanwhile.
    if (this.#isClosed as boolean) throw new MSRPError('MSRP_ERR_STATE', 'the server is closed');
    const { localUri: uri } = listener.expect(localUri);
    (o.logger ?? this.#settings.logger)?.debug(`expecting a session on port ${listener.port}`);
    return [uri];
  }

  #find(place: ListenPlace): Promise<SharedListener> | undefined {
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

  #listen(place: ListenPlace): Promise<SharedListener> {
    const opening = SharedListener.open(this.#settings, place).then((listener) => {
      const { port } = listener;
      this.#listening[this.#listening.indexOf(entry)] = { place: { ...place, ports: [port, port] }, listener: opening };
      this.#open.add(listener);
      return listener;
    });
    const entry: Listening = { place, listener: opening };
    this.#listening.push(entry);
    opening.catch(() => this.#listening.splice(this.#listening.indexOf(entry), 1));
    return opening;
  }

  /**
   * Resolves when the session of `localUri` is bound: from `fullRemotePath` if given, else by whoever knows the session-id. Without
   * `localUri` it is the only one prepared. Rejects with {@link MSRPBindSessionTimeout} or `MSRP_ERR_ABORTED`; the URI then is no
   * longer expected.
   */
  async complete(
    fullRemotePath?: readonly URI[],
    o: CompleteOptions & { localUri?: URI } = {},
  ): Promise<MSRPTransport> {
    const expectation = this.#expectationOf(o.localUri);
    const { bindMs } = this.#settings.timeouts;
    const late = (): Error => new MSRPBindSessionTimeout('waiting for the session to be bound', bindMs);
    const bound = expectation.complete(fullRemotePath);
    bound.catch(() => {});
    try {
      return await withDeadline(this.#settings, bindMs, [o.signal], late, (stop) =>
        unlessAborted(bound, stop, () => abortedError('waiting for the session', stop)),
      );
    } catch (error) {
      if ((error as MSRPError).code !== 'MSRP_ERR_STATE') expectation.abandon(bound, error as Error);
      throw error;
    }
  }

  #expectationOf(uri: URI | undefined): Expectation {
    const found = [...this.#open].flatMap((listener) => {
      const known = uri === undefined ? listener.unclaimed : listener.expectationOf(uri);
      return known ?? [];
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

  /** Stops listening and expecting. Sessions live on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#listening.map(({ listener }) => listener));
    for (const listener of this.#open) {
      listener.cancelAll(new MSRPError('MSRP_ERR_ABORTED', 'the server was closed', { scope: 'session' }));
      await listener.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): ServerStats {
    const open = [...this.#open];
    const sum = (count: (listener: SharedListener) => number): number => {
      let total = 0;
      for (const listener of open) total += count(listener);
      return total;
    };
    return {
      listeners: this.#isClosed ? 0 : open.length,
      connections: sum((each) => each.connections),
      expected: sum((each) => each.expected),
    };
  }
}
