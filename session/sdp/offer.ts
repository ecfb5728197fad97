// The side that offers a session (RFC 4975 section 8, RFC 6135 section 4.2):
//
//   createOffer() --> sdp to the peer --> its answer --> applyAnswer() --> session

import { MSRPError } from '../../codec/index.ts';
import { type ServerTLS, systemRandom } from '../../net/index.ts';
import type { MSRPSession } from '../msrp-session.ts';
import { offererRule } from './cema.ts';
import { SDPError } from './errors.ts';
import type { FileAttributes } from './file-attributes.ts';
import { LocalEnd } from './local-end.ts';
import {
  badOptions,
  checkReachable,
  checkRemote,
  connectOptionsOf,
  isAtItsPath,
  localMedia,
  relaysOf,
  sessionOf,
  viaOf,
} from './local-media.ts';
import type { MSRPMedia } from './msrp-media.ts';
import type { OfferOptions } from './negotiation-options.ts';
import { SessionDescription } from './session-description.ts';
import { roleOfOfferer } from './setup.ts';

/**
 * Makes the offer of a session, and listens for it unless `setup` is `active`, or connects to our `relay`. With `connect.tls` or a relay
 * with TLS it offers TLS. Rejects as {@link AcceptorRelay.prepare} does, with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, `MSRP_ERR_ARGUMENT`, and
 * an {@link SDPError} when `description` is none.
 */
export async function createOffer(options: OfferOptions = {}): Promise<MSRPOffer> {
  const { setup = 'actpass', direction, cema } = options;
  const file = options.file && offeredFile(options.file, options);
  const given = options.description === undefined ? undefined : SessionDescription.parse(options.description);
  const end = await openEnd(options);
  try {
    const media = localMedia(end.path, options, { setup, cema, file, direction: direction ?? (file && 'sendonly') });
    const base = given ?? SessionDescription.create(end.uri.host, options.connect?.random);
    return new MSRPOffer({ end, sdp: base.with(media).toString(), index: base.media.length, media, options });
  } catch (error) {
    await end.cleanup();
    throw error;
  }
}

function openEnd(options: OfferOptions): Promise<LocalEnd> {
  const { setup, localUri, server, connect: given = {}, requireTLS = false } = options;
  const relays = relaysOf(options);
  if (relays.length > 0) return LocalEnd.behind(relays, { connect: given, localUri });
  const connect = connectOptionsOf(options, given.tls !== undefined);
  if (connect.tls !== undefined) {
    // Fingerprints come with the answer.
    connect.tls = { ...connect.tls, requestClientCertificate: asksFor(connect.tls) };
  } else if (requireTLS) {
    throw badOptions('TLS is required, but connect.tls is missing');
  }
  const init = { connect, localUri, server };
  return setup === 'active' ? LocalEnd.connecting(init) : LocalEnd.listening(init);
}

/** An offer that was made and waits for its answer. Made by {@link createOffer}. */
export class MSRPOffer {
  /** The whole description, for the peer. */
  readonly sdp: string;
  /** Which m-line is ours, from 0. */
  readonly index: number;
  /** What we said. */
  readonly media: MSRPMedia;
  readonly #end: LocalEnd;
  readonly #options: OfferOptions;
  #remote: MSRPMedia | undefined;
  #isAnswered = false;

  /** @internal */
  constructor(parts: OfferParts) {
    this.sdp = parts.sdp;
    this.index = parts.index;
    this.media = parts.media;
    this.#end = parts.end;
    this.#options = parts.options;
  }

  /** What the peer said, once `applyAnswer` has understood it. */
  get remote(): MSRPMedia | undefined {
    return this.#remote;
  }

  /**
   * Connects to the peer or waits for it, as the answer says, and gives the bound session. Once: of a forked call the first answer
   * counts. Rejects with an {@link SDPError}, or as {@link Connector.complete} does; then it has cleaned up.
   */
  async applyAnswer(answer: string, o: { signal?: AbortSignal } = {}): Promise<MSRPSession> {
    const options = this.#options;
    if (this.#isAnswered) throw new MSRPError('MSRP_ERR_STATE', 'applyAnswer() comes once', { scope: 'session' });
    this.#isAnswered = true;
    try {
      const remote = checkRemote(SessionDescription.parse(answer).media[this.index], options);
      this.#checkAnswer(remote);
      this.#remote = remote;
      const role = roleOfOfferer(options.setup ?? 'actpass', remote.setup);
      checkReachable(remote, role);
      const rule = options.cema === true ? offererRule(remote, await isAtItsPath(remote, options), role) : 'path';
      if (rule === 'offer-again') throw new SDPError('offer-without-cema', 'a middlebox on the way does not know CEMA');
      const via = viaOf(remote, options, rule === 'cema');
      return sessionOf(await this.#end.bind(remote, { role, via, signal: o.signal }), options, remote);
    } catch (error) {
      await this.cleanup();
      throw error;
    }
  }

  /** D-SDP-8, R5547-8.1-1. Tolerance takes more TLS than was offered, but never less. */
  #checkAnswer(remote: MSRPMedia): void {
    const { media } = this;
    const isOffered = media.path[0]?.useTLS === true;
    const isTolerant = this.#options.connect?.tolerant === true && !isOffered;
    if (remote.path[0]?.useTLS !== isOffered && !isTolerant) {
      throw new SDPError('unusable', `the offer was ${media.protocol}, the answer is ${remote.protocol}`);
    }
    if (media.file !== undefined && remote.file?.transferId !== media.file.transferId) {
      throw new SDPError('unusable', 'the answer is not for the file that was offered');
    }
  }

  /** Takes the offer back: stops listening, and ends an `applyAnswer` that waits. Does not touch a session that is there. May be repeated. */
  async cleanup(): Promise<void> {
    await this.#end.cleanup();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
}

interface OfferParts {
  readonly end: LocalEnd;
  readonly sdp: string;
  readonly index: number;
  readonly media: MSRPMedia;
  readonly options: OfferOptions;
}

/** Stricter than what we ask for is fine. */
function asksFor({ requestClientCertificate }: ServerTLS): boolean | 'unchecked' {
  return requestClientCertificate === true || 'unchecked';
}

/** R5547-8.2.1-1 and 8.2.2-1. */
function offeredFile(file: FileAttributes, { direction = 'sendonly', connect }: OfferOptions): FileAttributes {
  const { name, type, size, hashes } = file.selector;
  const isPush = direction === 'sendonly';
  if (!isPush && direction !== 'recvonly') {
    throw badOptions('the direction of a file is sendonly or recvonly');
  }
  if ([type, size, hashes, isPush ? undefined : name].every((selector) => selector === undefined)) {
    throw badOptions('a file needs a type, a size or a hash');
  }
  const id = Buffer.alloc(16);
  (connect?.random ?? systemRandom).fill(id);
  return { ...file, transferId: file.transferId ?? id.toString('hex') };
}
