// The bodies that can be sent, as two kinds: octets that are there, and something that gives octets when asked, from anywhere or from its
// beginning only.

import { Readable } from 'node:stream';

/** A body that can be read from anywhere, as a file: what the peer has of it already is then not read again. */
export interface SeekableBody {
  /** In octets. */
  readonly size: number;
  /** Its octets behind the first `start`. Called again when that place has moved. */
  stream(start: number): AsyncIterable<Uint8Array>;
}

export type Body = string | Uint8Array | Blob | Readable | AsyncIterable<Uint8Array> | SeekableBody;

export interface Source {
  readonly octets: Buffer | AsyncIterator<Uint8Array>;
  /** In octets; undefined for a stream. */
  readonly size: number | undefined;
  readonly contentType: string;
  /** Where it can be read from anywhere: what is behind the first `start` octets. */
  readonly from?: (start: number) => AsyncIterator<Uint8Array>;
}

/** `size`: of a stream, if the caller knows. A string stands for its UTF-8. Bytes are not copied: leave them alone until they are sent. */
export function sourceOf(body: Body, size: number | undefined): Source {
  if (typeof body === 'string') return whole(Buffer.from(body), 'text/plain');
  if (body instanceof Uint8Array) return whole(bufferOver(body), 'application/octet-stream');
  if (body instanceof Blob) {
    const from = (start: number): AsyncIterator<Uint8Array> => opened(() => body.slice(start).stream());
    return { octets: from(0), size: body.size, contentType: body.type || 'application/octet-stream', from };
  }
  if ('stream' in body) {
    const from = (start: number): AsyncIterator<Uint8Array> => opened(() => body.stream(start));
    return { octets: from(0), size: body.size, contentType: 'application/octet-stream', from };
  }
  return {
    octets: body instanceof Readable ? readableOctets(body) : streamed(body),
    size,
    contentType: 'application/octet-stream',
  };
}

/** The same memory. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function whole(octets: Buffer, contentType: string): Source {
  return { octets, size: octets.length, contentType };
}

/** Opened when it is read, so that what `open` throws is a failure of the source. */
async function* opened(open: () => AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  yield* streamed(open());
}

async function* streamed(body: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    if (typeof piece === 'string') yield Buffer.from(piece);
    else if (piece instanceof Uint8Array) yield piece;
    else throw new TypeError('a body is made of octets or text');
  }
}

/** A generator does not hear that no more is wanted before its stream has given what it was asked for: the stream is told itself. */
function readableOctets(body: Readable): AsyncIterator<Uint8Array> {
  const octets = streamed(body);
  return {
    next: () => octets.next(),
    return: () => {
      body.destroy();
      return octets.return(undefined);
    },
  };
}
