// A message that is being received: what is known of it, and its body as it comes.

import type { Head, Headers } from '../codec/index.ts';
import { MSRPError } from '../codec/index.ts';
import { type BodyTaker, pieceBytes } from './reassembly.ts';

/** What a message needs of its session. */
export interface MessageOwner {
  /** What it holds unread has grown by so many octets. */
  onHeld(change: number): void;
  /** Somebody waits for more of it. */
  onAwaited(): void;
  /** The rest of it is not wanted. */
  onRefused(message: IncomingMessage, code: number): void;
  /** Its octets up to `end` are there already. */
  onResumed(message: IncomingMessage, end: number): void;
  /** All of it has come; the application says what became of it. */
  onReport(message: IncomingMessage, code: number): void;
}

/**
 * Iterate it to read the body, once; octets are views of the reads they came in. The iterator throws when the sender gives the message up
 * (`MSRP_ERR_ABORTED`), when it was refused (`MSRP_ERR_NOT_READ`), when no more of it came in time (`MSRP_ERR_TIMEOUT`), or with what the
 * session failed with.
 */
export class IncomingMessage implements AsyncIterable<Buffer>, BodyTaker {
  readonly messageId: string;
  readonly contentType: string | undefined;
  /** What the sender said the size would be, in octets; undefined if it did not know. */
  readonly size: number | undefined;
  /** The header fields of its first chunk. */
  readonly headers: Headers;
  /** @internal The head of its first chunk. */
  readonly head: Head;
  readonly #owner: MessageOwner;
  /** Who reports on it when all of it has come; `done`: somebody has. */
  #reports: 'session' | 'application' | 'done' = 'session';
  /** What came since the reader last went to fetch, and what it fetched then and has read up to `#at`. */
  #arrived: Buffer[] = [];
  #fetched: Buffer[] = [];
  #at = 0;
  /** Octets given so far, and those of them that nobody has read. */
  #given = 0;
  #unread = 0;
  /** What the session counts for it. */
  #held = 0;
  #state: 'open' | 'complete' | Error = 'open';
  /** Nobody has taken it from the session; all of it is wanted at once; nobody is going to read on. */
  #isUntaken = true;
  #isCollected = false;
  #isLeft = false;
  #isBegun = false;
  /** Somebody waits for more: for this promise. */
  #more: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /** @internal */
  constructor(head: Head, owner: MessageOwner) {
    this.messageId = head.messageId ?? '';
    this.contentType = head.contentType;
    this.size = head.byteRange?.total;
    this.headers = head.headers;
    this.head = head;
    this.#owner = owner;
    this.#count();
  }

  /** All of it has come. */
  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** @internal What it holds, as the session counts it. */
  get held(): number {
    return this.#held;
  }

  /** @internal Whether somebody has begun to read it. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** @internal Whether somebody waits for more of it. */
  get isAwaited(): boolean {
    return this.#more !== undefined;
  }

  /** @internal Octets that are there, from the first one on. */
  get given(): number {
    return this.#given;
  }

  /** @internal The application has it. */
  take(): void {
    this.#isUntaken = false;
    this.#count();
  }

