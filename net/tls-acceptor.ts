// The server side of TLS on connections that somebody else accepted: a listener in this thread, or the main thread that
// handed the connection over. A connection is given out when its handshake is done and the client's certificate is good;
// until then it is ours, and no client can hold it longer than the time limit or hurt others by failing.

import type { Socket as RawSocket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { MSRPError } from '../codec/index.ts';
import type { Fingerprint } from './fingerprint.ts';
import { NodeSocket } from './node-socket.ts';
import type { ServerTLS, Socket, TLSFacts } from './socket.ts';
import { credentialsError, hostPort, peerFacts, pinsOf, serverOptions, tlsReason } from './tls.ts';

export class TLSAcceptor {
  readonly #server: Server;
  #pins: readonly Fingerprint[] | undefined;
  /** The connections in handshake, by their addresses: Node does not say which one a TLS socket came from. */
  readonly #handshakes = new Map<string, RawSocket>();
  readonly #onSocket: (socket: Socket) => void;
  readonly #onError: (error: MSRPError) => void;

  /**
   * Secured connections go to `onSocket`, failed handshakes (`MSRP_ERR_TLS`) to `onError`. Throws `MSRP_ERR_TLS` when the
   * certificate or the key cannot be used, `MSRP_ERR_ARGUMENT` for bad fingerprints.
   */
  constructor(tls: ServerTLS, onSocket: (socket: Socket) => void, onError: (error: MSRPError) => void) {
    this.#pins = pinsOf(tls);
    this.#onSocket = onSocket;
    this.#onError = onError;
    this.#server = secureServer(tls, this.#pins !== undefined);
    this.#server.on('secureConnection', (raw) => this.#onSecure(raw));
    this.#server.on('tlsClientError', (error, raw) => this.#onFailed(error, raw));
  }

  /** For the handshakes from now on; those under way and the connections that are there go on. Throws as the constructor does. */
  setTLS(tls: ServerTLS): void {
    const pins = pinsOf(tls);
    try {
      this.#server.setSecureContext(serverOptions(tls, pins !== undefined));
    } catch (error) {
      throw credentialsError(error as Error);
    }
    this.#pins = pins;
  }

  /** Takes over a connection from which nothing was read, and begins the handshake. */
  accept(raw: RawSocket): void {
    const key = addressesOf(raw);
    this.#handshakes.set(key, raw);
    raw.once('close', () => this.#forget(key, raw));
    // A FIN during the handshake ends it, instead of leaving us to wait for the time limit.
    raw.allowHalfOpen = false;
    this.#server.emit('connection', raw);
  }

  /** Drops the connections in handshake; those given out live on. */
  close(): void {
    for (const raw of this.#handshakes.values()) raw.destroy();
    this.#handshakes.clear();
  }

  #onSecure(raw: TLSSocket): void {
    this.#handshakes.delete(addressesOf(raw));
    raw.allowHalfOpen = true;
    let facts: TLSFacts;
    try {
      facts = peerFacts(raw, this.#pins);
    } catch (error) {
      this.#fail(error as Error, raw);
      return;
    }
    this.#onSocket(new NodeSocket(raw, facts));
  }

  #onFailed(cause: Error, raw: TLSSocket): void {
    // For a certificate that no CA vouches for Node only says that the connection was reset.
    const code = raw.authorizationError as unknown as string | null | undefined;
    this.#fail(cause, raw, code ?? undefined);
  }

  #fail(cause: Error, raw: TLSSocket, code?: string): void {
    const client = raw.remoteAddress === undefined ? 'a client' : hostPort(raw.remoteAddress, raw.remotePort ?? 0);
    raw.on('error', () => {});
    raw.destroy();
    const reason = tlsReason(cause, code);
    this.#onError(new MSRPError('MSRP_ERR_TLS', `TLS with ${client} failed: ${reason}`, { cause }));
  }

  #forget(key: string, raw: RawSocket): void {
    if (this.#handshakes.get(key) === raw) this.#handshakes.delete(key);
  }
}

function secureServer(tls: ServerTLS, pinned: boolean): Server {
  try {
    return createServer(serverOptions(tls, pinned));
  } catch (error) {
    throw credentialsError(error as Error);
  }
}

function addressesOf(raw: RawSocket): string {
  return [raw.localAddress, raw.localPort, raw.remoteAddress, raw.remotePort].join(' ');
}
