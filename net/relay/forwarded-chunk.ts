// A SEND on its way through the relay, from when its head is read until what became of it is known. It may leave as several frames,
// since it is sent on as it arrives and others may need the connection in between (D-RELAY-3).
//
//   arriving ---(end-line: 200)---> arrived             a failure is told once (section 7, D-RELAY-5): where we cannot forward, by an
//       \                              |                error response while it arrives, and then the rest is swallowed; by a REPORT
//        `--(failed)--> told <--(failed)                to the sender when the hop before has its 200, or the next hop refuses it

import type { Chunk, Head, URI } from '../../codec/index.ts';
import type { Connection } from '../connection.ts';
import { isSuccess, makeReport } from '../replies.ts';
import type { Transaction } from '../transactions.ts';
import type { Answered, Way } from './roles.ts';

/** What a chunk needs of its flow. */
export interface ChunkWay extends Way {
  onRefused(frame: ForwardedFrame, code: number, comment: string | undefined): void;
  /** Sends a REPORT the way back that a request came. */
  sendBack(path: readonly URI[], report: Chunk): void;
}

/** What a failure is about: octets of the message, from 1, both ends inclusive. */
export interface FailedRange {
  readonly start: number;
  readonly end: number;
}

export class ForwardedChunk {
  readonly head: Head;
  readonly flow: ChunkWay;
  /** Where its body begins in the message. */
  readonly start: number;
  /** Octets of its body that have come. */
  received = 0;
  /** Where the octets begin that the next hop has not acknowledged. */
  unacknowledged: number;
  /** The hop before waits for its response. */
  #isUnanswered = true;
  #isTold = false;

  constructor(head: Head, flow: ChunkWay) {
    this.head = head;
    this.flow = flow;
    this.start = head.byteRange?.start ?? 1;
    this.unacknowledged = this.start;
  }

  /** Its failure has been told: nothing of it is of interest any more. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** Its end-line is here: 200 to the hop before, which means no more than that (R4976-6.4.1-1). */
  onArrived(): void {
    if (!this.#isUnanswered) return;
    this.#isUnanswered = false;
    this.#source.respond(this.head, 200);
  }

  /** None of what is unacknowledged will arrive. */
  fail(code: number, comment?: string): void {
    if (this.#isTold) return;
    if (this.#isUnanswered) this.#source.respond(this.head, code);
    else this.report({ start: this.unacknowledged, end: this.start + this.received - 1 }, code, comment);
    this.#isUnanswered = false;
    this.#isTold = true;
  }

  /** The next hop has refused these octets, and the rest of the message with them. */
  refuse(range: FailedRange, code: number, comment?: string): void {
    this.report(range, code, comment);
    this.#isTold = true;
  }

  /** Tells the sender that these octets have failed (R4976-6.4.1-3, D-RELAY-7). */
  report({ start, end }: FailedRange, code: number, comment?: string): void {
    if (this.#isTold) return;
    const range = { start, end: Math.max(end, start - 1), total: this.head.byteRange?.total };
    const { settings } = this.#source;
    const report = makeReport(this.head, settings.idents.transactionId(), range, code, comment);
    if (report === undefined) return;
    this.flow.sendBack(this.head.fromPath, report);
    this.flow.counters.reports++;
  }

  get #source(): Connection {
    return this.flow.from.connection;
  }
}

/** A frame of a forwarded chunk, and the response that it waits for. */
export class ForwardedFrame implements Answered {
  readonly ident: string;
  readonly chunk: ForwardedChunk;
  readonly start: number;
  nextEntry: Transaction | undefined;
  due: number = Number.POSITIVE_INFINITY;
  bytes = 0;
  /** Its end-line is with the system. */
  isWritten = false;
  #isSettled = false;

  /** Whether a response is sure to come, sooner or later. */
  get isCounted(): boolean {
    return this.chunk.head.failureReport === 'yes';
  }

  constructor(ident: string, chunk: ForwardedChunk, start: number) {
    this.ident = ident;
    this.chunk = chunk;
    this.start = start;
  }

  /** The system has its last octet: 30 s (R4976-6.4.1-2). */
  onWritten(): void {
    this.isWritten = true;
    if (!this.#isSettled) this.chunk.flow.to?.transactions.start(this);
  }

  onResponse({ code = 400, comment }: Head): void {
    const { chunk } = this;
    chunk.flow.to?.onAnswerAfter(this.due, code);
    this.#settle();
    if (!isSuccess(code)) chunk.flow.onRefused(this, code, comment);
    else if (this.start === chunk.unacknowledged) chunk.unacknowledged += this.bytes;
  }

  /** With Failure-Report partial silence is no failure. */
  onTimeout(): void {
    this.#settle();
    if (this.chunk.head.failureReport !== 'yes') return;
    this.chunk.flow.counters.timeouts++;
    this.chunk.report(this.range, 408, 'Downstream timeout');
  }

  /** The connection is lost. With partial that is a failure only where it is known that not all has left (D-RELAY-6). */
  onEnd(): void {
    this.#settle();
    if (this.chunk.head.failureReport === 'yes' || !this.isWritten) this.chunk.fail(408, 'Downstream connection lost');
  }

  /** Its chunk has been failed already. */
  onUnsent(): void {}

  /** What has been sent of it. */
  get range(): FailedRange {
    return { start: this.start, end: this.start + this.bytes - 1 };
  }

  #settle(): void {
    this.#isSettled = true;
    this.chunk.flow.to?.onSettled(this);
  }
}
