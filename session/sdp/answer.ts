// The side that answers an offer (RFC 4975 section 8, RFC 6135 section 4.2):
//
//   offer of the peer --> createAnswer() --> sdp to the peer, and connect() --> session
//                    `--> refuseOffer() --> sdp to the peer

import type { MSRPSession } from '../msrp-session.ts';
import { answererRule, type Place } from './cema.ts';
import { SDPError } from './errors.ts';
import type { FileAttributes } from './file-attributes.ts';
import { LocalEnd } from './local-end.ts';
import {
  checkReachable,
  checkRemote,
  connectOptionsOf,
  isAtItsPath,
  localMedia,
  relaysOf,
  sessionOf,
  viaOf,
} from './local-media.ts';
import { commonTypes, refusalOf } from './media-rules.ts';
import { type MediaDirection, type MSRPMedia, reverseOf } from './msrp-media.ts';
import type { AnswerOptions, NegotiationOptions } from './negotiation-options.ts';
import { SessionDescription } from './session-description.ts';
import { allowedAnswers, type Role } from './setup.ts';

/**
 * Makes the answer to an offer, and listens for it if the peer is to connect, or connects to our `relay`. Speaks TLS exactly if the offer
 * does. Rejects as {@link AcceptorRelay.prepare} does, with an {@link SDPError} when no session can come of the offer ({@link refuseOffer}
 * then), `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, `MSRP_ERR_ARGUMENT`.
 */
export async function createAnswer(offer: string, options: AnswerOptions = {}): Promise<MSRPAnswer> {
  const offered = SessionDescription.parse(offer);
  const index = options.index ?? indexOf(offered, options);
  const remote = checkRemote(offered.media[index], options);
  const { acceptTypes = ['*'], setup: wish = 'passive' } = options;
  if (remote.acceptTypes.length > 0 && commonTypes(acceptTypes, remote.acceptTypes).length === 0) {
    throw new SDPError('no-common-type', 'neither side takes a media type of the other');
  }
  const allowed = allowedAnswers(remote.setup);
  const setup = allowed.includes(wish) ? wish : (allowed[0] ?? 'passive');
  checkReachable(remote, setup);
  const rule = options.cema === true ? answererRule(remote, await isAtItsPath(remote, options), setup) : 'path';
  if (rule === 'refuse') throw new SDPError('unusable', 'a middlebox on the way does not know CEMA');

  const cema = rule === 'cema';
  const end = await openEnd(remote, setup, options);
  try {
    const own = { setup, cema, protocol: remote.protocol, ...answeredFile(remote, options) };
    const media = localMedia(end.path, options, own);
    const { host } = end.uri;
    const given = options.description === undefined ? undefined : SessionDescription.parse(options.description);
    const base = given ?? SessionDescription.refusing(offered, host, options.connect?.random);
    const via = viaOf(remote, options, cema);
    return new MSRPAnswer({
      end,
      sdp: base.with(media, index).toString(),
      index,
      media,
      remote,
      role: setup,
      via,
      options,
    });
  } catch (error) {
    await end.cleanup();
    throw error;
  }
}

/** An answer that was made, and the session that it promises. Made by {@link createAnswer}. */
export class MSRPAnswer {
  /** The whole description, for the peer. */
  readonly sdp: string;
  /** Which m-line it is about, from 0. */
  readonly index: number;
  /** What we said. */
  readonly media: MSRPMedia;
  /** What the peer said. */
  readonly remote: MSRPMedia;
  readonly #parts: AnswerParts;

  /** @internal */
  constructor(parts: AnswerParts) {
    this.sdp = parts.sdp;
    this.index = parts.index;
    this.media = parts.media;
    this.remote = parts.remote;
    this.#parts = parts;
  }

  /**
   * Waits for the peer or connects to it, and gives the bound session. Once; call it when the answer is sent. Rejects as
   * {@link Connector.complete} does, and with `MSRP_ERR_TLS` for another certificate than signalled; then it has cleaned up.
   */
  async connect(o: { signal?: AbortSignal } = {}): Promise<MSRPSession> {
    const { end, role, via, options } = this.#parts;
    return sessionOf(await end.bind(this.remote, { role, via, signal: o.signal }), options, this.remote);
  }

  /** Takes the answer back: stops listening, and ends a `connect` that waits. Does not touch a session that is there. May be repeated. */
  async cleanup(): Promise<void> {
    await this.#parts.end.cleanup();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
}

interface AnswerParts {
  readonly end: LocalEnd;
  readonly sdp: string;
  readonly index: number;
  readonly media: MSRPMedia;
  readonly remote: MSRPMedia;
  readonly role: Role;
  readonly via: Place | undefined;
  readonly options: NegotiationOptions;
}

/**
 * The answer that refuses m-lines of an offer with port 0: the one of `index`, or all. `description` is the answer so far; `host` stands
 * in a new one. Throws an {@link SDPError}.
 */
export function refuseOffer(offer: string, o: { index?: number; description?: string; host?: string } = {}): string {
  const offered = SessionDescription.parse(offer);
  let answer =
    o.description === undefined
      ? SessionDescription.refusing(offered, o.host ?? '0.0.0.0')
      : SessionDescription.parse(o.description);
  for (const [index, media] of offered.media.entries()) {
    const isMeant = o.index === undefined || o.index === index;
    if (isMeant && media !== undefined) answer = answer.with(media.refused(), index);
  }
  return answer.toString();
}

/** The first m-line that a session can come of, else the first for MSRP, whose faults then tell why. */
function indexOf({ media }: SessionDescription, { connect, requireTLS }: NegotiationOptions): number {
  const rules = { tolerant: connect?.tolerant, requireTLS };
  const usable = media.findIndex((one) => one !== undefined && one.port > 0 && refusalOf(one, rules) === undefined);
  return usable === -1 ? media.findIndex((one) => one !== undefined) : usable;
}

/** R8122-6.2-1: here the fingerprints of whoever will come are known already. */
function openEnd(remote: MSRPMedia, setup: Role, options: AnswerOptions): Promise<LocalEnd> {
  const { localUri, server } = options;
  const relays = relaysOf(options, remote.path[0]?.useTLS === true);
  if (relays.length > 0) return LocalEnd.behind(relays, { connect: options.connect ?? {}, localUri });
  const connect = connectOptionsOf(options, remote.path[0]?.useTLS === true);
  const { fingerprints } = remote;
  if (connect.tls !== undefined && fingerprints.length > 0) connect.tls = { ...connect.tls, fingerprints };
  const init = { connect, localUri, server };
  return setup === 'active' ? LocalEnd.connecting(init) : LocalEnd.listening(init);
}

/** R5547-8.3.1-1 and 8.3.2-1: who is sent a file repeats what identifies it; who is asked for one may say more about it. */
function answeredFile(remote: MSRPMedia, options: AnswerOptions): { direction: MediaDirection; file?: FileAttributes } {
  const direction = options.direction ?? reverseOf(remote.direction);
  if (remote.file === undefined) return { direction };
  const { selector, transferId, range } = remote.file;
  const isAsked = remote.direction === 'recvonly';
  const said = isAsked && options.file !== undefined ? options.file : { selector };
  const file = { ...said, ...(transferId !== undefined && { transferId }), ...(range !== undefined && { range }) };
  return { direction, file };
}
