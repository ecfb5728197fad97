// The socket seam: types and one number. Everything above speaks to the network through these, so that a whole system of endpoints
// and relays also runs on a simulated network. `node-network.ts` is the real one.
//
// A socket is open when it is given out. Its life, as its handler sees it:
//
//   paused -> resume() -> onData* -> onEnd? -> onClose         onClose comes exactly once, and nothing after it
//
// Each direction ends on its own: after onEnd one may still write, after end() still receive. When both have ended the
// socket closes by itself. The handler's methods must not throw: there is nobody below to catch it.

import type { ChunkDecoder, ChunkSink } from '../codec/index.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { UnboundLimit } from './unbound-limit.ts';

/** What TLS found out about a connection. */
export interface TLSFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** The cipher suite by its OpenSSL name. */
  readonly cipher: string;
  /** Client: the name sent as SNI, if any. Server: the name the client asked for, if any. */
  readonly serverName?: string;
  /** Whether the peer showed a certificate and a CA or a fingerprint vouches for it. */
  readonly authorized: boolean;
  /** The peer's certificate in DER form, if it showed one. */
  readonly peerCertificate?: Buffer;
  /** The SHA-256 fingerprint of {@link peerCertificate}, as SDP has it: `SHA-256 AB:CD:...`. */
  readonly peerFingerprint?: string;
}

/** Takes what a socket has to say, in the order in which it happened. */
export interface SocketHandler {
  /** Bytes arrived. The buffer is given away for good. Not called while paused. */
  onData(input: Buffer): void;
  /** After `write` gave `false`: what was queued has left, write on. */
  onDrain(): void;
  /** The peer ends its direction (FIN); every byte before it was given. Can come while paused, when no byte is left. */
  onEnd(): void;
  /**
   * The socket is closed and forgets its handler. Writes not yet confirmed by their `written` never will be, and their
   * buffers are free again. Without `error` both sides ended, or `destroy()` was called; else it is the one given to
   * `destroy`, or an `MSRPError`: `MSRP_ERR_CLOSED` (reset, timed out) or `MSRP_ERR_TLS`. Can come while paused; unread
   * bytes are then lost.
   */
  onClose(error?: Error): void;
}

/** What makes tokens of what a socket delivers: a `ChunkDecoder`, or what stands for one that reads elsewhere. */
export type Decoder = Pick<ChunkDecoder, 'write' | 'end' | 'openPart' | 'openOffset'> &
  Partial<Pick<ChunkDecoder, 'offset' | 'writtenBefore'>> & { readonly lookAlikes?: number | undefined };

/** Bytes both ways, with back-pressure both ways: the only door to I/O. */
export interface Socket {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether this is a TLS connection, and then what TLS found out. */
  readonly encrypted: boolean;
  readonly tls: TLSFacts | undefined;
  /** Bytes given to `write` that have not left yet. */
  readonly bufferedBytes: number;
  /** Of a socket whose input another thread decodes: gives the tokens of each read to `sink` when the read is written to it. */
  decode?(sink: ChunkSink): Decoder;
  /** Others write to the same connection as well: no frame may be open at the end of a write. Default false. */
  readonly wholeFrames?: boolean;

  /**
   * Gives the events to `handler`, from now on instead of the one before. What happened before the first handler was
   * attached is kept for it. Never calls the handler before it returns.
   */
  attach(handler: SocketHandler): void;
  /**
   * Queues `buffers`, which leave together (one writev). They must not change until `written` is called, which is when
   * the system has all of them, and not before this returns. `false`: 64 KiB or more are queued, so wait for `onDrain`
   * before writing on; the bytes are taken all the same. After `end`, `destroy` or close it does nothing and gives `false`.
   */
  write(buffers: readonly Buffer[], written?: () => void): boolean;
  /** No more `onData` until `resume`, then the peer is held back too. Bytes that the system had read already are kept. */
  pause(): void;
  /** Data flows, or will once a handler is attached. A new socket is paused. Never calls the handler before it returns. */
  resume(): void;
  /** Ends our direction (FIN) once all that is queued has left. */
  end(): void;
  /** Closes at once; what is queued is dropped. The handler gets `onClose(error)`, not before this returns. */
  destroy(error?: Error): void;
}

/** PEM text, or the bytes of it. */
export type PEM = string | Buffer;

