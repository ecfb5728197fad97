// A whole session description (RFC 4566): the session part and its media sections, of which those for MSRP are understood and
// the others kept octet for octet. Line ends may be CRLF, LF or CR; what we write ends in CRLF.

import { write } from 'sdp-transform';
import { MSRPError } from '../../codec/index.ts';
import { type Random, systemRandom } from '../../net/index.ts';
import { SDPError } from './errors.ts';
import type { MSRPMedia } from './msrp-media.ts';
import { linesOf, parseMedia } from './parse-media.ts';

const sectionStart = /(?<=[\r\n])(?=m=)/;

/** Frozen. */
export class SessionDescription {
  /** One for each m-line, in order; `undefined` where it is not `m=message`. */
  readonly media: readonly (MSRPMedia | undefined)[];
  readonly #session: string;
  readonly #sections: readonly string[];

  private constructor(session: string, sections: readonly string[]) {
    const sessionLines = linesOf(session);
    this.#session = session;
    this.#sections = sections;
    this.media = Object.freeze(sections.map((section) => parseMedia(sessionLines, linesOf(section))));
    Object.freeze(this);
  }

  /** Throws an {@link SDPError} `syntax`. */
  static parse(text: string): SessionDescription {
    const [session = '', ...sections] = text.trimStart().split(sectionStart);
    if (!session.startsWith('v=')) throw new SDPError('syntax', 'a session description starts with v=');
    return new SessionDescription(session, sections);
  }

  /** A description without media, whose author is at `host`. `random` gives its id. */
  static create(host: string, random: Random = systemRandom): SessionDescription {
    const ipVer = host.includes(':') ? 6 : 4;
    const id = Buffer.alloc(6);
    random.fill(id);
    const sessionId = String(id.readUIntBE(0, 6));
    const text = write({
      version: 0,
      origin: { username: '-', sessionId, sessionVersion: 1, netType: 'IN', ipVer, address: host },
      name: '-',
      connection: { version: ipVer, ip: host },
      timing: { start: 0, stop: 0 },
      media: [],
    });
    return new SessionDescription(text, []);
  }

  /** An answer that refuses every m-line of `offer`: port 0, and what identifies a file (RFC 5547 section 8.3). */
  static refusing(offer: SessionDescription, host: string, random?: Random): SessionDescription {
    const { media } = offer;
    const sections = offer.#sections.map((section, index) => {
      const [start = ''] = linesOf(section);
      const line = start.replace(/^(?<kind>m=\S* +)\S+/, '$<kind>0');
      return media[index] === undefined ? `${line}\r\n` : media[index].refused().toString();
    });
    return new SessionDescription(SessionDescription.create(host, random).#session, sections);
  }

  /** The same with `media` as the m-line `index`; by default, behind the others. Throws `MSRP_ERR_ARGUMENT` for one far behind. */
  with(media: MSRPMedia, index: number = this.#sections.length): SessionDescription {
    if (index > this.#sections.length) throw new MSRPError('MSRP_ERR_ARGUMENT', `there is no m-line ${index}`);
    const sections = [...this.#sections];
    sections[index] = media.toString();
    if (index > 0 && index === this.#sections.length) sections[index - 1] = withLineEnd(sections[index - 1] ?? '');
    const session = withLineEnd(this.#session);
    return new SessionDescription(session, sections);
  }

  toString(): string {
    return this.#session + this.#sections.join('');
  }
}

function withLineEnd(text: string): string {
  return /[\r\n]$/.test(text) ? text : `${text}\r\n`;
}
