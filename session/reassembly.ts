// Chunks of one message to its body, in order (R4975-7.3.1-2 to 7.3.1-7, D-RECV-1). What comes in order is passed on at once; what comes
// ahead is held, up to a limit; what came before is dropped, since it has been passed on. The chunk with `$` says how long the message is.

export class Reassembly {
  readonly #onBytes: (bytes: Buffer) => void;
  readonly #gapBytes: number;
  /** Octets passed on: the position of the next one is one more. */
  #passed = 0;
  #total: number | undefined;
  /** Octets that came ahead, by the position of the first. */
  readonly #ahead = new Map<number, Buffer>();
  #aheadBytes = 0;

  /** `gapBytes`: what may be held while something before it is missing. */
  constructor(onBytes: (bytes: Buffer) => void, gapBytes: number) {
    this.#onBytes = onBytes;
    this.#gapBytes = gapBytes;
  }

  get passed(): number {
    return this.#passed;
  }

  get isComplete(): boolean {
    return this.#total !== undefined && this.#passed >= this.#total;
  }

  /** Octets whose first one has position `start`. Returns false when too much would have to be held. */
  add(start: number, bytes: Buffer): boolean {
    const skip = this.#passed + 1 - start;
    if (skip < 0) return this.#hold(start, bytes);
    if (skip < bytes.length) this.#pass(skip === 0 ? bytes : bytes.subarray(skip));
    return true;
  }

  /** The chunk with `$` ended at this position. */
  end(total: number): void {
    this.#total ??= total;
  }

  #hold(start: number, bytes: Buffer): boolean {
    const known = this.#ahead.get(start);
    if (known !== undefined) this.#aheadBytes -= known.length;
    this.#aheadBytes += bytes.length;
    this.#ahead.set(start, bytes);
    return this.#aheadBytes <= this.#gapBytes && this.#ahead.size <= 1024;
  }

  #pass(bytes: Buffer): void {
    const most = this.#total === undefined ? bytes.length : Math.max(0, this.#total - this.#passed);
    const passing = bytes.length > most ? bytes.subarray(0, most) : bytes;
    this.#passed += passing.length;
    if (passing.length > 0) this.#onBytes(passing);
    if (this.#ahead.size > 0 && passing.length === bytes.length) this.#passAhead();
  }

  /** The gap may be closed: goes on with what was held. */
  #passAhead(): void {
    for (const [start, bytes] of this.#ahead) {
      if (start > this.#passed + 1) continue;
      this.#ahead.delete(start);
      this.#aheadBytes -= bytes.length;
      const skip = this.#passed + 1 - start;
      if (skip < bytes.length) return this.#pass(bytes.subarray(skip));
    }
  }
}
