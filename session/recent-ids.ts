// Something for each of the last messages that are over, by Message-ID: to know duplicates by (D-RECV-10), and whom a late REPORT
// is about.

import { MSRPError } from '../codec/index.ts';
import { type IdentEntry, IdentTable } from '../net/index.ts';

export const defaultRemembered = 1000;

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
  readonly #most: number;
  #at = 0;

  /** Throws `MSRP_ERR_ARGUMENT` unless `most` is a number of messages. */
  constructor(most: number = defaultRemembered) {
    if (!(most >= 1)) throw new MSRPError('MSRP_ERR_ARGUMENT', `no ${most} messages can be remembered`);
    this.#most = Math.floor(most);
  }

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
    this.#at = (this.#at + 1) % this.#most;
    entry.ident = id;
    entry.value = value;
    return entry;
  }

  delete(id: string): void {
    const known = this.#table.get(id);
    if (known !== undefined) this.#table.delete(known);
  }
}
