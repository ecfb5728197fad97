// The body of a message that is being sent: a queue of octets, read from its source ahead of need but not by much.

import { takeOctets } from '../codec/index.ts';
import { bufferOver, type Source } from './source.ts';

/** Octets read ahead of what has been sent, from a source that gives octets when asked; and one piece of it. */
const aheadBytes = 131_072;

export class OutgoingBody {
  /** In octets; undefined until a source of unknown size has ended. */
  size: number | undefined;
  #source: AsyncIterator<Uint8Array> | undefined;
  readonly #from: Source['from'];
  readonly #onMore: () => void;
  readonly #onFailure: (cause: unknown) => void;
  readonly #pieces: Buffer[] = [];
  #buffered = 0;
  #taken = 0;
  /** Octets that the source is still to give and nobody wants. */
  #unwanted = 0;
  #hasEnded = false;
  #isReading = false;
  #isClosed = false;

  /** `onMore`: octets have come, or the end; `onFailure`: no more will come. */
  constructor({ octets, size, from }: Source, onMore: () => void, onFailure: (cause: unknown) => void) {
    this.size = size;
    this.#from = from;
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
    const bytes = Math.min(most, this.#buffered);
    const parts = takeOctets(this.#pieces, bytes);
    this.#buffered -= bytes;
    this.#taken += bytes;
    if (!this.#hasEnded) this.#read();
    return parts;
  }

  /** Goes on behind the first `taken` octets, which are more than were taken so far. */
  skipTo(taken: number): void {
    const skipped = taken - this.#taken;
    if (skipped <= this.#buffered) {
      this.take(skipped);
      return;
    }
    this.#unwanted += skipped - this.#buffered;
    this.#taken = taken;
    this.#pieces.length = 0;
    this.#buffered = 0;
    if (this.#from !== undefined) this.#changeSource(this.#from(taken));
    this.#read();
  }

  #changeSource(source: AsyncIterator<Uint8Array>): void {
    void this.#source?.return?.().catch(() => {});
    this.#source = source;
    this.#unwanted = 0;
    this.#isReading = false;
  }

  /** No more is wanted: the source may let go of what it holds. */
  close(): void {
    this.#isClosed = true;
    this.#pieces.length = 0;
    this.#buffered = 0;
    if (!this.#hasEnded) void this.#source?.return?.().catch(() => {});
  }

  #push(piece: Buffer): void {
    const wanted = this.#unwanted > 0 ? piece.subarray(this.#unwanted) : piece;
    this.#unwanted -= piece.length - wanted.length;
    if (wanted.length > 0) this.#pieces.push(wanted);
    this.#buffered += wanted.length;
  }

  #read(): void {
    const source = this.#source;
    if (source === undefined || this.#isReading || this.#buffered >= aheadBytes) return;
    this.#isReading = true;
    void this.#ask(source);
  }

  /** Not at once: while a chunk is made, the source may not send, give up or end. */
  async #ask(source: AsyncIterator<Uint8Array>): Promise<void> {
    await Promise.resolve();
    if (this.#isClosed || source !== this.#source) return;
    let result: IteratorResult<Uint8Array>;
    try {
      result = await source.next();
    } catch (cause) {
      if (source === this.#source) this.#fail(cause);
      return;
    }
    this.#onRead(source, result);
  }

  #onRead(source: AsyncIterator<Uint8Array>, { done, value }: IteratorResult<Uint8Array>): void {
    if (source !== this.#source) return;
    this.#isReading = false;
    if (this.#isClosed) return;
    if (done === true) return this.#end();
    this.#push(bufferOver(value));
    const given = this.#given;
    if (given > (this.size ?? given)) return this.#fail(wrongSize(given, this.size));
    this.#onMore();
    this.#read();
  }

  #end(): void {
    const given = this.#given;
    if (given !== (this.size ?? given)) return this.#fail(wrongSize(given, this.size));
    this.size = given;
    this.#hasEnded = true;
    this.#onMore();
  }

  /** Octets that the source has given, or that stand for those it was not asked for. */
  get #given(): number {
    return this.#taken + this.#buffered - this.#unwanted;
  }

  #fail(cause: unknown): void {
    if (!this.#isClosed) this.#onFailure(cause);
  }
}

function wrongSize(given: number, size = 0): Error {
  return new Error(`the source gave ${given} octets instead of ${size}`);
}