  /** @internal */
  push(bytes: Buffer): void {
    this.#given += bytes.length;
    if (this.#isLeft) return;
    this.#arrived.push(bytes);
    this.#unread += bytes.length;
    this.#count();
    if (!this.#isCollected) this.#notify();
  }

  /** @internal */
  replace(start: number, bytes: Buffer): void {
    const skip = Math.max(0, this.#given - this.#unread + 1 - start);
    if (skip >= bytes.length) return;
    const offset = start + skip - (this.#given - this.#unread + 1);
    this.#arrived = overwrite([...this.#fetched.slice(this.#at), ...this.#arrived], offset, bytes.subarray(skip));
    this.#fetched = [];
    this.#at = 0;
    this.#count();
  }

  /** @internal All is there, or no more will come. */
  finish(error?: Error): void {
    if (this.#state !== 'open') return;
    this.#state = error ?? 'complete';
    if (this.#reports === 'session') this.#report(200);
    this.#count();
    this.#notify();
  }

  /** What the application has whole, or waits for as a whole, is its own affair; everything else the session answers for. */
  #count(): void {
    const isOwn = this.#isCollected || this.#isLeft || (!this.#isUntaken && this.#state !== 'open');
    const pieces = this.#fetched.length - this.#at + this.#arrived.length;
    const held = isOwn ? 0 : this.#unread + (pieces + (this.#isUntaken ? 1 : 0)) * pieceBytes;
    if (held === this.#held) return;
    const change = held - this.#held;
    this.#held = held;
    this.#owner.onHeld(change);
  }

  #notify(): void {
    this.#more = undefined;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Leaving the loop early drops the rest of the body: the sender is not kept waiting. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#iterate(() => this.#take());
  }

  /** As iterating it, but each time with all that is at hand: for one writev, and quicker where chunks are small. */
  batches(): AsyncIterable<Buffer[]> {
    const iterator = this.#iterate(() => this.#takeAll());
    return { [Symbol.asyncIterator]: () => iterator };
  }

  #iterate<T>(take: () => T | undefined): AsyncIterator<T> {
    this.#isBegun = true;
    return { next: () => this.#next(take), return: () => this.#leave() };
  }

  /** Not a generator, which costs three times as much for each piece. */
  #next<T>(take: () => T | undefined): Promise<IteratorResult<T>> {
    const value = take();
    if (value === undefined) return this.#state === 'open' && !this.#isLeft ? this.#wait(take) : this.#end();
    this.#count();
    return Promise.resolve({ done: false, value });
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
    const rest = this.#fetched.slice(this.#at);
    this.#fetch();
    const all = rest.length === 0 ? this.#fetched : [...rest, ...this.#fetched];
    if (all.length === 0) return undefined;
    this.#fetched = [];
    this.#unread = 0;
    return all;
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
    this.#owner.onAwaited();
    await more;
    return this.#next(take);
  }

  async #end(): Promise<IteratorReturnResult<undefined>> {
    if (this.#state instanceof Error) throw this.#state;
    return { done: true, value: undefined };
  }

  async #leave(): Promise<IteratorReturnResult<undefined>> {
    this.#drop();
    return { done: true, value: undefined };
  }

  #drop(): void {
    this.#isLeft = true;
    this.#arrived = [];
    this.#fetch();
    this.#unread = 0;
    this.#count();
    this.#notify();
  }

  /**
   * The rest is not wanted, as when the disk is full: the sender is told at once, and again for each chunk that it sends still (RFC 4975
   * section 10.5). What was not read is dropped; who reads the body gets `MSRP_ERR_NOT_READ`. When all of it has come, the sender is told
   * by a failure REPORT, unless it was told of success before. Nothing happens when no more will come.
   */
  refuse(code = 413): void {
    if (this.#state === 'complete') return this.#report(code);
    if (this.#state !== 'open') return;
    this.#owner.onRefused(this, code);
    this.#drop();
  }

  /**
   * That all of it came is not reported as success by the session: `report()` does it, where success means more, as that a file is on the
   * disk. Too late for a message that has come whole already; there the `automaticReports` of the session decides.
   */
  deferReport(): void {
    if (this.#reports === 'session') this.#reports = 'application';
  }

  /** Success, once, where the sender asked for reports (RFC 4975 section 7.1.3). Nothing happens until all of it has come. */
  report(): void {
    this.#report(200);
  }

  #report(code: number): void {
    if (this.#state !== 'complete' || this.#reports === 'done') return;
    this.#reports = 'done';
    this.#owner.onReport(this, code);
  }

  /**
   * The first octets, up to and with number `end`, are there already, from an attempt at the same message that was interrupted: they are
   * not given out, unless they have been, and the sender is told at once, if it asked for success reports. One that takes notice goes on
   * behind them.
   */
  resumeFrom(end: number): void {
    const skipped = end - (this.#given - this.#unread);
    if (skipped <= 0) return;
    this.#arrived = withoutFirst([...this.#fetched.slice(this.#at), ...this.#arrived], skipped);
    this.#fetched = [];
    this.#at = 0;
    this.#unread = Math.max(0, this.#unread - skipped);
    this.#given = Math.max(this.#given, end);
    this.#count();
    if (this.#state === 'open') this.#owner.onResumed(this, end);
  }

  /** The whole body. Mind that it is held in memory. */
  async bytes(): Promise<Buffer> {
    this.#isBegun = true;
    this.#isCollected = true;
    this.#count();
    if (this.#state === 'open') await this.#wait(() => undefined);
    if (this.#state instanceof Error) throw this.#state;
    const pieces = this.#takeAll() ?? [];
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces);
  }

  /** The whole body as UTF-8 text. */
  async text(): Promise<string> {
    return (await this.bytes()).toString();
  }
}

/** What of `pieces` comes behind so many octets. */
function withoutFirst(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(skip);
    skip -= piece.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
}

/** `pieces` with other octets from `offset` on. */
function overwrite(pieces: readonly Buffer[], offset: number, bytes: Buffer): Buffer[] {
  const end = offset + bytes.length;
  const before: Buffer[] = [];
  const behind: Buffer[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (at < offset) before.push(piece.subarray(0, offset - at));
    if (at + piece.length > end) behind.push(piece.subarray(Math.max(0, end - at)));
    at += piece.length;
  }
  return [...before, bytes, ...behind];
}

export function givenUp(): MSRPError {
  return new MSRPError('MSRP_ERR_ABORTED', 'the sender gave the message up', { scope: 'message' });
}
