// Outgoing connections that sessions share (RFC 4975 section 5.4, D-CONN-1): one for each target and each way of making sure who is there.

import type { CoarseTimer } from './coarse-timers.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Settings } from './options.ts';
import type { ConnectTarget, Socket } from './socket.ts';

/** How long a connection without sessions is kept, in milliseconds (D-CONN-5). */
const defaultIdleMs = 300_000;

interface Shared {
  connection: Promise<Connection>;
  /** The same, once it is there. */
  opened: Connection | undefined;
  idle: CoarseTimer | undefined;
}

/** Give the same one to all connectors that are to share connections, as `ConnectOptions.pool`. */
export class ConnectionPool {
  readonly #idleMs: number;
  readonly #shared = new Map<string, Shared>();

  /** `idleMs`: how long to keep a connection without sessions, in milliseconds; 0: not at all. Default 300,000. */
  constructor(o: { idleMs?: number } = {}) {
    this.#idleMs = o.idleMs ?? defaultIdleMs;
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#shared.size;
  }

  /** @internal The connection to `target`: the one there is, or the one that `open` makes. */
  connect(target: ConnectTarget, settings: Settings, open: () => Promise<Socket>): Promise<Connection> {
    const key = keyOf(target);
    const known = this.#shared.get(key);
    // One that is closing takes no new session, though it may take a while to be gone.
    if (known !== undefined && known.opened?.isOpen !== false) {
      known.idle?.cancel();
      known.idle = undefined;
      return known.connection;
    }
    const shared: Shared = { connection: this.#open(key, settings, open), opened: undefined, idle: undefined };
    this.#shared.set(key, shared);
    return this.#watch(key, shared);
  }

  async #open(key: string, settings: Settings, open: () => Promise<Socket>): Promise<Connection> {
    const owner: ConnectionOwner = {
      admit: () => 481,
      onClose: (connection) => {
        if (this.#shared.get(key)?.opened === connection) this.#forget(key);
      },
      onIdle: (connection) => this.#onIdle(key, connection),
    };
    return new Connection(await open(), settings, owner);
  }

  /** Keeps the entry of a connection that is being opened true. */
  #watch(key: string, shared: Shared): Promise<Connection> {
    shared.connection = shared.connection.then(
      (connection) => {
        shared.opened = connection;
        if (!connection.isOpen) this.#forget(key);
        // Those who waited bind now. They may all have given up meanwhile.
        connection.settings.network.defer(() => {
          if (connection.isOpen && connection.sessions === 0) this.#onIdle(key, connection);
        });
        return connection;
      },
      (error: unknown) => {
        this.#forget(key);
        throw error;
      },
    );
    return shared.connection;
  }

  #forget(key: string): void {
    this.#shared.get(key)?.idle?.cancel();
    this.#shared.delete(key);
  }

  #onIdle(key: string, connection: Connection): void {
    const shared = this.#shared.get(key);
    const isShared = shared?.opened === connection;
    const close = (): void => {
      if (connection.sessions > 0) return;
      if (isShared) this.#forget(key);
      connection.close();
    };
    if (!isShared || this.#idleMs === 0) return close();
    shared.idle?.cancel();
    shared.idle = connection.settings.timers.start(this.#idleMs, close);
  }

  /** Closes the connections that no session uses. */
  async close(): Promise<void> {
    for (const [key, { connection, idle }] of this.#shared) {
      idle?.cancel();
      const open = await connection.catch(() => undefined);
      if (open?.sessions !== 0) continue;
      this.#forget(key);
      open.close();
    }
  }
}

/** D-CONN-1: the same host, port and scheme, and the same proof of identity asked for. */
function keyOf({ host, port, tls }: ConnectTarget): string {
  const proof = tls?.fingerprints?.map(String).sort().join() ?? '';
  return `${tls === undefined ? 'msrp' : 'msrps'} ${host.toLowerCase()} ${port} ${tls?.servername ?? ''} ${proof}`;
}
