// The first request of the active side binds its session to the connection (R4975-5.4-3). It is an empty SEND in one write:
//
//   active  --- SEND, Byte-Range 1-0/0 ---> passive        both may be active: then each answers the other's SEND
//   active  <-- 200 ----------------------- passive        another code: refused
//
// Whatever else comes meanwhile is for whoever reads the session later.

import { type Chunk, type ChunkSink, type Continuation, type Head, MSRPError } from '../codec/index.ts';
import { MSRPTransactionError } from './errors.ts';
import { isSuccess } from './replies.ts';

export class BindingSink implements ChunkSink {
  readonly bound: Promise<void>;
  readonly #id: string;
  readonly #next: ChunkSink;
  readonly #respond: (head: Head) => void;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  /** The response, or a SEND of the other side, perhaps its own binding request: what it is shows behind the head. */
  #held: Head | undefined;
  #isSettled = false;

  constructor(request: Chunk, next: ChunkSink, respond: (head: Head) => void) {
    this.#id = request.transactionId;
    this.#next = next;
    this.#respond = respond;
    this.bound = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.bound.catch(() => {});
  }

  /** Once it is settled nothing is held any more: another sink may follow in the middle of a frame. */
  onHead(head: Head): void {
    const isResponse = head.code !== undefined && head.transactionId === this.#id;
    if (!this.#isSettled && (isResponse || head.method === 'SEND')) this.#held = head;
    else this.#next.onHead(head);
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#letGo();
    this.#next.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    const head = this.#held;
    if (head?.code !== undefined) this.#onResponse(head.code, head.comment);
    else if (head !== undefined && isEmptySend(head, flag)) this.#respond(head);
    else {
      this.#letGo();
      this.#next.onEnd(flag);
    }
    this.#held = undefined;
  }

  /** It is for the reader. */
  #letGo(): void {
    if (this.#held !== undefined) this.#next.onHead(this.#held);
    this.#held = undefined;
  }

  #onResponse(code: number, comment: string | undefined): void {
    if (!isSuccess(code)) return this.fail(refused(code, comment));
    this.#isSettled = true;
    this.#settle.resolve();
  }

  fail(error: Error): void {
    this.#isSettled = true;
    this.#settle.reject(error);
  }
}

/**
 * Whether a request that ends without an octet of body is a SEND that is no part of a message: without body, or with an empty one, as
 * FreeSWITCH binds.
 */
export function isEmptySend(head: Head, flag: Continuation): boolean {
  return head.method === 'SEND' && (!head.hasBody || flag === '$');
}

function refused(code: number, comment: string | undefined): MSRPError {
  const cause = new MSRPTransactionError(code, comment);
  return new MSRPError('MSRP_ERR_BIND_REFUSED', `the peer refused the session: ${cause.message}`, {
    status: code,
    cause,
  });
}
