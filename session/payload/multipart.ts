// Bodies of several parts: multipart/mixed, multipart/alternative and their like (RFC 2046 section 5.1).
//
//   preamble CRLF  --boundary CRLF  part  CRLF --boundary CRLF  part  CRLF --boundary-- CRLF  epilogue
//   part = *( MIME-field CRLF ) [ CRLF content ]
//
// Only a whole line is a boundary: one whose text goes on behind it is content. The parts are views of the body, found by
// a search for the boundary that looks at no octet twice.

import { acceptsMediaType, bufferOf, type HeaderEntry, Headers, parseMediaType } from '../../codec/index.ts';
import { type Random, systemRandom } from '../../net/index.ts';
import { malformed, unwritable } from './malformed.ts';
import { parseMIMEFields, type PayloadOptions, readBlock } from './mime-head.ts';

export interface MultipartOptions extends PayloadOptions {
  /** More parts are malformed. Default 64. */
  maxParts?: number;
}

const defaultMaxParts = 64;

export interface BodyPart {
  /** The MIME fields of the part. */
  readonly headers: Headers;
  /** `text/plain` where the part names none. */
  readonly contentType: string;
  /** A view of the body. May be a multipart itself. */
  readonly content: Buffer;
}

/**
 * The parts of a body with that Content-Type. Throws `MSRP_ERR_BAD_PAYLOAD`, and `MSRP_ERR_BAD_CONTENT_TYPE` for what is no media type.
 * Tolerant: bare LF, and a body that ends before its closing boundary (erratum 3850).
 */
export function parseMultipart(contentType: string, input: Uint8Array, options: MultipartOptions = {}): BodyPart[] {
  const body = bufferOf(input);
  const search = new BoundarySearch(body, boundaryOf(contentType), options.tolerant === true);
  const maxParts = options.maxParts ?? defaultMaxParts;
  const parts: BodyPart[] = [];
  for (let begin = search.next(0); begin?.isClosing !== true; ) {
    if (begin === undefined) throw malformed('the boundary does not occur in the multipart');
    const end = search.next(begin.next) ?? search.missing();
    if (parts.length === maxParts) throw malformed(`a multipart has at most ${maxParts} parts`);
    parts.push(readPart(body.subarray(begin.next, end.at), options));
    begin = end;
  }
  if (parts.length === 0) throw malformed('a multipart has at least one part');
  return parts;
}

function boundaryOf(contentType: string): string {
  const { type, parameters } = parseMediaType(contentType);
  const boundary = parameters.get('boundary') ?? '';
  if (type !== 'multipart') throw malformed('no multipart', contentType);
  if (boundary === '' || boundary.length > 70) throw malformed('a boundary has 1 to 70 characters', boundary);
  return boundary;
}

interface Boundary {
  /** Where the content before it ends: the line end in front of it is part of the boundary. */
  readonly at: number;
  /** Where what follows its line begins. */
  readonly next: number;
  readonly isClosing: boolean;
}

class BoundarySearch {
  readonly #body: Buffer;
  readonly #mark: Buffer;
  readonly #tolerant: boolean;

  constructor(body: Buffer, boundary: string, tolerant: boolean) {
    this.#body = body;
    this.#mark = Buffer.from(`--${boundary}`);
    this.#tolerant = tolerant;
  }

