// Tokens to chunks: whole ones, or segments ("virtual chunks") of a long one, each given out as soon as it holds enough.
//
//   wire    SEND 1-*/9  abcd|efg|hi  $              read by read
//   size 3  1-4/9 abcd + (1)   5-7/9 efg + (2)   8-9/9 hi $ (3)

import type { ByteRange } from './byte-range.ts';
import { Chunk, type Continuation } from './chunk.ts';
import type { ChunkSink } from './chunk-decoder.ts';
import type { Head } from './head.ts';

export interface AssemblerOptions {
  /**
   * A hint, in octets of body: a chunk that has reached it where a read ends is given out as a segment. 0: whatever has arrived.
   * Default: chunks are given out whole, and held in memory until then.
   */
  segmentSize?: number | undefined;
  onChunk: (chunk: Chunk) => void;
}

/**
 * A segment has the head of its chunk, but a Byte-Range of just the octets it carries. All have the flag `+`, except that the last
 * one has the chunk's own; that one is empty when the end-line came alone. They are numbered from 1; a chunk that was not cut has no
 * number and is as it came.
 */
export class ChunkAssembler implements ChunkSink {
  /** May be changed at any time; holds from the next octets on. `Infinity`: whole chunks. */
  segmentSize: number;
  readonly #onChunk: (chunk: Chunk) => void;
  #head: Head | undefined;
  #parts: Buffer[] = [];
  #size = 0;
  #segment = 0;
  /** Octets of the chunk in the segments before. */
  #given = 0;

  constructor(options: AssemblerOptions) {
    this.segmentSize = options.segmentSize ?? Number.POSITIVE_INFINITY;
    this.#onChunk = options.onChunk;
  }

  onHead(head: Head): void {
    this.#head = head;
    this.#begin();
    this.#segment = 0;
    this.#given = 0;
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (!more) this.flush();
  }

  /** Octets of the current chunk that have not been given out. */
  get size(): number {
    return this.#size;
  }

  /** Gives out what there is of the current chunk, if that is enough for a segment. */
  flush(): void {
    if (this.#size > 0 && this.#size >= this.segmentSize) this.#cut('+');
  }

  /** Hands the current chunk over to `sink`, as tokens: the rest of it goes there. It must not have been cut. */
  passOn(sink: ChunkSink): void {
    if (this.#head === undefined) return;
    sink.onHead(this.#head);
    for (const part of this.#parts) sink.onBody(part, false);
    this.#head = undefined;
    this.#begin();
  }

  onEnd(flag: Continuation): void {
    if (this.#segment > 0) this.#cut(flag);
    else this.#onChunk(new Chunk(this.#head!, this.#parts, this.#size, flag));
    this.#head = undefined;
    this.#begin();
  }

  #begin(): void {
    this.#parts = [];
    this.#size = 0;
  }

  #cut(flag: Continuation): void {
    const head = this.#head!;
    const headers = head.headers.withByteRange(this.#range(head.byteRange));
    const chunk = new Chunk(head, this.#parts, this.#size, flag, ++this.#segment, headers);
    this.#given += this.#size;
    this.#begin();
    this.#onChunk(chunk);
  }

  /** Of an empty last segment, this is `n+1-n`: never seen on the wire. A total that the octets have passed is none. */
  #range(range: ByteRange | undefined): ByteRange {
    const start = (range?.start ?? 1) + this.#given;
    const end = start + this.#size - 1;
    const total = range?.total;
    return { start, end, total: total !== undefined && end > total ? undefined : total };
  }
}
