// No more octets a second than wanted: a bucket of tokens, filled by the clock and emptied by the octets of a source. Timers are up to
// 250 ms late; the bucket holds what half a second brings, so that what was missed is made up for.

import { MSRPError } from '../codec/index.ts';
import type { Settings } from '../net/index.ts';
import type { Source } from './source.ts';

/** What the bucket holds, and the largest piece that is taken from it, in seconds. */
const bucketSeconds = 0.5;
const pieceSeconds = 0.125;

/** `source`, but only `bytesPerSecond` of it in the long run. Throws `MSRP_ERR_ARGUMENT` unless that is above 0. */
export function paced(source: Source, bytesPerSecond: number, settings: Settings): Source {
  if (!(bytesPerSecond > 0)) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `nothing can be sent at ${bytesPerSecond} octets a second`, {
      scope: 'message',
    });
  }
  const bucket = new TokenBucket(bytesPerSecond, settings);
  const { octets, from } = source;
  if (Buffer.isBuffer(octets)) {
    const behind = (start: number): AsyncIterator<Uint8Array> => bucket.pass(pieceOf(octets.subarray(start)));
    return { ...source, octets: behind(0), from: behind };
  }
  return {
    ...source,
    octets: bucket.pass(octets),
    ...(from !== undefined && { from: (start: number) => bucket.pass(from(start)) }),
  };
}

async function* pieceOf(octets: Buffer): AsyncGenerator<Uint8Array> {
  yield octets;
}

class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #settings: Settings;
  readonly #pieceBytes: number;
  /** Octets that may pass; below 0 after a piece that was larger. */
  #tokens = 0;
  #filledAt: number;

  constructor(bytesPerSecond: number, settings: Settings) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#settings = settings;
    this.#pieceBytes = Math.max(1, Math.floor(bytesPerSecond * pieceSeconds));
    this.#filledAt = settings.clock.now();
  }

  async *pass(octets: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await octets.next(); next.done !== true; next = await octets.next()) {
        for (let at = 0; at < next.value.length; at += this.#pieceBytes) {
          await this.#refilled();
          const piece = next.value.subarray(at, at + this.#pieceBytes);
          this.#tokens -= piece.length;
          yield piece;
        }
      }
    } finally {
      await octets.return?.();
    }
  }

  /** Resolves when something may pass. */
  async #refilled(): Promise<void> {
    for (this.#fill(); this.#tokens < 0; this.#fill()) {
      const ms = Math.ceil((-this.#tokens / this.#bytesPerSecond) * 1000);
      await new Promise<void>((resolve) => {
        this.#settings.timers.start(ms, resolve);
      });
    }
  }

  #fill(): void {
    const now = this.#settings.clock.now();
    const brought = ((now - this.#filledAt) / 1000) * this.#bytesPerSecond;
    this.#filledAt = now;
    this.#tokens = Math.min(this.#tokens + brought, this.#bytesPerSecond * bucketSeconds);
  }
}
