// Outgoing connections that sessions share (RFC 4975 section 5.4, D-CONN-1): one for each target and each way of making sure who is there.

import type { CoarseTimer } from './coarse-timers.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { checkMs, type Settings } from './options.ts';
import type { ConnectTarget } from './socket.ts';

/** How long a connection without sessions is kept, in milliseconds (D-CONN-5). */
const defaultIdleMs = 300_000;

/** What becomes of requests for no session on a connection of a pool, and who is told how many there are. */
export interface PoolOwner extends Pick<ConnectionOwner, 'admit' | 'isRelay'> {
  onSize?(change: number): void;
}

interface Shared {
  readonly key: string;
  readonly connection: Promise<Connection>;
  /** The same, once it is there. */
  opened: Connection | undefined;
  /** How many wait for it to be there, and what gives it up with the last of them. */
  waiting: number;
  readonly abort: AbortController;
  idle: CoarseTimer | undefined;
}

/** Give the same one to all connectors that are to share connections, as `ConnectOptions.pool`. */
export class ConnectionPool {
  #idleMs: number;
  readonly #shared = new Map<string, Shared>();

  readonly #owner: PoolOwner;

  /**
   * `idleMs`: how long to keep a connection without sessions, in milliseconds; 0: not at all. Default 300,000. Throws
   * `MSRP_ERR_ARGUMENT` for what is no time.
   */
  constructor(o?: { idleMs?: number });
  /** @internal `owner`: by default such requests are answered with 481. */
  constructor(o?: { idleMs?: number }, owner?: PoolOwner);
  constructor(o: { idleMs?: number } = {}, owner: PoolOwner = { admit: () => 481 }) {
    this.#owner = owner;
    this.#idleMs = o.idleMs ?? defaultIdleMs;
    checkMs('idleMs', this.#idleMs);
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#shared.size;
  }

  /**
   * @internal The connection to `target`: the one there is, or a new one. `stop` aborts when the caller gives up; opening one, which has
   * no time limit of its own, is given up with the last who waits for it, and then rejects.
   */
  connect(target: ConnectTarget, settings: Settings, stop: AbortSignal): Promise<Connection> {
    const key = keyOf(target);
    let shared = this.#shared.get(key);
    // One that is closing takes no new session, though it may take a while to be gone.
    if (shared?.opened?.isOpen === false) this.#forget(shared);
    shared = this.#shared.get(key) ?? this.#open(key, target, settings);
    if (shared.opened === undefined) this.#await(shared, stop);
    return shared.connection;
  }

  #open(key: string, target: ConnectTarget, settings: Settings): Shared {
    const abort = new AbortController();
    const connection = settings.network.connect(target, abort.signal).then(
      (socket) => this.#onOpen(shared, new Connection(socket, settings, this.#ownerOf(shared))),
      (error: unknown) => {
        this.#forget(shared);
        throw error;
      },
    );
    const shared: Shared = { key, connection, opened: undefined, waiting: 0, abort, idle: undefined };
    this.#shared.set(key, shared);
    this.#owner.onSize?.(1);
    return shared;
  }

  #ownerOf(shared: Shared): ConnectionOwner {
    const { admit, isRelay = false } = this.#owner;
    return {
      admit,
      isRelay,
      onClose: () => this.#forget(shared),
      onIdle: () => this.#onIdle(shared),
    };
  }

  #await(shared: Shared, stop: AbortSignal): void {
    shared.waiting++;
    stop.addEventListener('abort', () => {
      if (--shared.waiting > 0 || shared.opened !== undefined) return;
      this.#forget(shared);
      shared.abort.abort(stop.reason);
    });
  }

  #onOpen(shared: Shared, connection: Connection): Connection {
    shared.opened = connection;
    // Those who waited bind now. They may all have given up meanwhile.
    connection.settings.network.defer(() => {
      if (connection.isOpen && connection.sessions === 0) this.#onIdle(shared);
    });
    return connection;
  }

  #forget(shared: Shared): void {
    shared.idle?.cancel();
    if (this.#shared.get(shared.key) !== shared) return;
    this.#shared.delete(shared.key);
    this.#owner.onSize?.(-1);
  }

  /** It is kept for a while if others can still find it. Whether a session has come meanwhile shows when the time is over. */
  #onIdle(shared: Shared): void {
    const connection = shared.opened!;
    const isFound = this.#shared.get(shared.key) === shared;
    if (!isFound || this.#idleMs === 0) return this.#close(shared);
    shared.idle?.cancel();
    shared.idle = connection.settings.timers.start(this.#idleMs, () => {
      if (connection.sessions === 0) this.#close(shared);
    });
  }

  #close(shared: Shared): void {
    this.#forget(shared);
    shared.opened?.close();
  }

  /** Closes the connections that no session uses, and later each other one with its last session. */
  async close(): Promise<void> {
    this.#idleMs = 0;
    for (const shared of this.#shared.values()) if (shared.opened?.sessions === 0) this.#close(shared);
  }
}

/** D-CONN-1: the same host, port and scheme, and the same proof of identity asked for and given. */
function keyOf({ host, port, tls, name = host }: ConnectTarget): string {
  const { servername = name, fingerprints = [], ca = [], cert = '' } = tls ?? {};
  const proofs = [fingerprints.map(String).sort(), [ca].flat(), cert].join(' ');
  return `${tls === undefined ? 'msrp' : 'msrps'} ${host.toLowerCase()} ${port} ${servername.toLowerCase()} ${proofs}`;
}
