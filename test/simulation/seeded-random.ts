// Pseudo-random numbers from a seed: sfc32 (Chris Doty-Humphrey), small, fast, and the same on every machine.

import type { Random } from '../../net/random.ts';

export class SeededRandom implements Random {
  #a = 0;
  #b: number;
  #c = 0x9e3779b9;
  #counter = 1;

  /** Any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.#b = seed | 0;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 bits, 0 to 4,294,967,295. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor((this.next() / 2 ** 32) * (most - least + 1));
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.next();
      for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++) bytes[at + byte] = word >>> (8 * byte);
    }
  }
}
