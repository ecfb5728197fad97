import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RangeSet } from '../../session/range-set.ts';

describe('octets that are covered', () => {
  test('are those up to the first gap, in whatever order and overlap the ranges come', () => {
    const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 12 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
        const set = new RangeSet();
        const known = new Set<number>();
        for (const [start, length] of ranges) {
          set.add(start, start + length - 1);
          for (let at = start; at < start + length; at++) known.add(at);
          let covered = 0;
          while (known.has(covered + 1)) covered++;
          expect(set.covered).toBe(covered);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('are known of 1,024 ranges ahead of a gap', () => {
    const set = new RangeSet();
    for (let at = 1; at <= 1024; at++) set.add(2 * at, 2 * at);
    for (let at = 0; at <= 1024; at++) set.add(2 * at + 1, 2 * at + 1);
    expect(set.covered).toBe(2049);
  });

  test('are forgotten from the far end where there are more', () => {
    const set = new RangeSet();
    for (let at = 3000; at >= 1; at--) set.add(2 * at, 2 * at);
    for (let at = 0; at <= 3000; at++) set.add(2 * at + 1, 2 * at + 1);
    expect(set.covered).toBe(2049);
  });

  test('are any number in turn, a gap before each', () => {
    const set = new RangeSet();
    for (let at = 0; at < 3000; at++) {
      set.add(2 * at + 2, 2 * at + 2);
      set.add(2 * at + 1, 2 * at + 1);
    }
    expect(set.covered).toBe(6000);
  });

  test('may be none', () => {
    const set = new RangeSet();
    set.add(1, 0);
    expect(set.covered).toBe(0);
  });
});
