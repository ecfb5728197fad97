// AUTH for this relay (RFC 4976 sections 6.3 and 9.1): who is it, may it, for how long. The first failure decides:
//
//   without TLS 403; certificate of another host 403; no Authorization, or one that proves nothing, 401 with a challenge;
//   uri other than that of the request 400; user or password wrong 401; nonce old or used 401 stale=true; not allowed 403; Expires 423
//
// Whether a user exists shows nowhere: there is always a password to compare with.

import { Chunk, type Head, type HeaderEntry, MSRPError } from '../../codec/index.ts';
import {
  type Credentials,
  type DigestAlgorithm,
  formatChallenge,
  formatProof,
  hashA1,
  isAuthentic,
  readCredentials,
} from '../digest.ts';
import type { Settings } from '../options.ts';
import { systemRandom } from '../random.ts';
import { makeResponse } from '../replies.ts';
import { NonceCounts, Nonces } from './nonces.ts';
import type { Peer } from './peer.ts';
import type { RelayCounters } from './relay-counters.ts';
import type { RelayCredential, RelayOptions, RelayRules } from './relay-options.ts';

/** How long wrong AUTH requests of an address count. */
const addressMemoryMs = 60_000;
/** AUTH requests of a connection that are looked up at a time: then the rest must wait. */
const mostLookups = 16;
const defaultNonceMs = 300_000;

/** A user has proved who it is: gives the session, or the code that refuses one. */
export interface Grants {
  grant(peer: Peer, head: Head, username: string, seconds: number): { readonly usePath: string } | number;
}

/** A response that says more than a code. */
class Answer {
  readonly code: number;
  readonly fields: readonly HeaderEntry[];

  constructor(code: number, fields: readonly HeaderEntry[] = []) {
    this.code = code;
    this.fields = fields;
  }
}

export class Authentication {
  /** Replaced on reload. */
  rules: RelayRules;
  /** No new session is given any more. */
  isDraining = false;
  readonly #options: RelayOptions;
  readonly #settings: Settings;
  readonly #counters: RelayCounters;
  readonly #grants: Grants;
  readonly #nonces: Nonces;
  readonly #nonceMs: number;
  /** Stands for the password of a user that does not exist. */
  readonly #nobody: string;
  readonly #failuresOf = new Map<string, number>();
  /** A wrong AUTH has come from that address. */
  onFailure: ((address: string) => void) | undefined;

  constructor(options: RelayOptions, rules: RelayRules, settings: Settings, counters: RelayCounters, grants: Grants) {
    this.rules = rules;
    this.#options = options;
    this.#settings = settings;
    this.#counters = counters;
    this.#grants = grants;
    this.#nonceMs = options.nonceMs ?? defaultNonceMs;
    this.#nonces = new Nonces(settings.clock, this.#nonceMs, options.random ?? systemRandom);
    this.#nobody = settings.idents.sessionId();
  }

  newCounts(): NonceCounts {
    return new NonceCounts(this.#settings.clock, this.#nonceMs);
  }

  /** Answers the AUTH. Never rejects. */
  async answer(peer: Peer, head: Head): Promise<void> {
    const { connection } = peer;
    if (++peer.lookups === mostLookups) connection.stop(peer);
    const answer = await this.#decide(peer, head).catch((error: unknown) => this.#onError(error));
    if (peer.lookups-- === mostLookups) connection.go(peer);
    const { transactionId, code, comment, headers } = makeResponse(head, answer.code)!;
    const response = new Chunk({
      transactionId,
      code: code!,
      comment: comment!,
      headers: [...headers, ...answer.fields],
    });
    connection.outbox.controlChunk(response);
    this.#closeIfTooMany(peer);
  }

  #onError(error: unknown): Answer {
    this.#settings.logger?.error(`looking up a user failed: ${error instanceof Error ? error.message : String(error)}`);
    return new Answer(403);
  }

