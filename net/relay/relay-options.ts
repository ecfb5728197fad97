// The options of a relay, and what they are when not given.

import { type Limits, MSRPError, type URI } from '../../codec/index.ts';
import { type DigestAlgorithm, digestAlgorithms } from '../digest.ts';
import type { ServiceResolver } from '../srv.ts';
import { type ConnectionLimits, checkMs, type EndpointOptions, type Settings, settingsOf } from '../options.ts';

/**
 * What proves a user: the password, or H(A1) of user, realm and password (RFC 2617 section 3.3) as 32 (MD5) or 64 (SHA-256) hex digits, or
 * both of them.
 */
export type RelayCredential = { readonly password: string } | { readonly ha1: string | readonly string[] };

/** What users may use of a relay, and what a relay may use of its machine. */
export interface RelayLimits {
  /** Tokens of one user at a time; more are refused with 403. Default 100. */
  sessionsPerUser: number;
  /** Next hops of one token; more are refused with 403. Default 16. */
  nextHopsPerSession: number;
  /** Connections from one address at a time; more are closed at once. Default 1,000. */
  connectionsPerAddress: number;
  /** Wrong AUTH requests on one connection before it is closed (R4976-6.3-16). Default 5. */
  authFailures: number;
  /** Wrong AUTH requests from one address in a minute before each further one is refused with 403. Default 30. */
  authFailuresPerAddress: number;
  /** Octets of bodies that wait for a next hop, of all sessions together: then those that send must wait. Default 268,435,456. */
  bufferedBytes: number;
  /** Requests that one next hop has not answered, in one session: then the sender must wait. Default 4,096. */
  unansweredRequests: number;
}

/** How long a token is good for, in seconds (RFC 4976 section 4.6). */
export interface RelayExpires {
  /** Less is refused with 423 and Min-Expires. Default 60. */
  min: number;
  /** Without Expires in the AUTH. Default 900. */
  default: number;
  /** More is refused with 423 and Max-Expires. Default 3,600. */
  max: number;
}

export interface RelayOptions extends Omit<EndpointOptions, 'limits' | 'match' | 'host' | 'listenHost' | 'portRange'> {
  /** Who may use the relay. Gives nothing for a user that there is not; what it throws refuses the AUTH with 403. */
  credentials: (username: string, realm: string) => RelayCredential | undefined | Promise<RelayCredential | undefined>;
  /** Asked when a user has proved who it is: `false` refuses it with 403. Default: all may. */
  authorize?: (user: { username: string; realm: string; address: string }) => boolean | Promise<boolean>;
  /** Names that the relay goes by, besides the hosts that it listens on (D-RELAY-12); an AUTH to one of them has it as its realm. */
  domains?: readonly string[];
  /** What Use-Path names, where others reach the relay by another URI than it listens on. Its session-id does not matter. */
  publicUri?: URI;
  /** Take AUTH without TLS, which shows tokens to everybody on the way: only behind what terminates TLS. Default false (D-AUTH-8). */
  allowPlainAuth?: boolean;
  /** Connect to private and loopback addresses as well, where an outsider could not (D-RELAY-13). Default false, but for loopback if it listens there. */
  allowPrivateNextHops?: boolean;
  /** The digests to offer, the most preferred first. Default SHA-256 and MD5; a store of H(A1) has but one of them. */
  algorithms?: readonly DigestAlgorithm[];
  expires?: Partial<RelayExpires>;
  /** How long a nonce can be answered, in milliseconds. Default 300,000. */
  nonceMs?: number;
  limits?: Partial<Limits & ConnectionLimits & RelayLimits>;
  /**
   * Worker threads that the connections are spread over, each whole; what goes from one to another crosses read by read. The callbacks
   * are called in this thread; `network`, `clock` and `random` are not for shards. Limits hold for all shards together, but for
   * `sessionsPerUser` and `authFailuresPerAddress` when several meet them at one moment; of `bufferedBytes` each has its part. Default 0:
   * everything in this thread.
   */
  shards?: number;
  /** Finds the addresses of a next hop's host. Default: the system's resolver. */
  resolve?: (host: string) => Promise<readonly string[]>;
  /** Finds the SRV records of a relay that an AUTH is for, where its URI has no port (RFC 4976 section 8). Default: the system's DNS servers. */
  resolver?: ServiceResolver;
}

export const defaultRelayLimits: RelayLimits = {
  sessionsPerUser: 100,
  nextHopsPerSession: 16,
  connectionsPerAddress: 1000,
  authFailures: 5,
  authFailuresPerAddress: 30,
  bufferedBytes: 268_435_456,
  unansweredRequests: 4096,
};

const defaultExpires: RelayExpires = { min: 60, default: 900, max: 3600 };

/** An accepted connection that no session uses is kept for an hour (R4976-6.5-1). */
const defaultIdleMs = 3_600_000;

/** What can be changed while the relay runs, with nothing left open. */
export interface RelayRules {
  readonly credentials: RelayOptions['credentials'];
  readonly authorize: NonNullable<RelayOptions['authorize']>;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly expires: RelayExpires;
  readonly limits: RelayLimits & ConnectionLimits;
}

/** Throws `MSRP_ERR_ARGUMENT` for limits and times that are none. */
export function rulesOf(options: RelayOptions): RelayRules {
  const { credentials, authorize = () => true, algorithms = digestAlgorithms } = options;
  const expires = { ...defaultExpires, ...options.expires };
  const { min, default: usual, max } = expires;
  if (!(min > 0 && min <= usual && usual <= max && Number.isInteger(min + usual + max))) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `tokens cannot be good for ${min} to ${max} s and by default ${usual} s`);
  }
  if (algorithms.length === 0) throw new MSRPError('MSRP_ERR_ARGUMENT', 'a relay needs a digest algorithm to offer');
  const limits = { ...defaultRelayLimits, ...settingsOf(endpointOptionsOf(options)).limits, ...options.limits };
  return { credentials, authorize, algorithms, expires, limits };
}

/** What `options` are once a relay that was made with them is told `rules`: of these only what can be changed counts. */
export function reloadedOptions(options: RelayOptions, rules: RelayOptions): RelayOptions {
  const { credentials, authorize, algorithms, expires, limits, tls = options.tls } = rules;
  return { ...options, ...({ credentials, authorize, algorithms, expires, limits, tls } as RelayOptions) };
}

export function relaySettingsOf(options: RelayOptions): Settings {
  checkMs('nonceMs', options.nonceMs ?? 0);
  return settingsOf(endpointOptionsOf(options));
}

/** What a connection is to know. */
function endpointOptionsOf(options: RelayOptions): EndpointOptions {
  const { logger, traffic, tls, tolerant, clock, random, network, limits } = options;
  return {
    timeouts: { idleMs: defaultIdleMs, ...options.timeouts },
    ...(logger && { logger }),
    ...(traffic && { traffic }),
    ...(tls && { tls }),
    ...(tolerant !== undefined && { tolerant }),
    ...(clock && { clock }),
    ...(random && { random }),
    ...(network && { network }),
    ...(limits && { limits }),
  };
}
