// AUTH with one relay (RFC 4976 section 5.1): asked as often as it takes until the relay gives the path to use, or refuses for good.
//
//   AUTH ---> 401, a challenge that was not answered yet, or stale ---> AUTH with Authorization
//        ---> 423 Min-Expires or Max-Expires ---> AUTH with that Expires
//        ---> 200 Use-Path, and a right rspauth or none ---> granted
//        ---> anything else ---> MSRPRelayAuthError
//
// What the relay gave once, its nonce and its bounds, is remembered: a renewal is one AUTH and one 200.

import { Chunk, formatPath, type Head, type HeaderEntry, MSRPError, type URI } from '../codec/index.ts';
import { chooseChallenge, DigestClient } from './digest.ts';
import { MSRPRelayAuthError } from './errors.ts';
import type { Settings } from './options.ts';
import type { MSRPRelaySettings } from './relay-settings.ts';
import { isSuccess } from './replies.ts';
import { isSamePath } from './uris.ts';

/** What a relay grants. */
export interface Grant {
  /** What goes before the peer's path in To-Path: the nearest relay first. */
  readonly usePath: readonly URI[];
  /** For how long, in seconds; undefined: it does not say. */
  readonly expires: number | undefined;
}

/** Sends a request and gives its response. */
export type Ask = (request: Chunk) => Promise<Head>;

/** A relay that asks more often than this does not know what it wants. */
const maxRequests = 6;

export class RelayAuth {
  readonly #relay: MSRPRelaySettings;
  readonly #settings: Settings;
  readonly #digest: DigestClient;
  #expires: number | undefined;

  constructor(relay: MSRPRelaySettings, settings: Settings) {
    this.#relay = relay;
    this.#settings = settings;
    this.#digest = new DigestClient(relay.username, relay.password, () => settings.idents.sessionId());
    this.#expires = relay.expires;
  }

  /**
   * Gets `localUri` a path through the relay; `inner`: the path to the relay, empty for the nearest. Rejects with
   * {@link MSRPRelayAuthError}, and as `ask` does.
   */
  async run(localUri: URI, inner: readonly URI[], ask: Ask): Promise<Grant> {
    let isAnswered = false;
    for (let requests = 0; requests < maxRequests; requests++) {
      const response = await ask(this.#request(localUri, inner));
      try {
        if (isSuccess(response.code!)) return this.#grant(response, inner);
        if (response.code === 401) {
          this.#takeChallenge(response, isAnswered);
          isAnswered = true;
        } else if (response.code !== 423 || !this.#takeBounds(response)) {
          throw this.#refused(response);
        }
      } catch (error) {
        // A header that cannot be read.
        if (error instanceof MSRPError && !(error instanceof MSRPRelayAuthError)) {
          throw this.#refused(response, error.message, error);
        }
        throw error;
      }
    }
    throw this.#error(401, `it refused ${maxRequests} times in a row`);
  }

  #request(localUri: URI, inner: readonly URI[]): Chunk {
    const { uri } = this.#relay;
    const { profile, idents } = this.#settings;
    const headers: HeaderEntry[] = [
      ['To-Path', formatPath([...inner, uri])],
      ['From-Path', String(localUri)],
    ];
    if (this.#expires !== undefined) headers.push(['Expires', String(this.#expires)]);
    const authorization = this.#digest.authorize(String(uri), profile.sendsDigestUri);
    if (authorization !== undefined) headers.push(['Authorization', authorization]);
    return new Chunk({ transactionId: idents.transactionId(), method: 'AUTH', headers });
  }

  /** A second challenge says that the answer to the first was wrong, unless it says stale (R2617-3.2.1-1). */
  #takeChallenge(response: Head, isAnswered: boolean): void {
    const challenge = chooseChallenge(response.headers.wwwAuthenticate);
    if (challenge === undefined) throw this.#refused(response, 'it asks for nothing that we can answer');
    if (isAnswered && challenge.stale !== true) throw this.#refused(response, 'wrong username or password');
    this.#digest.take(challenge);
  }

  /** Whether the relay told us what to ask for instead. */
  #takeBounds({ headers: { minExpires, maxExpires } }: Head): boolean {
    const wanted = this.#expires;
    if (minExpires !== undefined && (wanted === undefined || wanted < minExpires)) this.#expires = minExpires;
    else if (maxExpires !== undefined && (wanted === undefined || wanted > maxExpires)) this.#expires = maxExpires;
    return this.#expires !== wanted;
  }

  #grant(response: Head, inner: readonly URI[]): Grant {
    const { authenticationInfo, usePath, expires = this.#expires } = response.headers;
    if (!this.#digest.accept(authenticationInfo)) {
      throw this.#error(response.code!, 'it does not know our password, rspauth is wrong');
    }
    if (usePath.length === 0) throw this.#error(response.code!, 'it gives no Use-Path');
    // D-AUTH-3: some relays name only themselves.
    const isComplete = isSamePath(usePath.slice(0, inner.length), inner, 'path');
    return { usePath: isComplete ? usePath : [...inner, ...usePath], expires };
  }

  #refused({ code, comment }: Head, why?: string, cause?: unknown): MSRPRelayAuthError {
    const words = [code, comment].filter((word) => word !== undefined).join(' ');
    return this.#error(code!, why === undefined ? words : `${words}, ${why}`, cause);
  }

  #error(status: number, why: string, cause?: unknown): MSRPRelayAuthError {
    const { domain, username } = this.#relay;
    return new MSRPRelayAuthError(status, `AUTH of ${username} with the relay ${domain} failed: ${why}`, cause);
  }
}
