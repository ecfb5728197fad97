// HTTP Digest as AUTH uses it (RFC 4976 section 9.1, RFC 2617, RFC 7616): the computation, and what both sides make of the headers. The
// syntax of the headers is the codec's.
//
//   response = H( H(A1) ":" nonce ":" nc ":" cnonce ":auth:" H(A2) )      A1 = username ":" realm ":" password, A2 = method ":" uri
//   rspauth  = the same with A2 = ":" uri
//
// H is MD5 or SHA-256 (D-AUTH-6), as lower-case hex; the uri is the rightmost of To-Path, octet by octet (R4976-9.1-7). There is no other
// qop than `auth`, no `-sess` and no `domain`. Which nonces are good, and which counts were used, is for who issues them.

import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type DigestHeader,
  type DigestParameter,
  type DigestParameters,
  formatAuthenticationInfo,
  formatDigestHeader,
} from '../codec/index.ts';

export type DigestAlgorithm = 'SHA-256' | 'MD5';

/** In the order in which a relay offers them: the most preferred first. */
export const digestAlgorithms: readonly DigestAlgorithm[] = ['SHA-256', 'MD5'];

/** A demand for credentials: one WWW-Authenticate. */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  /** Absent: MD5. */
  readonly algorithm?: DigestAlgorithm | undefined;
  readonly opaque?: string | undefined;
  /** The digest was right but the nonce too old: answer this one, without asking the user. Default false. */
  readonly stale?: boolean | undefined;
}

/** An Authorization. */
export interface Credentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** Some clients leave it out; if present it must be the rightmost URI of To-Path (D-AUTH-2). */
  readonly uri: string | undefined;
  readonly response: string;
  readonly cnonce: string;
  /** The nonce count as it came, which the digest is made of. */
  readonly nc: string;
  /** The same as a number: 1 at the first use of a nonce. */
  readonly count: number;
  readonly opaque: string | undefined;
}

/** What a digest is made of. `method` is empty for rspauth. */
export interface DigestInput extends Pick<Credentials, 'algorithm' | 'nonce' | 'nc' | 'cnonce'> {
  readonly ha1: string;
  readonly method: string;
  readonly uri: string;
}

