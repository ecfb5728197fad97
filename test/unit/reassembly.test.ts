import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BodyTaker, pieceBytes, Reassembly } from '../../session/reassembly.ts';

/** A reader who has read nothing yet. */
class Body implements BodyTaker {
  octets = Buffer.alloc(0);

  push(bytes: Buffer): void {
    if (bytes.length === 0) throw new Error('octets that are none');
    this.octets = Buffer.concat([this.octets, bytes]);
  }

  replace(start: number, bytes: Buffer): void {
    if (start - 1 + bytes.length > this.octets.length) throw new Error('octets that were never given');
    bytes.copy(this.octets, start - 1);
  }
}

/** Octet by octet. */
class Naive {
  readonly #octets = new Map<number, number>();
  #total = Number.POSITIVE_INFINITY;

  add(start: number, bytes: Buffer): void {
    for (const [index, octet] of bytes.entries()) this.#octets.set(start + index, octet);
  }

  end(total: number): void {
    this.#total = total;
  }

  get body(): Buffer {
    const octets: number[] = [];
    for (let at = 1; at <= this.#total && this.#octets.has(at); at++) octets.push(this.#octets.get(at)!);
    return Buffer.from(octets);
  }

  /** Octets beyond the first gap. */
  get ahead(): number {
    const { length } = this.body;
    return [...this.#octets.keys()].filter((at) => at > length).length;
  }
}

const chunk = fc.record({
  start: fc.integer({ min: 1, max: 50 }),
  length: fc.integer({ min: 1, max: 20 }),
});

describe('the chunks of a message', () => {
  test('in any order and overlap make one body, in which the later octets count', () => {
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 25 }), fc.option(fc.nat(60)), fc.nat(25), (chunks, total, endAt) => {
        const body = new Body();
        const reassembly = new Reassembly(body);
        const naive = new Naive();
        let end: number | undefined;
        for (const [index, { start, length }] of chunks.entries()) {
          const bytes = Buffer.alloc(length, index + 1);
          reassembly.add(start, bytes);
          naive.add(start, bytes);
          expect(body.octets).toEqual(naive.body);
          expect(reassembly.passed).toBe(naive.body.length);
          if (end === undefined) {
            const pieces = (reassembly.held - naive.ahead) / pieceBytes;
            expect(Number.isInteger(pieces) && pieces <= naive.ahead).toBe(true);
          }
          if (total === null || index !== endAt) continue;
          // What had been passed on by then is not taken back.
          end = Math.max(total, naive.body.length);
          reassembly.end(end);
          naive.end(end);
        }
        expect(reassembly.isComplete).toBe(naive.body.length === end);
      }),
      { numRuns: 1000 },
    );
  });

  test('cut at random and in random order are complete with the last of them, and nothing is held then', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.array(fc.nat(200)),
        fc.gen(),
        (octets, cuts, gen) => {
          const edges = [...new Set([0, octets.length, ...cuts.filter((at) => at < octets.length)])].toSorted(
            (a, b) => a - b,
          );
          const parts = edges.slice(1).map((end, index) => [edges[index]!, end] as const);
          const body = new Body();
          const reassembly = new Reassembly(body);
          while (parts.length > 0) {
            expect(reassembly.isComplete).toBe(false);
            const [[start, end]] = parts.splice(gen(fc.nat, parts.length - 1), 1) as [readonly [number, number]];
            reassembly.add(start + 1, Buffer.from(octets.subarray(start, end)));
            if (end === octets.length) reassembly.end(end);
          }
          expect([reassembly.isComplete, reassembly.held, reassembly.next]).toEqual([true, 0, octets.length + 1]);
          expect(body.octets).toEqual(Buffer.from(octets));
        },
      ),
    );
  });

  test('know where the next one begins that does not say so', () => {
    const reassembly = new Reassembly(new Body());
    expect(reassembly.next).toBe(1);
    reassembly.add(1, Buffer.from('abc'));
    expect(reassembly.next).toBe(4);
    reassembly.add(10, Buffer.from('abc'));
    expect(reassembly.next).toBe(13);
    reassembly.add(6, Buffer.from('a'));
    expect(reassembly.next).toBe(13);
  });

  test('end where the first end is', () => {
    const body = new Body();
    const reassembly = new Reassembly(body);
    reassembly.end(3);
    reassembly.end(5);
    expect(reassembly.isComplete).toBe(false);
    reassembly.add(1, Buffer.from('abcdef'));
    expect([reassembly.isComplete, body.octets.toString()]).toEqual([true, 'abc']);
    reassembly.end(9);
    expect(reassembly.isComplete).toBe(true);
  });

  test('may be of no octets', () => {
    const reassembly = new Reassembly(new Body());
    expect(reassembly.isComplete).toBe(false);
    reassembly.end(0);
    expect(reassembly.isComplete).toBe(true);
  });

  test('may wait by the hundred thousand for the first octet', () => {
    let pushes = 0;
    const reassembly = new Reassembly({ push: () => void pushes++, replace: () => expect.unreachable() });
    for (let at = 2; at <= 100_000; at++) reassembly.add(at, Buffer.from('x'));
    reassembly.add(1, Buffer.from('x'));
    expect([reassembly.passed, reassembly.held, pushes]).toEqual([100_000, 0, 100_000]);
  });

  test('keep no more of a read in memory than is counted', () => {
    const body = new Body();
    const reassembly = new Reassembly(body);
    const reads = new Set<ArrayBufferLike>();
    // Each replaces all but one octet of the one before.
    for (let at = 0; at < 50; at++) reassembly.add(1000 + at, Buffer.alloc(65_536));
    const push = body.push.bind(body);
    body.push = (bytes) => {
      reads.add(bytes.buffer);
      push(bytes);
    };
    reassembly.add(1, Buffer.alloc(999));
    const kept = [...reads].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(kept).toBeLessThan(3 * 65_536);
  });
});
