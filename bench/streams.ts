// Streams of SENDs to decode, made from a seed so that every run decodes the same octets: random bodies, ids of their own.

import { createHash } from 'node:crypto';

/** What to fill a stream with. */
export interface StreamShape {
  /** Octets of body in each chunk. */
  readonly bodyBytes: number;
  /** Sessions that take turns. */
  readonly sessions: number;
  /** Whether each chunk is a message of its own, or all are one long message. */
  readonly eachItsMessage: boolean;
  readonly totalBytes: number;
}

export interface Stream {
  readonly reads: readonly Buffer[];
  readonly bytes: number;
  readonly chunks: number;
  readonly bodyBytes: number;
  /** SHA-1 of all bodies. */
  readonly bodyHash: string;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const readBytes = 65_536;

/** xorshift32: quick, and the same everywhere. */
export class Seeded {
  #state = 0x9e3779b9;

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.next() >>> 24;
    return bytes;
  }

  id(length = 16): string {
    let text = '';
    while (text.length < length) text += alphabet[this.next() % 62];
    return text;
  }
}

export function headOf(id: string, paths: string, messageId: string, range: string): string {
  return `MSRP ${id} SEND\r\n${paths}Message-ID: ${messageId}\r\nByte-Range: ${range}\r\nContent-Type: application/octet-stream\r\n\r\n`;
}

export function pathsOf(seeded: Seeded): string {
  const [to, from] = [seeded.id(20), seeded.id(20)];
  return `To-Path: msrp://127.0.0.1:45678/${to};tcp\r\nFrom-Path: msrp://127.0.0.1:45679/${from};tcp\r\n`;
}

/** The stream, cut into reads of 64 KiB as a socket gives them. */
export function makeStream(shape: StreamShape): Stream {
  const seeded = new Seeded();
  const sessions = Array.from({ length: shape.sessions }, () => pathsOf(seeded));
  const random = seeded.bytes(shape.bodyBytes + 65_536);
  const pieces: Buffer[] = [];
  let bytes = 0;
  let chunks = 0;
  const hash = createHash('sha1');
  for (let messageId = seeded.id(), start = 1; bytes < shape.totalBytes; chunks++, start += shape.bodyBytes) {
    const id = seeded.id();
    if (shape.eachItsMessage) [messageId, start] = [seeded.id(), 1];
    const range = shape.eachItsMessage ? `1-${shape.bodyBytes}/${shape.bodyBytes}` : `${start}-*/1000000000000`;
    const head = Buffer.from(headOf(id, sessions[chunks % shape.sessions]!, messageId, range));
    const end = Buffer.from(`\r\n-------${id}${shape.eachItsMessage ? '$' : '+'}\r\n`);
    // Another part of the random octets each time: a processor learns what comes again and again.
    const from = seeded.next() % 65_536;
    const body = random.subarray(from, from + shape.bodyBytes);
    pieces.push(head, body, end);
    hash.update(body);
    bytes += head.length + body.length + end.length;
  }
  return {
    reads: cutInto(Buffer.concat(pieces), readBytes),
    bytes,
    chunks,
    bodyBytes: chunks * shape.bodyBytes,
    bodyHash: hash.digest('hex'),
  };
}

/** Each read in memory of its own. */
export function cutInto(octets: Buffer, size: number): Buffer[] {
  const reads: Buffer[] = [];
  for (let at = 0; at < octets.length; at += size) reads.push(Buffer.from(octets.subarray(at, at + size)));
  return reads;
}
