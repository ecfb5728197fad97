// A chunk is one whole frame: a request with the part of a message that it carries, or a response. A long one may also
// be given out in segments ("virtual chunks"), each a Chunk of its own with the Byte-Range of just its octets.

import { MSRPError } from './errors.ts';
import { Head } from './head.ts';
import { type HeaderEntry, Headers } from './headers.ts';
import { isIdent } from './ident.ts';
import { lengthOf } from './octets.ts';
import { isText } from './text.ts';

/** `$`: the message ends with this chunk. `+`: more follows. `#`: the sender has given the message up. */
export type Continuation = '$' | '+' | '#';

export interface ChunkInit {
  transactionId: string;
  /** Of a request. Either this or `code`. */
  method?: string;
  /** Of a response. */
  code?: number;
  /** Only with `code`. */
  comment?: string;
  headers?: Headers | Iterable<HeaderEntry>;
  /** The body; a string stands for its UTF-8. Default: none, not even an empty one. Not copied: leave the bytes alone. */
  data?: Uint8Array | string;
  /** The body in several pieces, instead of `data`. */
  parts?: readonly Buffer[];
  /** Default `$`. */
  continuation?: Continuation;
}

export class Chunk extends Head {
  /** The body, as views of the reads that it came in. Valid for good; a view keeps its read in memory. */
  readonly parts: readonly Buffer[];
  /** The octets of the body. */
  readonly size: number;
  readonly continuation: Continuation;
  /** 1, 2, … on the segments of a chunk that is given out in several; undefined on a whole one. */
  readonly segment: number | undefined;
  #data: Buffer | undefined;

  /** Throws `MSRP_ERR_ARGUMENT` for what could not be a frame. */
  constructor(init: ChunkInit);
  /** @internal */
  constructor(
    head: Head,
    parts: readonly Buffer[],
    size: number,
    continuation: Continuation,
    segment?: number,
    headers?: Headers,
  );
  constructor(
    init: ChunkInit | Head,
    parts: readonly Buffer[] = [],
    size = 0,
    continuation: Continuation = '$',
    segment?: number,
    headers?: Headers,
  ) {
    if (init instanceof Head) {
      super(init.transactionId, init, headers ?? init.headers, init.hasBody, init.offset);
      this.parts = parts;
      this.size = size;
      this.continuation = continuation;
      this.segment = segment;
      return;
    }
    check(init);
    const body = init.parts ?? (init.data === undefined ? undefined : [bufferOf(init.data)]);
    const fields = init.headers instanceof Headers ? init.headers : new Headers(init.headers);
    super(init.transactionId, startLineOf(init), fields, body !== undefined, 0);
    this.parts = body ?? [];
    this.size = lengthOf(this.parts);
    this.continuation = init.continuation ?? '$';
    this.segment = undefined;
  }

  /** The body as one Buffer: the single part itself, or the parts joined on first use. */
  get data(): Buffer {
    return (this.#data ??= this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.size));
  }
}

function startLineOf(init: ChunkInit): {
  method: string | undefined;
  code: number | undefined;
  comment: string | undefined;
} {
  return { method: init.method, code: init.code, comment: init.comment };
}

/** `data` as a Buffer: not copied, unless it is text. */
export function bufferOf(data: Uint8Array | string): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function check(init: ChunkInit): void {
  if (!isIdent(init.transactionId)) throw argument(`"${init.transactionId}" cannot be a transaction id`);
  if ((init.method === undefined) === (init.code === undefined)) {
    throw argument('a chunk has either a method or a code');
  }
  if (init.method !== undefined && !/^[A-Z]+$/.test(init.method)) throw argument(`"${init.method}" cannot be a method`);
  if (init.code !== undefined && !(Number.isInteger(init.code) && init.code >= 0 && init.code <= 999)) {
    throw argument(`${init.code} cannot be a response code`);
  }
  if (init.comment !== undefined && init.code === undefined) throw argument('only a response has a comment');
  if (init.comment !== undefined && !isText(init.comment)) throw argument('a comment is text of one line');
  if (init.data !== undefined && init.parts !== undefined) throw argument('a body is given as data or as parts');
}

function argument(reason: string): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', reason, { scope: 'message' });
}