/** H(A1), 32 or 64 lower-case hex digits: the form in which a relay stores a password, good for this realm alone (R2617-3.3-1). */
export function hashA1(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/** The `response` of a request, or the `rspauth` of the answer to it. */
export function computeDigest({ algorithm, ha1, nonce, nc, cnonce, method, uri }: DigestInput): string {
  const ha2 = hash(algorithm, `${method}:${uri}`);
  return hash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`);
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

/** In a time that does not tell how much of them is equal (D-AUTH-7). */
export function isSameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The value of a WWW-Authenticate. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatChallenge({ realm, nonce, algorithm, opaque, stale }: Challenge): string {
  return formatDigestHeader('Digest', [
    ['realm', realm, true],
    ['nonce', nonce, true],
    ['qop', 'auth', true],
    ...optional('algorithm', algorithm, false),
    ...optional('opaque', opaque, true),
    ...optional('stale', stale === true ? 'true' : undefined, false),
  ]);
}

/**
 * The first challenge that can be answered: a relay offers the most preferred first (R7616-3.7-1). Undefined when there is none: another
 * scheme, another algorithm, no qop `auth`.
 */
export function chooseChallenge(headers: readonly DigestHeader[]): Challenge | undefined {
  return headers.map(readChallenge).find((challenge) => challenge !== undefined);
}

function readChallenge({ scheme, parameters }: DigestHeader): Challenge | undefined {
  const realm = parameters.get('realm');
  const nonce = parameters.get('nonce');
  const algorithm = algorithmOf(parameters);
  const offersAuth = /(?:^|,)[ \t]*auth[ \t]*(?:,|$)/i.test(parameters.get('qop') ?? '');
  if (scheme !== 'digest' || realm === undefined || nonce === undefined || !offersAuth) return undefined;
  if (algorithm === undefined) return undefined;
  return {
    realm,
    nonce,
    algorithm: parameters.has('algorithm') ? algorithm : undefined,
    opaque: parameters.get('opaque'),
    stale: parameters.get('stale')?.toLowerCase() === 'true',
  };
}

/** R2617-3.2.1-2: none is MD5. Undefined for one that we do not know. */
function algorithmOf(parameters: DigestParameters): DigestAlgorithm | undefined {
  const name = parameters.get('algorithm')?.toUpperCase() ?? 'MD5';
  return digestAlgorithms.find((algorithm) => algorithm === name);
}

/**
 * What an Authorization says. Undefined for one that proves nothing here: another scheme, algorithm or qop, a response of the wrong
 * length. The header must be complete: the decoder has refused others (`checkAuthorization`).
 */
export function readCredentials({ scheme, parameters }: DigestHeader): Credentials | undefined {
  const algorithm = algorithmOf(parameters);
  const text = (name: string): string => parameters.get(name) ?? '';
  if (scheme !== 'digest' || algorithm === undefined || text('qop').toLowerCase() !== 'auth') return undefined;
  if (text('response').length !== digestLengths[algorithm]) return undefined;
  return {
    username: text('username'),
    realm: text('realm'),
    nonce: text('nonce'),
    algorithm,
    uri: parameters.get('uri'),
    response: text('response'),
    cnonce: text('cnonce'),
    nc: text('nc'),
    count: Number.parseInt(text('nc'), 16),
    opaque: parameters.get('opaque'),
  };
}

const digestLengths: Readonly<Record<DigestAlgorithm, number>> = { 'SHA-256': 64, MD5: 32 };

/** Whether who sent `credentials` with an AUTH knows the password of `ha1`. `uri`: the rightmost of To-Path, as it came. */
export function isAuthentic(credentials: Credentials, ha1: string, uri: string): boolean {
  return isSameDigest(credentials.response, computeDigest({ ...credentials, ha1, method: 'AUTH', uri }));
}

/** The value of the Authentication-Info that proves to the client that we know its password too (R4976-9.1-8). */
export function formatProof(credentials: Credentials, ha1: string, uri: string, nextnonce?: string): string {
  return formatAuthenticationInfo([
    ...optional('nextnonce', nextnonce, true),
    ['rspauth', computeDigest({ ...credentials, ha1, method: '', uri }), true],
    ['cnonce', credentials.cnonce, true],
    ['nc', credentials.nc, false],
    ['qop', 'auth', false],
  ]);
}

function optional(name: string, value: string | undefined, isQuoted: boolean): DigestParameter[] {
  return value === undefined ? [] : [[name, value, isQuoted]];
}

/** The client's side with one relay: remembers the nonce, and counts how often it was used. */
export class DigestClient {
  readonly #username: string;
  readonly #password: string;
  readonly #makeCnonce: () => string;
  #challenge: Challenge | undefined;
  #count = 0;
  #last: DigestInput | undefined;

  /** `makeCnonce` gives another unpredictable text each time. */
  constructor(username: string, password: string, makeCnonce: () => string) {
    this.#username = username;
    this.#password = password;
    this.#makeCnonce = makeCnonce;
  }

  /** A 401 came: its challenge is the one to answer from now on. */
  take(challenge: Challenge): void {
    this.#challenge = challenge;
    this.#count = 0;
  }

  /**
   * The Authorization for the next AUTH; undefined as long as there was no challenge. `uri`: the rightmost of To-Path, as it is written.
   * `sendsUri` false leaves the parameter out.
   */
  authorize(uri: string, sendsUri = true): string | undefined {
    if (this.#challenge === undefined) return undefined;
    const { realm, nonce, algorithm, opaque } = this.#challenge;
    const ha1 = hashA1(algorithm ?? 'MD5', this.#username, realm, this.#password);
    const nc = (++this.#count).toString(16).padStart(8, '0');
    const input = { algorithm: algorithm ?? 'MD5', ha1, nonce, nc, cnonce: this.#makeCnonce(), method: 'AUTH', uri };
    this.#last = input;
    return formatDigestHeader('Digest', [
      ['username', this.#username, true],
      ['realm', realm, true],
      ['nonce', nonce, true],
      ...optional('uri', sendsUri ? uri : undefined, true),
      ['response', computeDigest(input), true],
      ['qop', 'auth', false],
      ['cnonce', input.cnonce, true],
      ['nc', nc, false],
      ...optional('algorithm', algorithm, false),
      ...optional('opaque', opaque, true),
    ]);
  }

  /**
   * The Authentication-Info of the 200 to the last `authorize`. False when its rspauth is wrong: who answered does not know the password
   * (D-AUTH-10). Without rspauth it proves nothing, and several relays send none. A nextnonce is used from now on.
   */
  accept(info: DigestParameters | undefined): boolean {
    const rspauth = info?.get('rspauth');
    if (rspauth !== undefined && this.#last !== undefined) {
      if (!isSameDigest(rspauth, computeDigest({ ...this.#last, method: '' }))) return false;
    }
    const nextnonce = info?.get('nextnonce');
    if (nextnonce !== undefined && this.#challenge !== undefined) this.take({ ...this.#challenge, nonce: nextnonce });
    return true;
  }
}
