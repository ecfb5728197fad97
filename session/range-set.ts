// Octets of a message, as ranges that may come in any order and overlap (D-REPORT-5).

/** Ranges kept ahead of the first gap: a peer that reports nonsense may not fill the memory. */
const mostRanges = 1024;

export class RangeSet {
  /** The last octet before the first gap. */
  #covered = 0;
  /** Behind the first gap, by their start. */
  readonly #ahead: [start: number, end: number][] = [];

  /** How many octets, from the first one on, are there without a gap. */
  get covered(): number {
    return this.#covered;
  }

  /** Both ends are included, and count from 1. */
  add(start: number, end: number): void {
    if (start > this.#covered + 1) {
      this.#ahead.push([start, end]);
      this.#ahead.sort(([one], [other]) => one - other);
      if (this.#ahead.length > mostRanges) this.#ahead.pop();
      return;
    }
    this.#covered = Math.max(this.#covered, end);
    for (const [from, to] of this.#ahead) if (from <= this.#covered + 1) this.#covered = Math.max(this.#covered, to);
    while (this.#ahead[0] !== undefined && this.#ahead[0][0] <= this.#covered) this.#ahead.shift();
  }
}
