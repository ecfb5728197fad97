import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RecentIds } from '../../session/recent-ids.ts';

describe('what is remembered of the last messages', () => {
  test('is of 1,000 of them, the oldest goes first', () => {
    const recent = new RecentIds<number>();
    for (let index = 0; index < 2500; index++) recent.add(`id-${index}`, index);
    const known = Array.from({ length: 2500 }, (_, index) => index).filter((index) => recent.has(`id-${index}`));
    expect([known.length, known[0], known.at(-1)]).toEqual([1000, 1500, 2499]);
    expect([recent.get('id-2000'), recent.get('id-0')]).toEqual([2000, undefined]);
  });

  test('is of as many as one says, at least of one', () => {
    const recent = new RecentIds<number>(2);
    for (let index = 0; index < 5; index++) recent.add(`id-${index}`, index);
    expect([0, 1, 2, 3, 4].filter((index) => recent.has(`id-${index}`))).toEqual([3, 4]);
    for (const most of [0, -1, Number.NaN]) {
      expect(() => new RecentIds(most)).toThrow(expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' }));
    }
  });

  test('changes when one is added again, and takes no other place', () => {
    const recent = new RecentIds<number>();
    for (let index = 0; index < 1000; index++) recent.add(`id-${index}`, index);
    recent.add('id-500', 5);
    expect([recent.get('id-500'), recent.has('id-0')]).toEqual([5, true]);
  });

  test('is forgotten on demand, and may be remembered anew', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 60 }), (steps) => {
        const recent = new RecentIds<number>();
        const map = new Map<string, number>();
        for (const [at, [isAdded, id]] of steps.entries()) {
          if (isAdded) {
            recent.add(`id-${id}`, at);
            map.set(`id-${id}`, at);
          } else {
            recent.delete(`id-${id}`);
            map.delete(`id-${id}`);
          }
          for (let other = 0; other < 10; other++) expect(recent.get(`id-${other}`)).toBe(map.get(`id-${other}`));
        }
      }),
    );
  });

  test('is kept for its whole time though others were forgotten', () => {
    const recent = new RecentIds<number>();
    for (let index = 0; index < 500; index++) {
      recent.add(`gone-${index}`, index);
      recent.delete(`gone-${index}`);
    }
    for (let index = 0; index < 1000; index++) recent.add(`id-${index}`, index);
    for (let index = 0; index < 1000; index++) expect(recent.get(`id-${index}`)).toBe(index);
  });
});
