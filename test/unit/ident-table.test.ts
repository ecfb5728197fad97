import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type IdentEntry, IdentTable } from '../../net/ident-table.ts';

class Entry implements IdentEntry<Entry> {
  readonly ident: string;
  nextEntry: Entry | undefined;

  constructor(ident: string) {
    this.ident = ident;
  }
}

const idents = (entries: readonly Entry[]): string[] => entries.map(({ ident }) => ident).toSorted();

describe('a table by identifier', () => {
  test('does as a Map does', () => {
    const ident = fc.oneof(fc.nat(40).map(String), fc.string({ minLength: 4, maxLength: 8 }));
    const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'delete', 'delete another', 'clear'), ident);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const table = new IdentTable<Entry>();
        const map = new Map<string, Entry>();
        for (const [deed, id] of steps) {
          const known = map.get(id);
          if (deed === 'add' && known === undefined) {
            const entry = new Entry(id);
            table.add(entry);
            map.set(id, entry);
          } else if (deed === 'delete' && known !== undefined) {
            table.delete(known);
            map.delete(id);
          } else if (deed === 'delete another') table.delete(new Entry(id));
          else if (deed === 'clear' && map.size > 20) {
            table.clear();
            map.clear();
          }
          expect(table.get(id)).toBe(map.get(id));
          expect(table.size).toBe(map.size);
        }
        expect(idents(table.values())).toEqual([...map.keys()].toSorted());
      }),
      { numRuns: 50 },
    );
  });

  test('keeps all of many, and becomes small again when it is empty', () => {
    const table = new IdentTable<Entry>();
    for (let round = 0; round < 3; round++) {
      const entries = Array.from({ length: 5000 }, (_, index) => new Entry(`id-${round}-${index}`));
      for (const entry of entries) table.add(entry);
      for (const entry of entries) expect(table.get(entry.ident)).toBe(entry);
      expect(table.values().length).toBe(5000);
      for (const entry of entries) table.delete(entry);
      expect([table.size, table.values()]).toEqual([0, []]);
    }
  });

  test('lets go of what it held', () => {
    const table = new IdentTable<Entry>();
    const entries = Array.from({ length: 100 }, (_, index) => new Entry(`id-${index}`));
    for (const entry of entries) table.add(entry);
    for (const entry of entries) table.delete(entry);
    expect(entries.filter(({ nextEntry }) => nextEntry !== undefined)).toEqual([]);
  });
});
