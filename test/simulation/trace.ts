// What happened, as lines of text, and their hash: two runs were the same if their hashes are.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../net/clock.ts';

export class Trace {
  readonly #clock: Clock;
  readonly #hash = createHash('sha256');
  readonly #keep: boolean;
  /** The lines, unless only their hash is kept. */
  readonly lines: string[] = [];

  constructor(clock: Clock, keep: boolean) {
    this.#clock = clock;
    this.#keep = keep;
  }

  /** `who` did `what`, now. Of `bytes` the line has the number and a checksum. */
  add(who: string, what: string, bytes?: Buffer): void {
    const data = bytes === undefined ? '' : ` ${bytes.length} ${crc32(bytes).toString(16)}`;
    const line = `${this.#clock.now()} ${who} ${what}${data}`;
    this.#hash.update(`${line}\n`);
    if (this.#keep) this.lines.push(line);
  }

  /** SHA-256 of all lines so far, in hexadecimal. */
  get hash(): string {
    return this.#hash.copy().digest('hex');
  }
}
