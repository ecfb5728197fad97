// What `readChunk` reads from: the chunks of one session in the order in which they came, until somebody wants them.
//
// Invariants: a chunk is cut into segments only for somebody who waits for it; with nobody waiting, no more than `unreadBytes` and one
// read are held before the socket stops; readers are served in order.

import { type Chunk, ChunkAssembler, type ChunkSink, type Continuation, type Head, MSRPError } from '../codec/index.ts';

export interface ReadOptions {
  /** A hint: give out what has arrived of a chunk once it is that much. 0: anything. Default: whole chunks. */
  size?: number;
  signal?: AbortSignal;
}

export interface ReaderOptions {
  readonly unreadBytes: number;
  readonly wholeChunkBytes: number;
  /** Enough is held: stop the socket. */
  onFull(): void;
  onRoom(): void;
}

interface Waiting {
  readonly size: number;
  readonly resolve: (chunk: Chunk) => void;
  readonly reject: (error: Error) => void;
}

/** What a head costs to hold. */
const headBytes = 512;

export class ChunkReader implements ChunkSink {
  readonly #options: ReaderOptions;
  readonly #assembler: ChunkAssembler;
  readonly #ready: Chunk[] = [];
  #readyBytes = 0;
  readonly #waiting: Waiting[] = [];
  #isFull = false;
  #closed: Error | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#assembler = new ChunkAssembler({ onChunk: (chunk) => this.#give(chunk) });
  }

  onHead(head: Head): void {
    this.#assembler.onHead(head);
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#assembler.onBody(bytes, more);
    if (!more) this.#check();
  }

  onEnd(flag: Continuation): void {
    this.#assembler.onEnd(flag);
    this.#check();
  }

  /** The next chunk, or segment of one. Rejects with why there is none, once all is read. */
  read({ size, signal }: ReadOptions = {}): Promise<Chunk> {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    const ready = this.#ready.shift();
    if (ready !== undefined) {
      this.#readyBytes -= ready.size + headBytes;
      this.#check();
      return Promise.resolve(ready);
    }
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return this.#wait(size ?? this.#options.wholeChunkBytes, signal);
  }

  #wait(size: number, signal: AbortSignal | undefined): Promise<Chunk> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const at = this.#waiting.indexOf(waiting);
        if (at === -1) return;
        this.#waiting.splice(at, 1);
        this.#serve();
        reject(aborted(signal!));
      };
      const done = (): void => signal?.removeEventListener('abort', abort);
      const waiting: Waiting = {
        size,
        resolve: (chunk) => {
          done();
          resolve(chunk);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort);
      this.#waiting.push(waiting);
      this.#serve();
    });
  }

  /** No more will come. What is whole can still be read. */
  close(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(reason);
  }

  /** Gives all that is held to `sink`, which takes over. Throws `MSRP_ERR_STATE` when somebody waits for a chunk. */
  passOn(sink: ChunkSink): void {
    if (this.#waiting.length > 0) {
      throw new MSRPError('MSRP_ERR_STATE', 'the chunks of this session are being read', { scope: 'session' });
    }
    for (const chunk of this.#ready.splice(0)) {
      sink.onHead(chunk);
      for (const part of chunk.parts) sink.onBody(part, false);
      sink.onEnd(chunk.continuation);
    }
    this.#readyBytes = 0;
    this.#assembler.passOn(sink);
    this.#check();
  }

  /** Whoever waits first decides where chunks are cut. */
  #serve(): void {
    this.#assembler.segmentSize = this.#waiting[0]?.size ?? Number.POSITIVE_INFINITY;
    this.#assembler.flush();
    this.#check();
  }

  #give(chunk: Chunk): void {
    const waiting = this.#waiting.shift();
    this.#assembler.segmentSize = this.#waiting[0]?.size ?? Number.POSITIVE_INFINITY;
    if (waiting !== undefined) return waiting.resolve(chunk);
    this.#ready.push(chunk);
    this.#readyBytes += chunk.size + headBytes;
  }

  #check(): void {
    const isFull = this.#waiting.length === 0 && this.#readyBytes + this.#assembler.size >= this.#options.unreadBytes;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    if (isFull) this.#options.onFull();
    else this.#options.onRoom();
  }
}

function aborted(signal: AbortSignal): MSRPError {
  return new MSRPError('MSRP_ERR_ABORTED', 'reading was aborted', { scope: 'message', cause: signal.reason });
}
