// The frames of a stream of any length, one after the other, in constant memory: of a body only its size, its hash and a
// few octets from its start are kept; of the frame being read the same few, to show if it turns out malformed.

import { createHash, type Hash, hash } from 'node:crypto';
import { ChunkDecoder, ChunkParseError, type Continuation, type Head } from '../codec/index.ts';

/** A whole frame that is well-formed. */
export interface Frame {
  readonly head: Head;
  readonly bodyBytes: number;
  /** In hexadecimal; undefined without a body. */
  readonly bodySha256: string | undefined;
  /** The first octets of the body. */
  readonly bodyStart: Buffer;
  readonly continuation: Continuation;
  /** Octets of all of it, head and end-line included. */
  readonly frameBytes: number;
}

/** Told synchronously within `read` and `end`, in wire order. */
export interface FrameListener {
  onFrame(frame: Frame): void;
  /** `start`: the first octets of the frame at fault. */
  onFault(fault: ChunkParseError, start: Buffer): void;
}

export interface FrameReaderOptions {
  /** Take what is harmless against the grammar (D-GRAM-3). */
  tolerant: boolean;
  /** How many octets of a frame, and of a body, are kept to be shown. */
  startBytes: number;
}

export class FrameReader {
  readonly #listener: FrameListener;
  readonly #decoder: ChunkDecoder;
  readonly #body: Body;
  readonly #frame: FrameStart;
  #head: Head | undefined;
  #frames = 0;
  #malformed = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(listener: FrameListener, options: FrameReaderOptions) {
    this.#listener = listener;
    this.#body = new Body(options.startBytes);
    this.#frame = new FrameStart(options.startBytes);
    this.#decoder = new ChunkDecoder(
      {
        onHead: (head) => this.#begin(head),
        onBody: (bytes) => this.#body.add(bytes),
        onEnd: (continuation) => this.#end(continuation),
        onInvalid: (fault) => this.#reject(fault, this.#decoder.offset - this.#bytes),
      },
      { tolerant: options.tolerant },
    );
  }

  /** Well-formed frames so far. */
  get frames(): number {
    return this.#frames;
  }

  get malformed(): number {
    return this.#malformed;
  }

  /** Octets of the reads so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A fault has put the octets out of step: there is nothing more to read. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  read(input: Buffer): void {
    this.#frame.input = input;
    this.#untilClosed(() => this.#decoder.write(input));
    this.#bytes += input.length;
    this.#frame.keep();
  }

  /** The input is over. */
  end(): void {
    this.#untilClosed(() => this.#decoder.end());
  }

  #untilClosed(run: () => void): void {
    if (this.#isClosed) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof ChunkParseError)) throw error;
      this.#isClosed = true;
      this.#reject(error);
    }
  }

  #begin(head: Head): void {
    this.#head = head;
    this.#body.begin();
  }

  #end(continuation: Continuation): void {
    const head = this.#head;
    if (head === undefined) return;
    const body = this.#body;
    this.#listener.onFrame({
      head,
      bodyBytes: body.bytes,
      bodySha256: head.hasBody ? body.sha256() : undefined,
      bodyStart: body.start,
      continuation,
      frameBytes: this.#decoder.offset - head.offset,
    });
    this.#frames++;
    this.#next();
  }

  /** `end` is where in the input the frame ends, if that is known. */
  #reject(fault: ChunkParseError, end?: number): void {
    this.#listener.onFault(fault, this.#frame.octets(end));
    this.#malformed++;
    this.#next();
  }

  #next(): void {
    this.#head = undefined;
    this.#frame.begin(this.#decoder.offset - this.#bytes);
  }
}

/** What is kept of a body that streams by. */
class Body {
  readonly #startBytes: number;
  /** The only piece so far: most bodies come in one, and hashing that at once is three times as fast. */
  #piece: Buffer = none;
  #hash: Hash | undefined;
  bytes = 0;
  start: Buffer = none;

  constructor(startBytes: number) {
    this.#startBytes = startBytes;
  }

  begin(): void {
    this.#piece = none;
    this.#hash = undefined;
    this.bytes = 0;
    this.start = none;
  }

  add(bytes: Buffer): void {
    if (this.bytes === 0) this.#piece = bytes;
    else this.#hashNow().update(bytes);
    const missing = this.#startBytes - this.start.length;
    if (missing > 0) this.start = Buffer.concat([this.start, bytes.subarray(0, missing)]);
    this.bytes += bytes.length;
  }

  #hashNow(): Hash {
    if (this.#hash === undefined) {
      this.#hash = createHash('sha256').update(this.#piece);
      this.#piece = none;
    }
    return this.#hash;
  }

  sha256(): string {
    return this.#hash?.digest('hex') ?? hash('sha256', this.#piece, 'hex');
  }
}

/** The first octets of the frame being read, wherever the reads cut it. */
class FrameStart {
  readonly #startBytes: number;
  /** Those that came in earlier reads. */
  #kept: Buffer = none;
  /** Where in `input` the frame begins or goes on. */
  #at = 0;
  input: Buffer = none;

  constructor(startBytes: number) {
    this.#startBytes = startBytes;
  }

  begin(at: number): void {
    this.#kept = none;
    this.#at = at;
  }

  /** Those so far, up to `end` in `input`. */
  octets(end: number = this.input.length): Buffer {
    const missing = this.#startBytes - this.#kept.length;
    return Buffer.concat([this.#kept, this.input.subarray(this.#at, Math.min(this.#at + missing, end))]);
  }

  /** The read is over: keeps a copy, and lets go of the read. */
  keep(): void {
    this.#kept = this.octets();
    this.#at = 0;
    this.input = none;
  }
}

const none: Buffer = Buffer.alloc(0);