  async #decide(peer: Peer, head: Head): Promise<Answer> {
    if (!this.#mayAsk(peer, head)) return new Answer(403);
    const { authorization } = head.headers;
    const realm = head.toPath[0]!.host;
    if (authorization === undefined) return this.#challenge(peer, realm);
    const credentials = readCredentials(authorization);
    if (credentials === undefined || credentials.realm !== realm) return this.#onFailure(peer, realm);
    const uri = String(head.toPath[0]);
    if (credentials.uri !== undefined && credentials.uri !== uri) return new Answer(400);
    const ha1 = await this.#ha1Of(credentials);
    if (!isAuthentic(credentials, ha1 ?? this.#nobody, uri) || ha1 === undefined) {
      return this.#onFailure(peer, realm, credentials.username);
    }
    if (!this.#nonces.isGood(credentials.nonce, peer.id) || !peer.counts.use(credentials.nonce, credentials.count)) {
      return this.#challenge(peer, realm, true);
    }
    return this.#admit(peer, head, credentials, ha1);
  }

  /** Whether it is good for anything to look at the digest. */
  #mayAsk(peer: Peer, head: Head): boolean {
    const { socket } = peer.connection;
    if (!socket.encrypted && this.#options.allowPlainAuth !== true) return false;
    if (peer.isRelay && !peer.isHost(head.fromPath[0]!.host)) peer.isBarred = true;
    const failures = this.#failuresOf.get(socket.remoteAddress) ?? 0;
    return !peer.isBarred && failures < this.rules.limits.authFailuresPerAddress;
  }

  async #ha1Of({ username, realm, algorithm }: Credentials): Promise<string | undefined> {
    const known = await this.rules.credentials(username, realm);
    return known === undefined ? undefined : ha1From(known, algorithm, username, realm);
  }

  #challenge(peer: Peer, realm: string, stale = false): Answer {
    this.#counters.authChallenges++;
    const nonce = this.#nonces.make(peer.id);
    const fields = this.rules.algorithms.map(
      (algorithm): HeaderEntry => ['WWW-Authenticate', formatChallenge({ realm, nonce, algorithm, stale })],
    );
    return new Answer(401, fields);
  }

  #onFailure(peer: Peer, realm: string, username?: string): Answer {
    const who = username === undefined ? '' : ` as ${JSON.stringify(username)}`;
    this.#settings.logger?.warn(`${peer.connection.peerName}: wrong AUTH${who}`);
    this.#countFailure(peer);
    return this.#challenge(peer, realm);
  }

  /** R4976-6.3-16, 6.3-17: endpoints are closed for several of these, relays are not. */
  #countFailure(peer: Peer): void {
    this.#counters.authFailures++;
    if (peer.isRelay) return;
    peer.failures++;
    const { remoteAddress } = peer.connection.socket;
    this.countFailureOf(remoteAddress);
    this.onFailure?.(remoteAddress);
  }

  /** Here, or in another shard. */
  countFailureOf(address: string): void {
    const failures = this.#failuresOf.get(address) ?? 0;
    this.#failuresOf.set(address, failures + 1);
    if (failures > 0) return;
    this.#settings.timers.start(addressMemoryMs, () => this.#failuresOf.delete(address));
  }

  /** Another relay has found an AUTH of that peer wrong. */
  countForwardedFailure(peer: Peer): void {
    this.#countFailure(peer);
    this.#closeIfTooMany(peer);
  }

  #closeIfTooMany({ failures, connection }: Peer): void {
    if (failures < this.rules.limits.authFailures || !connection.isOpen) return;
    this.#settings.logger?.warn(`${connection.peerName}: too many wrong AUTH requests; closing`);
    connection.close();
  }

  async #admit(peer: Peer, head: Head, credentials: Credentials, ha1: string): Promise<Answer> {
    const { username, realm } = credentials;
    const { authorize, expires } = this.rules;
    const address = peer.connection.socket.remoteAddress;
    if (this.isDraining || !(await authorize({ username, realm, address }))) return new Answer(403);
    const seconds = head.headers.expires ?? expires.default;
    if (seconds < expires.min) return new Answer(423, [['Min-Expires', String(expires.min)]]);
    if (seconds > expires.max) return new Answer(423, [['Max-Expires', String(expires.max)]]);
    if (!peer.connection.isOpen) return new Answer(403);
    const granted = this.#grants.grant(peer, head, username, seconds);
    if (typeof granted === 'number') return new Answer(granted);
    this.#counters.authSuccesses++;
    peer.failures = 0;
    return new Answer(200, [
      ['Use-Path', granted.usePath],
      ['Authentication-Info', formatProof(credentials, ha1, String(head.toPath[0]))],
      ['Expires', String(seconds)],
    ]);
  }
}

/** Undefined where what is stored is for the other algorithm. */
function ha1From(
  known: RelayCredential,
  algorithm: DigestAlgorithm,
  username: string,
  realm: string,
): string | undefined {
  if ('password' in known) return hashA1(algorithm, username, realm, known.password);
  const all = [known.ha1].flat();
  if (!all.every((ha1) => /^(?:[\da-f]{32}|[\da-f]{64})$/i.test(ha1))) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', 'an H(A1) is 32 or 64 hex digits', { scope: 'transaction' });
  }
  return all.find((ha1) => ha1.length === (algorithm === 'MD5' ? 32 : 64))?.toLowerCase();
}