/** What each side of TLS may bring. Strings and buffers are not copied: leave them unchanged. */
export interface TLSCredentials {
  /** Our certificate, with its chain. */
  readonly cert?: PEM | undefined;
  /** The private key of {@link cert}. */
  readonly key?: PEM | undefined;
  /** The authorities to trust, instead of those that Node trusts by default. */
  readonly ca?: PEM | readonly PEM[] | undefined;
  /**
   * The peer's certificate must have one of these (RFC 8122): `SHA-256 AB:CD:...` or only the digits; upper or lower case.
   * They stand instead of the CA and name check, so an own, self-signed or expired certificate is then fine. Of several
   * hash functions the strongest one counts. An empty list counts as none.
   */
  readonly fingerprints?: readonly (string | Fingerprint)[] | undefined;
}

/** The client side. Without fingerprints the peer's certificate must come from a trusted CA and name the host. */
export interface ClientTLS extends TLSCredentials {
  /** The name to ask for (SNI) and to find in the certificate. Default: the target's `name`. */
  readonly servername?: string | undefined;
}

/** The server side; needs `cert` and `key`. */
export interface ServerTLS extends TLSCredentials {
  /**
   * `true`: the client must show a certificate of a trusted CA. `'unchecked'`: it may show one, which nobody checks here,
   * because its fingerprint is only learnt later; compare `tls.peerCertificate` before trusting any data (RFC 8122 section
   * 6.2). Fingerprints imply that one is asked for. Default `false`.
   */
  readonly requestClientCertificate?: boolean | 'unchecked' | undefined;
  /** Time for the handshake of a client, in milliseconds. Default 30,000. */
  readonly handshakeTimeout?: number | undefined;
}

/** Where to connect to. */
export interface ConnectTarget {
  /** A name or an IP address (IPv6 without brackets). The addresses of a name are tried one after the other. */
  readonly host: string;
  readonly port: number;
  /** Present: speak TLS. */
  readonly tls?: ClientTLS | undefined;
  /** The host as the URI has it, when `host` is what SRV gave for it: the peer must show a certificate for it. Default: `host`. */
  readonly name?: string | undefined;
  /** The address to connect from. Default: the system chooses. */
  readonly localAddress?: string | undefined;
}

/** Where to listen. */
export interface ListenAddress {
  /** A name or an IP address. Default: every address. */
  readonly host?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Present: speak TLS; sockets are given out after the handshake. */
  readonly tls?: ServerTLS | undefined;
  /** How many connections may wait to be accepted. Default: Node's, 511. */
  readonly backlog?: number | undefined;
  /** Counts connections from when they are accepted, and has those closed that are too many. Default: none are. */
  readonly limit?: UnboundLimit | undefined;
}

/** A listening socket. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Another certificate, for the handshakes from now on. Throws `MSRP_ERR_TLS` when it cannot be used; then nothing changes. */
  setTLS?(tls: ServerTLS): void;
  /** Stops listening and drops the handshakes under way; connections that were given out live on. Harmless when repeated. */
  close(): Promise<void>;
}

/** What opens sockets. */
export interface Network {
  /**
   * Runs `callback` when all events at hand have been dealt with: what is written on account of them then leaves together.
   * Not before this returns.
   */
  defer(callback: () => void): void;
  /**
   * Rejects with `MSRP_ERR_CONNECT` (refused, unreachable, no such name), `MSRP_ERR_TLS` (handshake failed, certificate
   * or fingerprint refused), `MSRP_ERR_ABORTED` or `MSRP_ERR_ARGUMENT` (no such port or address can be); the message names
   * the target, `cause` is what the system said. It has no time limit of its own: use `signal`, which has no effect on a
   * connection that was given out.
   */
  connect(target: ConnectTarget, signal?: AbortSignal): Promise<Socket>;
  /**
   * Gives each connection to `onSocket`. A connection that fails before (TLS: `MSRP_ERR_TLS`) or cannot be accepted (too
   * many open files: `MSRP_ERR_LISTEN`) goes to `onError`; the listener lives on. Rejects with `MSRP_ERR_LISTEN` (address
   * in use, not ours, not allowed) or `MSRP_ERR_TLS` (unusable certificate or key).
   */
  listen(at: ListenAddress, onSocket: (socket: Socket) => void, onError?: (error: Error) => void): Promise<Listener>;
}

/** Queued bytes from which `write` gives `false`. */
export const highWaterBytes = 65_536;
