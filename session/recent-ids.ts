// Message-IDs of whole messages, to know duplicates by (D-RECV-10): the last 1,000.

import { type IdentEntry, IdentTable } from './ident-table.ts';

const remembered = 1000;

class RecentId implements IdentEntry<RecentId> {
  ident = '';
  nextEntry: RecentId | undefined;
}

export class RecentIds {
  readonly #table = new IdentTable<RecentId>();
  /** A ring: entries are used anew. */
  readonly #ring: RecentId[] = [];
  #at = 0;

  has(id: string): boolean {
    return this.#table.get(id) !== undefined;
  }

  add(id: string): void {
    if (this.has(id)) return;
    const oldest = this.#ring[this.#at];
    const entry = oldest ?? new RecentId();
    if (oldest === undefined) this.#ring.push(entry);
    else this.#table.delete(oldest);
    entry.ident = id;
    this.#table.add(entry);
    this.#at = (this.#at + 1) % remembered;
  }
}
