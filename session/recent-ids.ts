// Something for each of the last 1,000 messages that are over, by Message-ID: to know duplicates by (D-RECV-10), and whom a late REPORT
// is about.

import { type IdentEntry, IdentTable } from '../net/index.ts';

const remembered = 1000;

class Recent<T> implements IdentEntry<Recent<T>> {
  ident: string;
  value: T;
  nextEntry: Recent<T> | undefined;

  constructor(ident: string, value: T) {
    this.ident = ident;
    this.value = value;
  }
}

export class RecentIds<T> {
  readonly #table = new IdentTable<Recent<T>>();
  /** A ring: entries are used anew. */
  readonly #ring: Recent<T>[] = [];
  #at = 0;

  has(id: string): boolean {
    return this.#table.get(id) !== undefined;
  }

  get(id: string): T | undefined {
    return this.#table.get(id)?.value;
  }

  add(id: string, value: T): void {
    const known = this.#table.get(id);
    if (known === undefined) this.#table.add(this.#entryFor(id, value));
    else known.value = value;
  }

  #entryFor(id: string, value: T): Recent<T> {
    const entry = this.#ring[this.#at] ?? new Recent(id, value);
    this.#table.delete(entry);
    this.#ring[this.#at] = entry;
    this.#at = (this.#at + 1) % remembered;
    entry.ident = id;
    entry.value = value;
    return entry;
  }

  delete(id: string): void {
    const known = this.#table.get(id);
    if (known !== undefined) this.#table.delete(known);
  }
}
