// Chunks of one message to its body (R4975-7.3.1-2 to 7.3.1-7, D-RECV-1). What comes in order is passed on at once; what comes ahead is
// held, up to a limit; of octets that come again the later ones count, as long as nobody has read the others. The chunk with `$` says how
// long the message is.

/** What a piece that is held costs beside its octets: its view, and its share of the read that it keeps in memory. */
export const pieceBytes = 512;

export interface BodyTaker {
  /** The next octets. */
  push(bytes: Buffer): void;
  /** Other octets for those from `start` on, which it has been given before. */
  replace(start: number, bytes: Buffer): void;
}

interface Piece {
  readonly start: number;
  readonly bytes: Buffer;
}

export class Reassembly {
  readonly #taker: BodyTaker;
  /** Octets passed on: the position of the next one is one more. */
  #passed = 0;
  #total: number | undefined;
  /** What came ahead, in order and without overlap. */
  readonly #ahead: Piece[] = [];
  #held = 0;

  constructor(taker: BodyTaker) {
    this.#taker = taker;
  }

  get passed(): number {
    return this.#passed;
  }

  /** What the octets ahead of the first gap cost to hold. */
  get held(): number {
    return this.#held;
  }

  /** The position behind all that has come. */
  get next(): number {
    const last = this.#ahead.at(-1);
    return last === undefined ? this.#passed + 1 : last.start + last.bytes.length;
  }

  get isComplete(): boolean {
    return this.#total !== undefined && this.#passed >= this.#total;
  }

  /** Octets whose first one has position `start`. */
  add(start: number, bytes: Buffer): void {
    const known = this.#passed + 1 - start;
    if (known < 0) return this.#hold(start, bytes);
    if (known > 0) this.#taker.replace(start, bytes.subarray(0, known));
    if (known < bytes.length) this.#pass(bytes.subarray(known));
    if (this.#ahead.length > 0) this.#passAhead();
  }

  /** The octets up to `end` are there already. */
  skip(end: number): void {
    if (end <= this.#passed) return;
    this.#passed = end;
    this.#passAhead();
  }

  /** The chunk with `$` ended at this position. */
  end(total: number): void {
    this.#total ??= total;
  }

  #hold(start: number, bytes: Buffer): void {
    const end = start + bytes.length;
    const from = this.#ahead.findLastIndex((piece) => piece.start + piece.bytes.length <= start) + 1;
    const to = this.#ahead.findLastIndex((piece) => piece.start < end) + 1;
    const old = this.#ahead.slice(from, to);
    const before = old.flatMap((piece) => cut(piece, 0, start));
    const behind = old.flatMap((piece) => cut(piece, end, Number.POSITIVE_INFINITY));
    const pieces = [...before, { start, bytes: detached(bytes) }, ...behind];
    this.#ahead.splice(from, old.length, ...pieces);
    this.#held += costOf(pieces) - costOf(old);
  }

  #pass(bytes: Buffer): void {
    const most = this.#total === undefined ? bytes.length : Math.max(0, this.#total - this.#passed);
    const passing = bytes.length > most ? bytes.subarray(0, most) : bytes;
    this.#passed += passing.length;
    if (passing.length > 0) this.#taker.push(passing);
  }

  /** The gap may be closed: goes on with what was held, as far as nothing later has come for it. */
  #passAhead(): void {
    let count = 0;
    for (const { start, bytes } of this.#ahead) {
      if (start > this.#passed + 1) break;
      this.#pass(bytes.subarray(this.#passed + 1 - start));
      count++;
    }
    this.#held -= costOf(this.#ahead.splice(0, count));
  }
}

function costOf(pieces: readonly Piece[]): number {
  let cost = pieces.length * pieceBytes;
  for (const { bytes } of pieces) cost += bytes.length;
  return cost;
}

/** What of `piece` lies from `start` on and before `end`. */
function cut(piece: Piece, start: number, end: number): Piece[] {
  const from = Math.max(start, piece.start);
  const to = Math.min(end, piece.start + piece.bytes.length);
  return from < to
    ? [{ start: from, bytes: detached(piece.bytes.subarray(from - piece.start, to - piece.start)) }]
    : [];
}

/** A copy where a few octets would keep a whole read in memory. */
function detached(bytes: Buffer): Buffer {
  return bytes.length * 4 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
