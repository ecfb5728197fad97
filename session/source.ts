// The bodies that can be sent, as two kinds: octets that are there, and something that gives octets when asked.

import { Readable } from 'node:stream';

export type Body = string | Uint8Array | Blob | Readable | AsyncIterable<Uint8Array>;

export interface Source {
  readonly octets: Buffer | AsyncIterator<Uint8Array>;
  /** In octets; undefined for a stream. */
  readonly size: number | undefined;
  readonly contentType: string;
}

/** `size`: of a stream, if the caller knows. A string stands for its UTF-8. Bytes are not copied: leave them alone until they are sent. */
export function sourceOf(body: Body, size: number | undefined): Source {
  if (typeof body === 'string') return whole(Buffer.from(body), 'text/plain');
  if (body instanceof Uint8Array) return whole(bufferOver(body), 'application/octet-stream');
  if (body instanceof Blob) {
    return { octets: streamed(body.stream()), size: body.size, contentType: body.type || 'application/octet-stream' };
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
