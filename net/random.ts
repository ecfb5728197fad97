// The one source of randomness, and the identifiers made from it. All are of [A-Za-z0-9], which both `ident` and
// `session-id` allow anywhere (RFC 4975 section 9): no character needs escaping and none is special to a peer.

import { randomFillSync } from 'node:crypto';

/** Random bytes. For anything but a test they must be unpredictable: session-ids are secrets (RFC 4975 section 14.1). */
export interface Random {
  /** Overwrites all of `bytes`. */
  fill(bytes: Uint8Array): void;
}

/** The cryptographic source of this process. */
export const systemRandom: Random = {
  fill: (bytes) => {
    randomFillSync(bytes);
  },
};

/** 95 bits (D-TRANS-1): never repeated by chance, and nobody off the path can guess one to forge an end-line. */
const identCharacters = 16;

/** 130 bits: a session-id asks for 80 (RFC 4975 section 14.1), a relay's token for 128. */
const sessionIdCharacters = 22;

/** Large enough that the cost of a call of the source vanishes among the identifiers. */
const poolBytes = 4096;

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 'latin1');

/**
 * Makes identifiers from a pool of random bytes, so that the source is asked once for some 250 of them. It holds 4 KiB:
 * share one, with {@link identSourceOf}.
 */
export class IdentSource {
  readonly #random: Random;
  readonly #pool: Buffer = Buffer.allocUnsafeSlow(poolBytes);
  readonly #text: Buffer = Buffer.allocUnsafeSlow(sessionIdCharacters);
  #at = poolBytes;

  constructor(random: Random) {
    this.#random = random;
  }

  /** 16 characters, 95 bits. */
  transactionId(): string {
    return this.#draw(identCharacters);
  }

  /** 16 characters, 95 bits. */
  messageId(): string {
    return this.#draw(identCharacters);
  }

  /** 22 characters, 130 bits: good as a session-id and as the token of a relay. */
  sessionId(): string {
    return this.#draw(sessionIdCharacters);
  }

  /** Six bits of each byte; the values 62 and 63 are passed over, since folding them in would favour two characters. */
  #draw(characters: number): string {
    const text = this.#text;
    for (let at = 0; at < characters; ) {
      if (this.#at === poolBytes) this.#refill();
      const character = alphabet[this.#pool[this.#at++]! & 63];
      if (character !== undefined) text[at++] = character;
    }
    return text.toString('latin1', 0, characters);
  }

  #refill(): void {
    this.#random.fill(this.#pool);
    this.#at = 0;
  }
}

const shared = new WeakMap<Random, IdentSource>();

/** The identifiers that everything on `random` shares. */
export function identSourceOf(random: Random): IdentSource {
  let source = shared.get(random);
  if (source === undefined) {
    source = new IdentSource(random);
    shared.set(random, source);
  }
  return source;
}
