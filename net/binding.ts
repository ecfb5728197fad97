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
  /** The response, or the other side's own binding request, whose end is awaited. */
  #own: Head | undefined;

  constructor(request: Chunk, next: ChunkSink, respond: (head: Head) => void) {
    this.#id = request.transactionId;
    this.#next = next;
    this.#respond = respond;
    this.bound = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.bound.catch(() => {});
  }

  onHead(head: Head): void {
    const isResponse = head.code !== undefined && head.transactionId === this.#id;
    if (isResponse || isEmptySend(head)) this.#own = head;
    else this.#next.onHead(head);
  }

  onBody(bytes: Buffer, more: boolean): void {
    if (this.#own === undefined) this.#next.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    const head = this.#own;
    this.#own = undefined;
    if (head === undefined) this.#next.onEnd(flag);
    else if (head.code === undefined) this.#respond(head);
    else if (isSuccess(head.code)) this.#settle.resolve();
    else this.fail(refused(head.code, head.comment));
  }

  fail(error: Error): void {
    this.#settle.reject(error);
  }
}

/** A SEND without body, or with an empty one as FreeSWITCH sends it, that is no part of a message. */
export function isEmptySend(head: Head): boolean {
  return head.method === 'SEND' && !head.hasBody;
}

function refused(code: number, comment: string | undefined): MSRPError {
  const cause = new MSRPTransactionError(code, comment);
  return new MSRPError('MSRP_ERR_BIND_REFUSED', `the peer refused the session: ${cause.message}`, {
    status: code,
    cause,
  });
}
