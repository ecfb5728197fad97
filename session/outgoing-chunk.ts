// A chunk of a message on its way: the octets of its frame, and the response that it waits for.
//
//   MSRP id SEND … ↵↵ piece | piece | … | end-line          a long one leaves in pieces and can be ended after each (D-SEND-1)

import { type Continuation, endLineTail, type Head, hasEndLine, lengthOf } from '../codec/index.ts';
import { longestFixedRange, type Outbox, type Transaction, type Written } from '../net/index.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** What a chunk needs of its session. */
export interface ChunkOwner {
  /** The peer wants to know at its head where a chunk ends. */
  readonly exactRanges: boolean;
  newTransactionId(): string;
  onFrame(): void;
  /** The system has a frame of it; the last one when it `isWritten`. */
  onChunkWritten(chunk: OutgoingChunk): void;
  onChunkAnswered(chunk: OutgoingChunk, response: Head): void;
  onChunkUnanswered(chunk: OutgoingChunk): void;
}

/** A small body is cheaper to copy than to carry beside its head. */
const copyBytes = 512;

export class OutgoingChunk implements Transaction, Written {
  readonly message: OutgoingMessage;
  nextEntry: Transaction | undefined;
  due: number = Number.POSITIVE_INFINITY;
  /** Octets of body, so far. */
  bytes = 0;
  /** A success that came before its end. */
  early: Head | undefined;
  readonly #owner: ChunkOwner;
  readonly #start: number;
  readonly #transactionId: string;
  /** Taken, not yet written. */
  #parts: readonly Buffer[];
  #hasBegun = false;
  /** Its end-line waits to be written, or has been. */
  #hasEnded = false;
  /** Frames that wait to be written. */
  #unwritten = 0;
  #tail: Buffer | undefined;

  /** `parts`: the first octets of it, taken already. */
  constructor(owner: ChunkOwner, message: OutgoingMessage, parts: readonly Buffer[]) {
    this.#owner = owner;
    this.message = message;
    this.#parts = parts;
    this.bytes = lengthOf(parts);
    this.#start = message.position - this.bytes;
    this.#transactionId = this.#safeId();
    message.onChunkBegun();
  }

  /** Its transaction id. */
  get ident(): string {
    return this.#transactionId;
  }

  /** The system has all of it. */
  get isWritten(): boolean {
    return this.#hasEnded && this.#unwritten === 0;
  }

  #safeId(): string {
    for (;;) {
      const id = this.#owner.newTransactionId();
      if (!hasEndLine(this.#parts, id)) return id;
    }
  }

  /** Takes its next octets, and returns how many. */
  take(most: number): number {
    this.#parts = this.message.take(most);
    const taken = lengthOf(this.#parts);
    this.bytes += taken;
    return taken;
  }

  /** Whether with what was taken its end-line would occur in it. */
  get isUnsafe(): boolean {
    return this.#tail !== undefined && hasEndLine([this.#tail, ...this.#parts], this.#transactionId);
  }

  /** Another chunk with what was taken. */
  split(): OutgoingChunk {
    const next = new OutgoingChunk(this.#owner, this.message, this.#parts);
    this.bytes -= next.bytes;
    this.#parts = [];
    return next;
  }

  /** Writes what was taken, and the end where there is a flag. */
  write(outbox: Outbox, flag?: Continuation): void {
    const parts = this.#parts;
    this.#parts = [];
    const bytes = lengthOf(parts);
    const head = this.#hasBegun ? '' : this.#headWith(flag, bytes);
    const end = flag === undefined ? '' : `\r\n-------${this.#transactionId}${flag}\r\n`;
    this.#hasBegun = true;
    this.#hasEnded = flag !== undefined;
    this.#tail = flag === undefined ? endLineTail(this.#tail, parts) : undefined;
    this.#unwritten++;
    this.message.onFrame();
    if (this.#hasEnded) this.message.onChunkEnded();
    this.#owner.onFrame();
    outbox.frame(frameOf(head, parts, bytes, end), this, bytes);
  }

  /**
   * Its range ends with `*` where it may go on, and where it could have been interrupted (R4975-7.1.1-13, 7.1.1-14) unless the peer needs
   * to know better.
   */
  #headWith(flag: Continuation | undefined, bytes: number): string {
    const { head, size } = this.message;
    const isExact = flag !== undefined && (bytes <= longestFixedRange || this.#owner.exactRanges);
    const end = isExact ? String(this.#start + bytes - 1) : '*';
    return `MSRP ${this.#transactionId} SEND\r\n${head.before}${this.#start}-${end}/${size ?? '*'}${head.after}`;
  }

  onWritten(bytes: number): void {
    this.#unwritten--;
    this.message.onWritten(bytes);
    this.#owner.onChunkWritten(this);
  }

  onResponse(response: Head): void {
    this.#owner.onChunkAnswered(this, response);
  }

  onTimeout(): void {
    this.#owner.onChunkUnanswered(this);
  }
}

function frameOf(head: string, parts: readonly Buffer[], bytes: number, end: string): Buffer[] {
  if (bytes > copyBytes) {
    const frame = [...parts];
    if (head !== '') frame.unshift(Buffer.from(head, 'latin1'));
    if (end !== '') frame.push(Buffer.from(end, 'latin1'));
    return frame;
  }
  const frame = Buffer.allocUnsafe(head.length + bytes + end.length);
  let at = frame.write(head, 'latin1');
  for (const part of parts) at += part.copy(frame, at);
  frame.write(end, at, 'latin1');
  return [frame];
}
