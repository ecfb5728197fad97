// What all parts of a relay share.

import type { URI } from '../../codec/index.ts';
import type { Connection } from '../connection.ts';
import type { Settings } from '../options.ts';
import type { RelayRules } from './relay-options.ts';

/** What a relay has done since it was made, and what it holds now. */
export interface RelayCounters {
  /** Tokens that are valid, and connections to next hops that are open or being opened. */
  sessions: number;
  nextHops: number;
  /** Octets of bodies that wait for their next hop. */
  bufferedBytes: number;
  /** SENDs that came whole and were taken on, and the octets of their bodies. */
  chunks: number;
  bytes: number;
  /** Requests of other methods that were taken on. */
  otherRequests: number;
  /** REPORTs that the relay made itself: something could not be delivered. */
  reports: number;
  /** Requests that the next hop did not answer in time, and those that it refused. */
  timeouts: number;
  refusals: number;
  /** Requests that were not passed on: their path is not allowed or leads nowhere. */
  rejected: number;
  /** How often a connection was not read because its next hop was slow; and how often a session was failed for that. */
  stops: number;
  stalls: number;
  /** Connections to a next hop that failed or were not allowed. */
  connectFailures: number;
  /** AUTH requests by their outcome. */
  authChallenges: number;
  authSuccesses: number;
  authFailures: number;
  /** Connections accepted, and closed at once by a limit. */
  accepted: number;
  limited: number;
}

export interface RelayContext {
  readonly settings: Settings;
  /** They can change while the relay runs. */
  readonly limits: RelayRules['limits'];
  readonly counters: RelayCounters;
  /** The connection to a next hop. */
  readonly connect: (uri: URI) => Promise<Connection>;
}

export function newCounters(): RelayCounters {
  return {
    sessions: 0,
    nextHops: 0,
    bufferedBytes: 0,
    chunks: 0,
    bytes: 0,
    otherRequests: 0,
    reports: 0,
    timeouts: 0,
    refusals: 0,
    rejected: 0,
    stops: 0,
    stalls: 0,
    connectFailures: 0,
    authChallenges: 0,
    authSuccesses: 0,
    authFailures: 0,
    accepted: 0,
    limited: 0,
  };
}
