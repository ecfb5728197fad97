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
  #pieces: Buffer[] = [];
  #unread = 0;
  #state: 'open' | 'complete' | Error = 'open';
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
    return this.#wake !== undefined;
  }

  /** @internal */
  push(bytes: Buffer): void {
    if (this.#isLeft) return;
    this.#pieces.push(bytes);
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
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Leaving the loop early drops the rest of the body: the sender is not kept waiting. */
  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#unread -= piece.length;
          yield piece;
        } else if (this.#state === 'open') await this.#more();
        else if (this.#state === 'complete') return;
        else throw this.#state;
      }
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#isLeft = true;
    this.#pieces = [];
    this.#unread = 0;
    this.#owner.onTaken();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#owner.onTaken();
    });
  }

  /** The whole body. Mind that it is held in memory. */
  async bytes(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this) pieces.push(piece);
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
