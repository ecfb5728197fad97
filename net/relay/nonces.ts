// Nonces that the relay need not keep (D-AUTH-1): the time, some random octets, and a code over both and the connection that only this
// relay can make.
//
//   nonce = base64url( time in ms (6 octets) || random (8 octets) || HMAC-SHA-256 of both and the connection (16 octets) )
//
// What is kept is the highest nonce count of those that were used with success, so that no AUTH can be played again.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';

const timeBytes = 6;
const plainBytes = timeBytes + 8;
const codeBytes = 16;

export class Nonces {
  readonly #key = Buffer.alloc(32);
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #lifeMs: number;

  constructor(clock: Clock, lifeMs: number, random: Random) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
    this.#random = random;
    random.fill(this.#key);
  }

  make(connection: number): string {
    const nonce = Buffer.alloc(plainBytes + codeBytes);
    this.#random.fill(nonce.subarray(timeBytes, plainBytes));
    nonce.writeUIntBE(Math.floor(this.#clock.now()), 0, timeBytes);
    this.#codeOf(nonce, connection).copy(nonce, plainBytes);
    return nonce.toString('base64url');
  }

  /** Whether we made it for that connection, and not too long ago. */
  isGood(text: string, connection: number): boolean {
    const nonce = Buffer.from(text, 'base64url');
    if (nonce.length !== plainBytes + codeBytes || nonce.toString('base64url') !== text) return false;
    if (!timingSafeEqual(this.#codeOf(nonce, connection), nonce.subarray(plainBytes))) return false;
    return this.#clock.now() - nonce.readUIntBE(0, timeBytes) < this.#lifeMs;
  }

  #codeOf(nonce: Buffer, connection: number): Buffer {
    const code = createHmac('sha256', this.#key).update(nonce.subarray(0, plainBytes)).update(` ${connection}`);
    return code.digest().subarray(0, codeBytes);
  }
}

/** The nonce counts of one connection (R2617-3.2.2-1): of those nonces alone with which an AUTH has succeeded. */
export class NonceCounts {
  /** In the order in which they were first used. */
  readonly #used = new Map<string, { count: number; readonly since: number }>();
  readonly #clock: Clock;
  readonly #lifeMs: number;

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** Whether this count is new, which it then no longer is. */
  use(nonce: string, count: number): boolean {
    this.#forgetOld();
    const known = this.#used.get(nonce);
    if (count <= (known?.count ?? 0)) return false;
    if (known === undefined) this.#used.set(nonce, { count, since: this.#clock.now() });
    else known.count = count;
    return true;
  }

  /** Whoever was used so long ago is too old by itself. */
  #forgetOld(): void {
    const now = this.#clock.now();
    for (const [nonce, { since }] of this.#used) {
      if (now - since < this.#lifeMs) return;
      this.#used.delete(nonce);
    }
  }
}
