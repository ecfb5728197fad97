import { describe, expect, test } from 'vitest';
import { IdentSource, identSourceOf, type Random, systemRandom } from '../../net/random.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';

const kinds = [
  { kind: 'transactionId', length: 16 },
  { kind: 'messageId', length: 16 },
  { kind: 'sessionId', length: 22 },
] as const;

describe('identifiers', () => {
  test.each(kinds)('$kind has $length characters of [A-Za-z0-9]', ({ kind, length }) => {
    const source = new IdentSource(systemRandom);
    const made = Array.from({ length: 10_000 }, () => source[kind]());
    expect(made.every((id) => id.length === length && /^[A-Za-z0-9]+$/.test(id))).toBe(true);
    expect(new Set(made).size).toBe(made.length);
  });

  test('use each of the 62 characters equally often, at each place', () => {
    const source = new IdentSource(new SeededRandom(1));
    const counts = Array.from({ length: 16 }, () => new Map<string, number>());
    const rounds = 62 * 400;
    for (let round = 0; round < rounds; round++) {
      for (const [at, character] of [...source.transactionId()].entries()) {
        counts[at]!.set(character, (counts[at]!.get(character) ?? 0) + 1);
      }
    }
    for (const count of counts) {
      expect(count.size).toBe(62);
      // 61 degrees of freedom: above 120 only once in 100,000.
      const chiSquared = [...count.values()].reduce((sum, seen) => sum + (seen - 400) ** 2 / 400, 0);
      expect(chiSquared).toBeLessThan(120);
    }
  });

  test('come from the source and nothing else', () => {
    const [one, other] = [new IdentSource(new SeededRandom(5)), new IdentSource(new SeededRandom(5))];
    for (let round = 0; round < 1000; round++) expect(one.transactionId()).toBe(other.transactionId());
  });

  test('pass over the values that would favour some characters', () => {
    // 62 and 63 stand for no character; 64 is 0 in its low six bits.
    const bytes = [62, 63, 0, 61, 64, 126, 127, 255, 25, 26];
    const source = new IdentSource({ fill: (all) => all.set(all.map((_, at) => bytes[at % bytes.length]!)) });
    expect(source.transactionId()).toBe('A9AZaA9AZaA9AZaA');
  });

  test('never use a random byte twice', () => {
    let filled = 0;
    const counting: Random = {
      fill: (bytes) => {
        filled += bytes.length;
        bytes.fill(1);
      },
    };
    const source = new IdentSource(counting);
    for (let round = 0; round < 1000; round++) source.transactionId();
    expect(filled).toBeGreaterThanOrEqual(16_000);
    expect(filled).toBeLessThan(32_000);
  });

  test('have one source for each source of randomness', () => {
    expect(identSourceOf(systemRandom)).toBe(identSourceOf(systemRandom));
    expect(identSourceOf(systemRandom)).not.toBe(identSourceOf(new SeededRandom(1)));
  });
});

describe('the system source', () => {
  test('overwrites all bytes, of a view only its own', () => {
    const bytes = new Uint8Array(3000);
    systemRandom.fill(bytes.subarray(1000, 2000));
    expect(bytes.subarray(0, 1000).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(1000, 2000).filter((byte) => byte === 0).length).toBeLessThan(100);
    expect(bytes.subarray(2000).every((byte) => byte === 0)).toBe(true);
  });
});
