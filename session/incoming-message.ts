// A message that is being received: what is known of it, and its body as it comes.

import type { Head, Headers } from '../codec/index.ts';
import { MSRPError } from '../codec/index.ts';

/** What the session does for its messages. */
export interface MessageOwner {
  /** Octets of the body were taken, or somebody waits for some. */
  onTaken(): void;
}

/**
 * Iterate it to read the body, once; octets are views of the reads they came in. The iterator throws when the sender gives the message up
 * (`MSRP_ERR_ABORTED`) or the session fails.
 */
export class IncomingMessage implements AsyncIterable<Buffer> {
  readonly messageId: string;
  readonly contentType: string | undefined;
  /** What the sender said the size would be, in octets; undefined if it did not know. */
  readonly size: number | undefined;
  /** The header fields of the chunk that came first. */
  readonly headers: Headers;
  readonly #owner: MessageOwner;
  /** What came since the reader last went to fetch, and what it fetched then and has read up to `#at`. */
  #arrived: Buffer[] = [];
  #fetched: Buffer[] = [];
  #at = 0;
  #unread = 0;
  #state: 'open' | 'complete' | Error = 'open';
  /** Somebody waits for more: for this promise. */
  #more: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Nobody is going to read on. */
  #isLeft = false;

  /** @internal */
  constructor(head: Head, owner: MessageOwner) {
    this.messageId = head.messageId ?? '';
    this.contentType = head.contentType;
    this.size = head.byteRange?.total;
    this.headers = head.headers;
    this.#owner = owner;
  }

  /** @internal Octets received and not yet read. */
  get unreadBytes(): number {
    return this.#unread;
  }

  /** @internal Whether somebody waits for more of it. */
  get isAwaited(): boolean {
    return this.#more !== undefined;
  }

  /** @internal */
  push(bytes: Buffer): void {
    if (this.#isLeft) return;
    this.#arrived.push(bytes);
    this.#unread += bytes.length;
    this.#notify();
  }

  /** @internal All is there, or no more will come. */
  finish(error?: Error): void {
    if (this.#state !== 'open') return;
    this.#state = error ?? 'complete';
    this.#notify();
  }

  #notify(): void {
    this.#more = undefined;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Leaving the loop early drops the rest of the body: the sender is not kept waiting. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return { next: () => this.#next(() => this.#take()), return: () => this.#leave() };
  }

  /** As iterating it, but each time with all that is at hand: for one writev, and quicker where chunks are small. */
  batches(): AsyncIterable<Buffer[]> {
    const iterator = { next: () => this.#next(() => this.#takeAll()), return: () => this.#leave() };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Not a generator, which costs three times as much for each piece. */
  #next<T>(take: () => T | undefined): Promise<IteratorResult<T>> {
    const value = take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return this.#state === 'open' ? this.#wait(take) : this.#end();
  }

  #take(): Buffer | undefined {
    if (this.#at === this.#fetched.length) this.#fetch();
    const piece = this.#fetched[this.#at];
    if (piece === undefined) return undefined;
    this.#at++;
    this.#unread -= piece.length;
    return piece;
  }

  #takeAll(): Buffer[] | undefined {
    const rest = this.#at < this.#fetched.length ? this.#fetched.slice(this.#at) : undefined;
    this.#fetch();
    if (rest === undefined && this.#fetched.length === 0) return undefined;
    this.#at = this.#fetched.length;
    this.#unread = 0;
    return rest === undefined ? this.#fetched : [...rest, ...this.#fetched];
  }

  #fetch(): void {
    this.#fetched = this.#arrived;
    this.#arrived = [];
    this.#at = 0;
  }

  async #wait<T>(take: () => T | undefined): Promise<IteratorResult<T>> {
    this.#more ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    const more = this.#more;
    this.#owner.onTaken();
    await more;
    return this.#next(take);
  }

  async #end(): Promise<IteratorReturnResult<undefined>> {
    this.#owner.onTaken();
    if (this.#state instanceof Error) throw this.#state;
    return { done: true, value: undefined };
  }

  async #leave(): Promise<IteratorReturnResult<undefined>> {
    this.#isLeft = true;
    this.#arrived = [];
    this.#fetch();
    this.#unread = 0;
    this.#owner.onTaken();
    return { done: true, value: undefined };
  }

  /** The whole body. Mind that it is held in memory. */
  async bytes(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const batch of this.batches()) pieces.push(...batch);
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces);
  }

  /** The whole body as UTF-8 text. */
  async text(): Promise<string> {
    return (await this.bytes()).toString();
  }
}

export function givenUp(): MSRPError {
  return new MSRPError('MSRP_ERR_ABORTED', 'the sender gave the message up', { scope: 'message' });
}
