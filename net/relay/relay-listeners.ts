// Whoever connects to the relay: counted by address, and given 30 s to be good for something (R4976-6.1-2).

import { MSRPError, URI } from '../../codec/index.ts';
import type { CoarseTimer } from '../coarse-timers.ts';
import { Connection, type ConnectionOwner } from '../connection.ts';
import type { Settings } from '../options.ts';
import type { Listener, Network, ServerTLS, Socket } from '../socket.ts';
import type { NonceCounts } from './nonces.ts';
import { Peer } from './peer.ts';
import type { RelayContext } from './relay-context.ts';

/** How long the last that was sent may take to leave when the relay closes. */
const farewellMs = 5000;

interface Accepted {
  /** It had an AUTH that was right, or a request that was passed on. */
  hasMerit: boolean;
  /** Runs while it has no session. */
  timer: CoarseTimer;
}

export class RelayListeners {
  readonly #context: RelayContext;
  readonly #owner: ConnectionOwner;
  readonly #newCounts: () => NonceCounts;
  readonly #listeners: Listener[] = [];
  readonly #accepted = new Map<Connection, Accepted>();
  readonly #peers = new WeakMap<Connection, Peer>();
  readonly #ofAddress = new Map<string, number>();
  #nextId = 1;
  #onEmpty: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(context: RelayContext, owner: Pick<ConnectionOwner, 'admit' | 'isRelay'>, newCounts: () => NonceCounts) {
    this.#context = context;
    this.#newCounts = newCounts;
    this.#owner = {
      isRelay: true,
      admit: (connection, head) => owner.admit(connection, head),
      onClose: (connection) => this.#onClose(connection),
      onIdle: (connection) => this.#onIdle(connection),
    };
  }

  get size(): number {
    return this.#accepted.size;
  }

  async listen(uri: URI, network: Network = this.#context.settings.network): Promise<URI> {
    const { settings } = this.#context;
    const { logger } = settings;
    const tls = uri.useTLS ? serverTLSOf(settings) : undefined;
    const listener = await network.listen(
      { host: uri.host, port: uri.port, tls },
      (socket) => this.#onSocket(socket),
      (error) => logger?.warn(error.message),
    );
    this.#listeners.push(listener);
    return new URI({ host: uri.host, port: listener.port, useTLS: uri.useTLS });
  }

  setTLS(tls: ServerTLS): void {
    for (const listener of this.#listeners) listener.setTLS?.(tls);
  }

  peerOf(connection: Connection): Peer {
    let peer = this.#peers.get(connection);
    if (peer === undefined) {
      peer = new Peer(this.#nextId++, connection, this.#newCounts());
      this.#peers.set(connection, peer);
    }
    return peer;
  }

  #onSocket(socket: Socket): void {
    const { counters, limits, settings } = this.#context;
    const count = this.#ofAddress.get(socket.remoteAddress) ?? 0;
    if (count >= limits.connectionsPerAddress) {
      counters.limited++;
      socket.destroy();
      return;
    }
    counters.accepted++;
    this.#ofAddress.set(socket.remoteAddress, count + 1);
    const connection = new Connection(socket, settings, this.#owner);
    this.#accepted.set(connection, { hasMerit: false, timer: this.#limit(connection, settings.timeouts.bindMs) });
  }

  /** It has been good for something. */
  onMerit(connection: Connection): void {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return;
    accepted.hasMerit = true;
    accepted.timer.cancel();
  }

  /** Whoever has not connected to us has it. */
  hasMerit(connection: Connection): boolean {
    return this.#accepted.get(connection)?.hasMerit ?? true;
  }

  #onIdle(connection: Connection): void {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return;
    accepted.timer.cancel();
    accepted.timer = this.#limit(connection, this.#context.settings.timeouts.idleMs);
  }

  #limit(connection: Connection, ms: number): CoarseTimer {
    return this.#context.settings.timers.start(ms, () => {
      if (this.#accepted.get(connection)?.hasMerit === true) connection.close();
      else connection.destroy(new MSRPError('MSRP_ERR_CLOSED', 'no request was good for anything in time'));
    });
  }

  #onClose(connection: Connection): void {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return;
    accepted.timer.cancel();
    this.#accepted.delete(connection);
    const { remoteAddress } = connection.socket;
    const left = (this.#ofAddress.get(remoteAddress) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(remoteAddress, left);
    else this.#ofAddress.delete(remoteAddress);
    if (this.#accepted.size === 0) this.#onEmpty?.();
  }

  /** Accepts nobody any more. */
  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** Resolves when all connections are closed. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#accepted.size === 0) return;
    const { timers } = this.#context.settings;
    const late = timers.start(farewellMs, () => {
      for (const connection of this.#accepted.keys()) connection.destroy();
    });
    for (const connection of this.#accepted.keys()) connection.close();
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    late.cancel();
  }
}

/** Relays show a certificate, and only they (R4976-6.1-1, 9.2-5). Throws `MSRP_ERR_ARGUMENT` where there is none of ours. */
export function serverTLSOf({ options: { tls }, timeouts }: Settings): ServerTLS {
  if (tls?.cert === undefined || tls.key === undefined) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', 'listening on msrps needs a certificate and its key');
  }
  return { handshakeTimeout: timeouts.bindMs, requestClientCertificate: 'unchecked', ...tls };
}
