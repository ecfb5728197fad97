// Things by their identifier, where they come and go by the hundred thousand a second. A Map would do, but when it makes a new table the
// old one points to it: once one of them has grown old, all that come after live on until the next full collection, with what they hold.

/** The table links entries by `nextEntry`, which is its own. */
export interface IdentEntry<T> {
  readonly ident: string;
  nextEntry: T | undefined;
}

/** Most sessions are idle: an empty table is small. */
const fewest = 1;
/** A table of more is not kept once it is empty. */
const mostKept = 1024;

export class IdentTable<T extends IdentEntry<T>> {
  #buckets: (T | undefined)[] = bucketsOf(fewest);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(ident: string): T | undefined {
    let entry = this.#buckets[this.#placeOf(ident)];
    while (entry !== undefined && entry.ident !== ident) entry = entry.nextEntry;
    return entry;
  }

  /** There must not be one with that identifier. */
  add(entry: T): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#size++;
    this.#link(entry);
  }

  /** Harmless when it is not there. */
  delete(entry: T): void {
    const place = this.#placeOf(entry.ident);
    let before: T | undefined;
    let found = this.#buckets[place];
    for (; found !== undefined && found !== entry; found = found.nextEntry) before = found;
    if (found === undefined) return;
    if (before === undefined) this.#buckets[place] = entry.nextEntry;
    else before.nextEntry = entry.nextEntry;
    entry.nextEntry = undefined;
    if (--this.#size === 0 && this.#buckets.length > mostKept) this.#buckets = bucketsOf(fewest);
  }

  /** All of them, in no order. */
  values(): T[] {
    const all: T[] = [];
    for (let entry of this.#buckets) for (; entry !== undefined; entry = entry.nextEntry) all.push(entry);
    return all;
  }

  clear(): void {
    this.#buckets = bucketsOf(fewest);
    this.#size = 0;
  }

  #link(entry: T): void {
    const place = this.#placeOf(entry.ident);
    entry.nextEntry = this.#buckets[place];
    this.#buckets[place] = entry;
  }

  #grow(): void {
    const all = this.values();
    this.#buckets = bucketsOf(2 * this.#buckets.length);
    for (const entry of all) this.#link(entry);
  }

  #placeOf(ident: string): number {
    let hash = 0;
    for (let at = 0; at < ident.length; at++) hash = Math.imul(hash ^ ident.charCodeAt(at), 0x9e3779b1);
    return (hash ^ (hash >>> 15)) & (this.#buckets.length - 1);
  }
}

function bucketsOf(length: number): undefined[] {
  return Array.from({ length }, () => undefined);
}
