// The mark that ends a frame: seven hyphens and the frame's transaction id.
//
// Seven hyphens cannot hide between two octets seven apart, so about one octet in seven is looked at: twice as fast as
// Buffer.indexOf on most bodies, and never more than two looks an octet on hostile ones.

import { maxIdentLength } from './ident.ts';

const HYPHEN = 45;
export const hyphens = 7;

/** Whether an octet is one of the flags that may follow the mark: `$`, `+` or `#`. */
export function isFlag(octet: number | undefined): boolean {
  return octet === 0x24 || octet === 0x2b || octet === 0x23;
}

/** Goes from `at` in steps of seven octets to one that is a hyphen, or past the end. Four at once: that is twice as fast. */
function nextProbe(input: Buffer, from: number): number {
  let at = from;
  for (const most = input.length - 3 * hyphens; at < most; at += 4 * hyphens) {
    const isHyphen =
      input[at] === HYPHEN || input[at + 7] === HYPHEN || input[at + 14] === HYPHEN || input[at + 21] === HYPHEN;
    if (isHyphen) break;
  }
  while (at < input.length && input[at] !== HYPHEN) at += hyphens;
  return at;
}

export class Mark {
  /** Hyphens and id, in the first `length` octets. */
  readonly bytes: Buffer = Buffer.allocUnsafe(hyphens + maxIdentLength).fill(HYPHEN);
  length = 0;
  /** How often `find` met seven hyphens or more without the id behind them. */
  strange = 0;

  /** The id stands in `input` from `idStart` to `idEnd`. */
  set(input: Buffer, idStart: number, idEnd: number): void {
    for (let at = idStart, to = hyphens; at < idEnd; at++, to++) this.bytes[to] = input[at]!;
    this.length = hyphens + idEnd - idStart;
  }

  setId(transactionId: string): void {
    this.length = hyphens + this.bytes.write(transactionId, hyphens, 'latin1');
  }

  /** Where the mark stands next in `input`, wholly, or -1. */
  find(input: Buffer, from: number): number {
    for (let at = from + hyphens - 1; (at = nextProbe(input, at)) < input.length; ) {
      let start = at;
      while (start > from && input[start - 1] === HYPHEN) start--;
      let end = at + 1;
      while (end < input.length && input[end] === HYPHEN) end++;
      if (end - start >= hyphens) {
        if (this.#hasIdAt(input, end)) return end - hyphens;
        this.strange++;
      }
      at = end + hyphens;
    }
    return -1;
  }

  #hasIdAt(input: Buffer, at: number): boolean {
    const length = this.length - hyphens;
    if (at + length > input.length) return false;
    for (let index = 0; index < length; index++) if (input[at + index] !== this.bytes[hyphens + index]) return false;
    return true;
  }

  /** Whether the mark with a flag behind it, so an end-line, stands in `parts` taken together. */
  isFlaggedIn(parts: readonly Buffer[]): boolean {
    if (parts.length === 1) return this.#isFlagged(parts[0]!);
    let tail: Buffer = Buffer.alloc(0);
    for (const part of parts) {
      const seam = Buffer.concat([tail, part.subarray(0, this.length)]);
      if (this.#isFlagged(seam) || this.#isFlagged(part)) return true;
      tail = part.length < this.length ? seam.subarray(-this.length) : part.subarray(-this.length);
    }
    return false;
  }

  #isFlagged(input: Buffer): boolean {
    for (let at = 0; (at = this.find(input, at)) !== -1; at++) if (isFlag(input[at + this.length])) return true;
    return false;
  }
}
