// Outgoing connections that sessions share (RFC 4975 section 5.4, D-CONN-1): one for each target and each way of making sure who is there.

import type { CoarseTimer } from './coarse-timers.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Settings } from './options.ts';
import type { ConnectTarget, Socket } from './socket.ts';

/** How long a connection without sessions is kept, in milliseconds (D-CONN-5). */
const defaultIdleMs = 300_000;

interface Shared {
  connection: Promise<Connection>;
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
    if (known !== undefined) {
      known.idle?.cancel();
      known.idle = undefined;
      return known.connection;
    }
    const shared: Shared = { connection: this.#open(key, settings, open), idle: undefined };
    this.#shared.set(key, shared);
    return shared.connection;
  }

  async #open(key: string, settings: Settings, open: () => Promise<Socket>): Promise<Connection> {
    const owner: ConnectionOwner = {
      admit: () => 481,
      onClose: () => this.#shared.delete(key),
      onIdle: (connection) => this.#onIdle(key, connection),
    };
    try {
      return new Connection(await open(), settings, owner);
    } catch (error) {
      this.#shared.delete(key);
      throw error;
    }
  }

  #onIdle(key: string, connection: Connection): void {
    const shared = this.#shared.get(key);
    const close = (): void => {
      if (connection.sessions > 0) return;
      this.#shared.delete(key);
      connection.close();
    };
    if (shared === undefined || this.#idleMs === 0) return close();
    shared.idle = connection.settings.timers.start(this.#idleMs, close);
  }

  /** Closes the connections that no session uses. */
  async close(): Promise<void> {
    for (const [key, { connection, idle }] of this.#shared) {
      idle?.cancel();
      const open = await connection.catch(() => undefined);
      if (open?.sessions !== 0) continue;
      this.#shared.delete(key);
      open.close();
    }
  }
}

/** D-CONN-1: the same host, port and scheme, and the same proof of identity asked for. */
function keyOf({ host, port, tls }: ConnectTarget): string {
  const proof = tls?.fingerprints?.map(String).sort().join() ?? '';
  return `${tls === undefined ? 'msrp' : 'msrps'} ${host.toLowerCase()} ${port} ${tls?.servername ?? ''} ${proof}`;
}
