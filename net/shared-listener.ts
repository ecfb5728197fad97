// A listening socket and the URIs that were given out for it: each connection belongs to nobody until its first request names one
// (R4975-5.4-8). Several sessions may bind to one connection.

import { type Head, MSRPError, type URI } from '../codec/index.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import { type Bound, Connection, type ConnectionOwner } from './connection.ts';
import { Expectation } from './expectation.ts';
import type { Settings } from './options.ts';
import type { Listener, ServerTLS } from './socket.ts';
import { completeUri, matchKey } from './uris.ts';

export interface ListenPlace {
  readonly host: string | undefined;
  readonly ports: readonly [number, number];
  readonly tls: ServerTLS | undefined;
}

export class SharedListener implements ConnectionOwner {
  readonly #settings: Settings;
  readonly #expected = new Map<string, Expectation>();
  /** Connections, and until when those without a session have to bind one (D-CONN-4). */
  readonly #connections = new Map<Connection, CoarseTimer>();
  #listener!: Listener;
  /** Somebody connected. */
  onConnection: (() => void) | undefined;

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Rejects with `MSRP_ERR_LISTEN` or `MSRP_ERR_TLS`. */
  static async open(settings: Settings, place: ListenPlace): Promise<SharedListener> {
    const shared = new SharedListener(settings);
    const [first, last] = place.ports;
    for (let port = first; ; port++) {
      try {
        shared.#listener = await shared.#listen(place, port);
        return shared;
      } catch (error) {
        if (port >= last) throw error;
      }
    }
  }

  #listen(place: ListenPlace, port: number): Promise<Listener> {
    const { network, logger } = this.#settings;
    const tls = place.tls && { handshakeTimeout: this.#settings.timeouts.bindMs, ...place.tls };
    return network.listen(
      { port, host: place.host, tls },
      (socket) => this.#accept(new Connection(socket, this.#settings, this)),
      (error) => logger?.warn(error.message),
    );
  }

  get port(): number {
    return this.#listener.port;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get expected(): number {
    return this.#expected.size;
  }

  /** Gives a URI out. Throws `MSRP_ERR_STATE` when it is given out already. */
  expect(given: URI | undefined): Expectation {
    const uri = completeUri(given, this.#settings, this.port);
    const key = matchKey(uri, this.#settings.match);
    if (this.#expected.has(key)) throw new MSRPError('MSRP_ERR_STATE', 'that URI is in use', { scope: 'session' });
    const expectation = new Expectation(uri, this.#settings, () => this.#expected.delete(key));
    this.#expected.set(key, expectation);
    return expectation;
  }

  expectationOf(uri: URI): Expectation | undefined {
    return this.#expected.get(matchKey(uri, this.#settings.match));
  }

  /** The URIs that nobody has called `complete` for. */
  get unclaimed(): Expectation[] {
    return [...this.#expected.values()].filter(({ isClaimed }) => !isClaimed);
  }

  /** Nothing is expected any more. */
  cancelAll(error: Error): void {
    for (const expectation of this.#expected.values()) expectation.cancel(error);
  }

  #accept(connection: Connection): void {
    if (!connection.isOpen) return;
    const { timers, timeouts } = this.#settings;
    const late = (): void => {
      if (connection.sessions === 0) {
        connection.destroy(new MSRPError('MSRP_ERR_CLOSED', 'no session was bound in time'));
      }
    };
    this.#connections.set(connection, timers.start(timeouts.bindMs, late));
    this.onConnection?.();
  }

  admit(connection: Connection, head: Head): Bound | number {
    const [uri] = head.toPath;
    return this.#expected.get(matchKey(uri!, this.#settings.match))?.admit(connection, head) ?? 481;
  }

  onClose(connection: Connection): void {
    this.#connections.get(connection)?.cancel();
    this.#connections.delete(connection);
  }

  /** Stops listening; sessions live on, and connections without one go. */
  async close(): Promise<void> {
    for (const connection of this.#connections.keys()) if (connection.sessions === 0) connection.destroy();
    await this.#listener.close();
  }
}
