// A listening socket and the URIs that were given out for it: each connection belongs to nobody until its first request names one
// (R4975-5.4-8). Several sessions may bind to one connection.

import { type Head, MSRPError, type URI } from '../codec/index.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import { type Bound, Connection, type ConnectionOwner } from './connection.ts';
import { Expectation } from './expectation.ts';
import type { Settings } from './options.ts';
import { type Refusals, refusalsOf } from './refusals.ts';
import type { Listener, ServerTLS } from './socket.ts';
import type { Remote } from './unbound-limit.ts';
import { completeUri, matchKey } from './uris.ts';

export interface ListenPlace {
  readonly host: string | undefined;
  readonly ports: readonly [number, number];
  readonly tls: ServerTLS | undefined;
}

/** What a connection has been good for: nothing yet, nothing but what was refused, or a session. */
type Merit = 'none' | 'stray' | 'session';

interface Accepted {
  merit: Merit;
  /** Runs while it has no session: `bindMs` until its first one (D-CONN-4), `idleMs` until another one (D-CONN-5). */
  timer: CoarseTimer;
}

export class SharedListener implements ConnectionOwner {
  readonly #settings: Settings;
  readonly #expected = new Map<string, Expectation>();
  readonly #connections = new Map<Connection, Accepted>();
  readonly #refusals: Refusals;
  #listener!: Listener;
  #isClosed = false;
  #hasTimedOut = false;
  /** A connection is closed. */
  onGone: (() => void) | undefined;

  private constructor(settings: Settings) {
    this.#settings = settings;
    this.#refusals = refusalsOf(settings);
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
        if (port >= last || (error as MSRPError).code !== 'MSRP_ERR_LISTEN') throw error;
      }
    }
  }

  #listen(place: ListenPlace, port: number): Promise<Listener> {
    const { network, logger } = this.#settings;
    const tls = place.tls && { handshakeTimeout: this.#settings.timeouts.bindMs, ...place.tls };
    return network.listen(
      { port, host: place.host, tls, limit: this.#refusals.limit },
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

  /** Connections that may still turn out to be the peer's: nothing was refused to them, and they have time left. */
  get hopeful(): number {
    let count = 0;
    for (const [{ isOpen }, { merit }] of this.#connections) if (isOpen && merit === 'none') count++;
    return count;
  }

  /** Whether somebody connected and said nothing in time. */
  get hasTimedOut(): boolean {
    return this.#hasTimedOut;
  }

  get expected(): number {
    return this.#expected.size;
  }

  /** Connections that were closed at once, since too many had no session. */
  get refused(): number {
    return this.#refusals.limit.refused;
  }

  /** Throws `MSRP_ERR_TLS`. */
  setTLS(tls: ServerTLS): void {
    this.#listener.setTLS?.(tls);
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
    this.#connections.set(connection, {
      merit: 'none',
      timer: this.#limit(connection, this.#settings.timeouts.bindMs),
    });
  }

  admit(connection: Connection, head: Head): Bound | number {
    const [uri] = head.toPath;
    const admitted = this.expectationOf(uri!)?.admit(connection, head) ?? 481;
    const accepted = this.#connections.get(connection)!;
    if (typeof admitted !== 'number') {
      accepted.merit = 'session';
      accepted.timer.cancel();
      this.#refusals.limit.leave(remoteOf(connection));
    } else if (accepted.merit === 'none') accepted.merit = 'stray';
    return admitted;
  }

  /** Its last session has ended. */
  onIdle(connection: Connection): void {
    const { idleMs } = this.#settings.timeouts;
    if (this.#isClosed || idleMs === 0) connection.close();
    else this.#connections.get(connection)!.timer = this.#limit(connection, idleMs);
  }

  #limit(connection: Connection, ms: number): CoarseTimer {
    return this.#settings.timers.start(ms, () => {
      this.#hasTimedOut ||= this.#connections.get(connection)?.merit === 'none';
      this.#drop(connection, new MSRPError('MSRP_ERR_CLOSED', 'no session was bound in time'));
    });
  }

  /** Whoever had a session gets what we sent last. */
  #drop(connection: Connection, error?: Error): void {
    if (this.#connections.get(connection)?.merit === 'session') connection.close();
    else connection.destroy(error);
  }

  onClose(connection: Connection): void {
    this.#connections.get(connection)?.timer.cancel();
    this.#connections.delete(connection);
    this.onGone?.();
  }

  /** Stops listening; sessions live on, and connections without one go. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#refusals.close();
    for (const connection of this.#connections.keys()) if (connection.sessions === 0) this.#drop(connection);
    await this.#listener.close();
  }

  /** Resolves when the last connection is gone. */
  async drained(): Promise<void> {
    while (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.onGone = resolve;
      });
    }
  }

  /** Ends all sessions at once. */
  destroyAll(error: Error): void {
    for (const connection of this.#connections.keys()) connection.destroy(error);
  }
}

function remoteOf({ socket }: Connection): Remote {
  return { address: socket.remoteAddress, port: socket.remotePort };
}
