// The messages whose end has not come: a bounded number, for a bounded time without another chunk (D-RECV-5), with a bounded amount of
// octets that came ahead of others (D-RECV-4).

import type { Head } from '../codec/index.ts';
import { type CoarseTimer, type IdentEntry, IdentTable, type Settings } from '../net/index.ts';
import type { IncomingMessage } from './incoming-message.ts';
import { type BodyTaker, Reassembly } from './reassembly.ts';

/** More messages than this are not begun before others have ended: 413. */
const mostReceiving = 128;

export class Receiving implements IdentEntry<Receiving>, BodyTaker {
  readonly ident: string;
  nextEntry: Receiving | undefined;
  /** The head of the chunk that came first. */
  readonly first: Head;
  readonly reassembly: Reassembly = new Reassembly(this);
  /** As the application sees it, once its beginning has come. */
  message: IncomingMessage | undefined;
  /** When a chunk of it ended last; Infinity while one is under way. */
  touched: number = Number.POSITIVE_INFINITY;

  constructor(first: Head) {
    this.ident = first.messageId ?? '';
    this.first = first;
  }

  /** A chunk of it begins. */
  hold(): void {
    this.touched = Number.POSITIVE_INFINITY;
  }

  push(bytes: Buffer): void {
    this.message?.push(bytes);
  }

  replace(start: number, bytes: Buffer): void {
    this.message?.replace(start, bytes);
  }
}

export class ReceivingTable {
  readonly #settings: Settings;
  readonly #patienceMs: number;
  readonly #onLate: (receiving: Receiving) => void;
  readonly #table = new IdentTable<Receiving>();
  #held = 0;
  #timer: CoarseTimer | undefined;

  constructor(settings: Settings, patienceMs: number, onLate: (receiving: Receiving) => void) {
    this.#settings = settings;
    this.#patienceMs = patienceMs;
    this.#onLate = onLate;
  }

  get isFull(): boolean {
    return this.#table.size >= mostReceiving;
  }

  /** What octets ahead of gaps cost to hold, in all messages. */
  get held(): number {
    return this.#held;
  }

  get(id: string): Receiving | undefined {
    return this.#table.get(id);
  }

  some(test: (receiving: Receiving) => boolean): boolean {
    return this.#table.values().some(test);
  }

  add(receiving: Receiving): Receiving {
    this.#table.add(receiving);
    return receiving;
  }

  /** Octets of `receiving`, the first of which has position `at`. */
  feed({ reassembly }: Receiving, at: number, bytes: Buffer): void {
    const before = reassembly.held;
    reassembly.add(at, bytes);
    this.#held += reassembly.held - before;
  }

  /** The octets of `receiving` up to `end` are there already. */
  skip({ reassembly }: Receiving, end: number): void {
    const before = reassembly.held;
    reassembly.skip(end);
    this.#held += reassembly.held - before;
  }

  /** A chunk of it has ended, and others are to come; unless the application has ended the session, when it was given that chunk. */
  touch(receiving: Receiving): void {
    if (this.#table.get(receiving.ident) !== receiving) return;
    receiving.touched = this.#settings.clock.now();
    if (this.#timer?.pending !== true) this.#watch(this.#patienceMs);
  }

  delete(receiving: Receiving): void {
    if (this.#table.get(receiving.ident) !== receiving) return;
    this.#table.delete(receiving);
    this.#held -= receiving.reassembly.held;
    if (this.#table.size === 0) this.#timer?.cancel();
  }

  /** Ends all; returns what there was. */
  close(): Receiving[] {
    const all = this.#table.values();
    for (const receiving of all) this.delete(receiving);
    return all;
  }

  #watch(ms: number): void {
    this.#timer = this.#settings.timers.start(ms, () => this.#onTimer());
  }

  #onTimer(): void {
    const oldest = this.#settings.clock.now() - this.#patienceMs;
    let next = Number.POSITIVE_INFINITY;
    for (const receiving of this.#table.values()) {
      // The application may have ended the session when it was told of the one before.
      if (this.#table.size === 0) return;
      if (receiving.touched <= oldest) this.#onLate(receiving);
      else next = Math.min(next, receiving.touched);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#watch(next - oldest);
  }
}
