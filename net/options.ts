// The options of connectors, acceptors and servers, and what they are when not given.

import { isMediaType, type Limits, MSRPError } from '../codec/index.ts';
import { type Clock, systemClock } from './clock.ts';
import { type CoarseTimers, coarseTimersOf } from './coarse-timers.ts';
import { nodeNetwork } from './node-network.ts';
import { type PeerName, type PeerProfile, profileOf } from './peer-profile.ts';
import { type IdentSource, identSourceOf, type Random, systemRandom } from './random.ts';
import type { ClientTLS, Network, ServerTLS } from './socket.ts';
import type { UnboundLimits } from './unbound-limit.ts';

/** Any logger: `console` or pino will do. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Time limits in milliseconds. Never early, at most 250 ms late. 30,000 by default, all but `idleMs`. */
export interface Timeouts {
  /** Until the connection is there, with TLS. Else {@link MSRPConnectTimeout}. */
  connectMs: number;
  /** From the connection until the session is bound. Else {@link MSRPBindSessionTimeout}, and the connection is closed (D-CONN-4). */
  bindMs: number;
  /** Until the peer connects to an acceptor; whoever is refused is not the peer. Else {@link MSRPIncomingConnectTimeout}. */
  incomingMs: number;
  /**
   * How long a connection that was accepted is kept for another session when its last one has ended (D-CONN-5); 0: not at all. Once
   * nobody listens any more, it is not kept either. Default 330,000: longer than the 300,000 of a {@link ConnectionPool}, so that the
   * side closes it that may be about to bind a session.
   */
  idleMs: number;
  /** Until a relay answers an AUTH. */
  authMs: number;
  /** From the first octet of a head that does not come whole until its last: else the connection is closed, as by a peer that dribbles. */
  headMs: number;
  /**
   * Without another octet inside a body, while we read; and without the peer taking an octet of what we send: else the connection is closed.
   * Default 120,000.
   */
  idleFrameMs: number;
  /** From the last octet of a request until its response. Else the request has failed with 408. */
  responseMs: number;
}

/** What peers may make a connection hold, beyond a frame's head ({@link Limits}), and a listener. */
export interface ConnectionLimits extends UnboundLimits {
  /** Body octets received and not yet read, for each session: then the socket stops, for all its sessions. Default 262,144. */
  unreadBytes: number;
  /** Body octets that `readChunk` without size waits for; a longer chunk comes in segments. Default 16,777,216. */
  wholeChunkBytes: number;
  /** Octets of responses and reports that wait for a peer that sends but does not read: then we stop reading. Default 262,144. */
  unsentBytes: number;
  /** Malformed or misdirected requests on one connection before it is closed (D-ERR-5, D-CONN-4). Default 10. */
  badRequests: number;
  /** How long one session that does not read may stop the others on its connection, in milliseconds; then it is failed. Default 20,000. */
  stallMs: number;
}

/** What every end of a session can be told; {@link ConnectOptions} are these and the pool. */
export interface EndpointOptions {
  logger?: Logger;
  /** Log each chunk in both directions with its addresses, at level debug: heads alone, or bodies too. Session-ids are masked. */
  traffic?: 'heads' | 'bodies';
  tls?: ClientTLS & ServerTLS;
  timeouts?: Partial<Timeouts>;
  limits?: Partial<Limits & ConnectionLimits>;
  /** Take what peers are known to send against the grammar (D-GRAM-3). Default false. */
  tolerant?: boolean;
  /**
   * What a body is whose Content-Type is missing or no media type, as some old clients send it: `text/plain`, most likely. Default: such a
   * request is answered with 400.
   */
  defaultContentType?: string;
  /** Send what this peer or relay is known to take. Default: what all of them take. */
  peerProfile?: PeerName;
  /**
   * `path`: requests come to our URI and from the peer's path. `session-id`: only the session-id counts, for peers behind middleboxes
   * that rewrite addresses (D-PATH-2). Default `path`.
   */
  match?: 'path' | 'session-id';
  /** The host that our URIs name. Default: the URI given to `prepare`, or an address of this machine. */
  host?: string;
  /** The address to listen on. Default: the host of the URI given to `prepare` if that is an address, else all. */
  listenHost?: string;
  /** The ports to listen on, first and last, where the URI names none. Default: any free one. */
  portRange?: readonly [number, number];
  clock?: Clock;
  random?: Random;
  /** What opens sockets. Default: the network of this machine. */
  network?: Network;
}

/** The options with nothing left open. */
export interface Settings {
  readonly options: EndpointOptions;
  readonly logger: Logger | undefined;
  readonly timeouts: Timeouts;
  readonly limits: ConnectionLimits;
  readonly match: 'path' | 'session-id';
  readonly profile: PeerProfile;
  readonly clock: Clock;
  readonly timers: CoarseTimers;
  readonly idents: IdentSource;
  readonly network: Network;
}

const defaultTimeouts: Timeouts = {
  connectMs: 30_000,
  bindMs: 30_000,
  incomingMs: 30_000,
  idleMs: 330_000,
  authMs: 30_000,
  responseMs: 30_000,
  headMs: 30_000,
  idleFrameMs: 120_000,
};

export const defaultConnectionLimits: ConnectionLimits = {
  unreadBytes: 262_144,
  wholeChunkBytes: 16_777_216,
  unsentBytes: 262_144,
  badRequests: 10,
  stallMs: 20_000,
  unboundConnections: 4096,
  unboundPerAddress: 2048,
};

/**
 * Throws `MSRP_ERR_ARGUMENT` for a limit that is not a positive number, for a time, a media type or a peer that is none: now, and not
 * when a connection comes.
 */
export function settingsOf(options: EndpointOptions = {}): Settings {
  for (const [name, value] of Object.entries(options.limits ?? {})) {
    if (!(value > 0)) throw new MSRPError('MSRP_ERR_ARGUMENT', `the limit ${name} cannot be ${value}`);
  }
  for (const [name, ms] of Object.entries(options.timeouts ?? {})) checkMs(name, ms);
  const type = options.defaultContentType ?? 'text/plain';
  if (!isMediaType(type)) throw new MSRPError('MSRP_ERR_ARGUMENT', `"${type}" cannot be a Content-Type`);
  const clock = options.clock ?? systemClock;
  return {
    options,
    logger: options.logger,
    timeouts: { ...defaultTimeouts, ...options.timeouts },
    limits: { ...defaultConnectionLimits, ...options.limits },
    match: options.match ?? 'path',
    profile: profileOf(options.peerProfile),
    clock,
    timers: coarseTimersOf(clock),
    idents: identSourceOf(options.random ?? systemRandom),
    network: options.network ?? nodeNetwork,
  };
}

/** Throws `MSRP_ERR_ARGUMENT` unless `ms` is a time in milliseconds, of 0 to `Infinity`. */
export function checkMs(name: string, ms: number): void {
  if (!(ms >= 0)) throw new MSRPError('MSRP_ERR_ARGUMENT', `the time ${name} cannot be ${ms}`);
}
