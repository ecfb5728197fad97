// The body of a message that is being sent: a queue of octets, read from its source ahead of need but not by much.

import { bufferOver, type Source } from './source.ts';

/** Octets read ahead of what has been sent, from a source that gives octets when asked; and one piece of it. */
const aheadBytes = 131_072;

export class OutgoingBody {
  /** In octets; undefined until a source of unknown size has ended. */
  size: number | undefined;
  readonly #source: AsyncIterator<Uint8Array> | undefined;
  readonly #onMore: () => void;
  readonly #onFailure: (cause: unknown) => void;
  readonly #pieces: Buffer[] = [];
  #buffered = 0;
  #taken = 0;
  #hasEnded = false;
  #isReading = false;
  #isClosed = false;

  /** `onMore`: octets have come, or the end; `onFailure`: no more will come. */
  constructor({ octets, size }: Source, onMore: () => void, onFailure: (cause: unknown) => void) {
    this.size = size;
    this.#onMore = onMore;
    this.#onFailure = onFailure;
    if (Buffer.isBuffer(octets)) {
      this.#push(octets);
      this.#hasEnded = true;
    } else {
      this.#source = octets;
      this.#read();
    }
  }

  /** Octets at hand. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Octets taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** All octets that are left are at hand. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The next octets: `most`, or fewer where there are no more. */
  take(most: number): Buffer[] {
    const parts: Buffer[] = [];
    let missing = Math.min(most, this.#buffered);
    this.#buffered -= missing;
    this.#taken += missing;
    while (missing > 0) {
      const piece = this.#pieces[0];
      if (piece === undefined) break;
      const part = piece.length <= missing ? piece : piece.subarray(0, missing);
      if (part === piece) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(missing);
      parts.push(part);
      missing -= part.length;
    }
    if (!this.#hasEnded) this.#read();
    return parts;
  }

  /** No more is wanted: the source may let go of what it holds. */
  close(): void {
    this.#isClosed = true;
    this.#pieces.length = 0;
    this.#buffered = 0;
    if (!this.#hasEnded) void this.#source?.return?.().catch(() => {});
  }

  #push(piece: Buffer): void {
    if (piece.length > 0) this.#pieces.push(piece);
    this.#buffered += piece.length;
  }

  #read(): void {
    if (this.#source === undefined || this.#isReading || this.#buffered >= aheadBytes) return;
    this.#isReading = true;
    void this.#readFrom(this.#source);
  }

  /** Not at once: while a chunk is made, the source may not send, give up or end. */
  async #readFrom(source: AsyncIterator<Uint8Array>): Promise<void> {
    await null;
    if (this.#isClosed) return;
    let result: IteratorResult<Uint8Array>;
    try {
      result = await source.next();
    } catch (cause) {
      return this.#fail(cause);
    }
    this.#onRead(result);
  }

  #onRead({ done, value }: IteratorResult<Uint8Array>): void {
    this.#isReading = false;
    if (this.#isClosed) return;
    if (done === true) return this.#end();
    this.#push(bufferOver(value));
    const given = this.#taken + this.#buffered;
    if (given > (this.size ?? given)) return this.#fail(wrongSize(given, this.size));
    this.#onMore();
    this.#read();
  }

  #end(): void {
    const given = this.#taken + this.#buffered;
    if (given !== (this.size ?? given)) return this.#fail(wrongSize(given, this.size));
    this.size = given;
    this.#hasEnded = true;
    this.#onMore();
  }

  #fail(cause: unknown): void {
    if (!this.#isClosed) this.#onFailure(cause);
  }
}

function wrongSize(given: number, size: number | undefined): Error {
  return new Error(`the source gave ${given} octets instead of ${size}`);
}