  /** The first boundary at or behind `from`. */
  next(from: number): Boundary | undefined {
    for (let at = from; (at = this.#body.indexOf(this.#mark, at)) !== -1; at++) {
      const contentEnd = this.#lineEndBefore(at);
      const line = contentEnd === undefined ? undefined : this.#lineBehind(at + this.#mark.length);
      if (contentEnd !== undefined && line !== undefined) return { at: contentEnd, ...line };
    }
    return undefined;
  }

  /** What stands for the closing boundary when there is none. */
  missing(): Boundary {
    if (!this.#tolerant) throw malformed('the closing boundary of the multipart is missing');
    return { at: this.#body.length, next: this.#body.length, isClosing: true };
  }

  /** Where the line end before `at` begins; undefined if `at` is not the beginning of a line. */
  #lineEndBefore(at: number): number | undefined {
    if (at === 0) return 0;
    if (this.#body[at - 1] !== 10) return undefined;
    if (this.#body[at - 2] === 13) return at - 2;
    return this.#tolerant ? at - 1 : undefined;
  }

  /** What follows the mark: "--" if it is the last one, white space and a line end; else it was no boundary. */
  #lineBehind(end: number): { next: number; isClosing: boolean } | undefined {
    const body = this.#body;
    const hasHyphens = body[end] === 45 && body[end + 1] === 45;
    let at = hasHyphens ? end + 2 : end;
    while (body[at] === 32 || body[at] === 9) at++;
    if (at === body.length && (hasHyphens || this.#tolerant)) return { next: at, isClosing: true };
    if (body[at] === 13 && body[at + 1] === 10) return { next: at + 2, isClosing: hasHyphens };
    return body[at] === 10 && this.#tolerant ? { next: at + 1, isClosing: hasHyphens } : undefined;
  }
}

/** A part may have no fields, and then begins with the blank line; or nothing but fields, and then has none. */
function readPart(part: Buffer, options: PayloadOptions): BodyPart {
  const block = readBlock(part, 0, options) ?? readBlock(Buffer.concat([part, emptyLines]), 0, options);
  if (block === undefined) throw malformed('the header fields of a part are too large');
  const headers = parseMIMEFields(block.lines);
  return { headers, contentType: headers.contentType ?? 'text/plain', content: part.subarray(block.next) };
}

const emptyLines = Buffer.from('\r\n\r\n');

/** The best part that is accepted, undefined if none is: the sender puts the plainest first (RFC 2046 section 5.1.4). */
export function chooseAlternative<Part extends Pick<BodyPart, 'contentType'>>(
  parts: readonly Part[],
  acceptTypes: readonly string[],
): Part | undefined {
  return parts.findLast(({ contentType }) => acceptsMediaType(acceptTypes, contentType));
}

export interface BodyPartInit {
  /** Default: `text/plain;charset=utf-8` for a string, else `application/octet-stream`. */
  contentType?: string;
  /** More MIME fields, such as Content-Disposition. */
  headers?: Iterable<HeaderEntry>;
  /** A string stands for its UTF-8. Bytes are not copied: leave them alone. */
  content: Uint8Array | string;
}

export interface Multipart {
  /** With the boundary. */
  readonly contentType: string;
  /** The body in pieces, with the contents as they were given. */
  readonly pieces: Buffer[];
}

/** A body of these parts. Throws `MSRP_ERR_ARGUMENT` for no parts, and for header fields that cannot be written. */
export function encodeMultipart(
  subtype: 'mixed' | 'alternative' | (string & {}),
  parts: readonly BodyPartInit[],
  o: { random?: Random } = {},
): Multipart {
  if (parts.length === 0) throw unwritable('a multipart has at least one part');
  const contents = parts.map(({ content }) => bufferOf(content));
  const boundary = newBoundary(contents, o.random ?? systemRandom);
  const pieces = parts.flatMap((part, index) => [
    Buffer.from(`${index === 0 ? '' : '\r\n'}--${boundary}\r\n${formatFields(part)}\r\n`),
    ...contents.slice(index, index + 1),
  ]);
  return {
    contentType: `multipart/${subtype};boundary=${boundary}`,
    pieces: [...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)],
  };
}

function formatFields({ content, contentType, headers = [] }: BodyPartInit): string {
  const byDefault = typeof content === 'string' ? 'text/plain;charset=utf-8' : 'application/octet-stream';
  return new Headers([['Content-Type', contentType ?? byDefault], ...headers]).format();
}

/** 128 bits that occur in none of the parts. */
function newBoundary(contents: readonly Buffer[], random: Random): string {
  const bytes = Buffer.alloc(16);
  for (;;) {
    random.fill(bytes);
    const boundary = bytes.toString('hex');
    if (!contents.some((content) => content.includes(boundary))) return boundary;
  }
}
