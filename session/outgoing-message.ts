// A message that is being sent: what has left of it, what the peer has said of it, and how it ends.
//
//   sending --last octet in a chunk--> cut --all written, answered, reported--> over
//      `--------abort, failure--------> stopping --`#` in a chunk--> over           cut --failure--> over

import { type Head, MSRPError } from '../codec/index.ts';
import { type IdentEntry, isSuccess, MSRPTransactionError } from '../net/index.ts';
import type { HeadText } from './message-head.ts';
import { Outcome } from './outcome.ts';
import { OutgoingBody } from './outgoing-body.ts';
import { RangeSet } from './range-set.ts';
import type { Source } from './source.ts';

export interface SendOptions {
  /** Default: `text/plain` for a string, the Blob's own type, else `application/octet-stream`. */
  contentType?: string;
  /** Of a stream, in octets, if known: it must then give just as many. */
  size?: number;
  /** Default: a random one. */
  messageId?: string;
  /** Default `yes`. */
  failureReport?: 'yes' | 'no' | 'partial';
  /** Default `no`. */
  successReport?: 'yes' | 'no';
  /** Goes before the other messages of the session, as those of up to 2,048 octets do in any case. Default false. */
  urgent?: boolean;
  /** No more of the body than so many octets a second, over half a second or more. Default: no limit. */
  bytesPerSecond?: number;
  /** More header fields, of every chunk. */
  headers?: Iterable<readonly [string, string]>;
  /**
   * The peer may have some of it already, from an attempt before with the same Message-ID, and will say so by a success REPORT: until it has,
   * or has answered for a window, only a quarter of the window is used. Default false.
   */
  mayBeThere?: boolean;
  /** Called when `bytesSent` or `bytesAcknowledged` have grown. */
  onProgress?: (message: OutgoingMessage) => void;
  /**
   * Called when the message has failed, also where that is known only after `delivered`: with Failure-Report partial an error response may
   * come at any time, and a failure REPORT in any case.
   */
  onFailure?: (error: MSRPError) => void;
  /** Gives the message up. */
  signal?: AbortSignal;
}

/** What a message needs of its session. */
export interface Sender {
  /** Octets that must be at hand before a chunk is cut, unless they are the last. */
  readonly quantum: number;
  /** There is something to send. */
  want(message: OutgoingMessage): void;
  onOver(message: OutgoingMessage): void;
  /** Calls a function of the application. */
  call(what: string, call: () => unknown): void;
}

export interface MessageInit extends Required<Pick<SendOptions, 'messageId' | 'failureReport' | 'successReport'>> {
  readonly head: HeadText;
  readonly isUrgent: boolean;
  readonly mayBeThere: boolean;
  /** Octets that the peer takes. */
  readonly maxSize: number;
  readonly onProgress: SendOptions['onProgress'];
  readonly onFailure: SendOptions['onFailure'];
}

export class OutgoingMessage implements IdentEntry<OutgoingMessage> {
  readonly messageId: string;
  readonly failureReport: 'yes' | 'no' | 'partial';
  readonly successReport: 'yes' | 'no';
  /** @internal */
  readonly head: HeadText;
  /** @internal */
  readonly isUrgent: boolean;
  /** @internal Whether it waits for its turn. */
  isWaiting = false;
  /** @internal */
  nextEntry: OutgoingMessage | undefined;
  readonly #sender: Sender;
  readonly #body: OutgoingBody;
  readonly #maxSize: number;
  readonly #mayBeThere: boolean;
  readonly #onProgress: SendOptions['onProgress'];
  #onFailure: SendOptions['onFailure'];
  readonly #sent = new Outcome();
  readonly #delivered = new Outcome();
  #state: 'sending' | 'cut' | 'stopping' | 'over' = 'sending';
  #bytesSent = 0;
  #bytesAcknowledged = 0;
  /** Chunks whose end has not been written: while there is one, its octets must follow one another. */
  #openChunks = 0;
  /** Octets that success reports cover. */
  #reported: RangeSet | undefined;
  /** Frames that the system does not have yet, and chunks that wait for their response. */
  #unwritten = 0;
  #unanswered = 0;

  /** @internal */
  constructor(sender: Sender, source: Source, init: MessageInit) {
    this.messageId = init.messageId;
    this.failureReport = init.failureReport;
    this.successReport = init.successReport;
    this.head = init.head;
    this.isUrgent = init.isUrgent;
    this.#mayBeThere = init.mayBeThere;
    this.#maxSize = init.maxSize;
    this.#onProgress = init.onProgress;
    this.#onFailure = init.onFailure;
    this.#sender = sender;
    this.#body = new OutgoingBody(
      source,
      () => this.#onMore(),
      (cause) => this.#onSourceFailure(cause),
    );
  }

  /** @internal */
  get ident(): string {
    return this.messageId;
  }

  /** Of the body, in octets; undefined until a stream of unknown size has ended. */
  get size(): number | undefined {
    return this.#body.size;
  }

  /** @internal Whether the peer may still say that it has some of it; once it has answered for `bytes` it will not. */
  isCautious(bytes: number): boolean {
    return this.#mayBeThere && this.#reported === undefined && this.#bytesAcknowledged < bytes;
  }

  /** Octets of the body that the kernel has. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Octets of the body that the peer has answered for, or reported on. */
  get bytesAcknowledged(): number {
    return Math.max(this.#bytesAcknowledged, this.#reported?.covered ?? 0);
  }

  /** Every octet is with the kernel. */
  get sent(): Promise<void> {
    return this.#sent.promise;
  }

  /**
   * The peer has it. Success-Report yes: reports cover all of it; else Failure-Report yes: every chunk was answered with success; else as
   * `sent`.
   */
  get delivered(): Promise<void> {
    return this.#delivered.promise;
  }

  /** Tells the peer that no more will come (`#`). `sent` and `delivered` reject with `MSRP_ERR_ABORTED`, as far as they are open. */
  abort(reason?: unknown): void {
    if (this.#delivered.isSettled) return;
    this.fail(new MSRPError('MSRP_ERR_ABORTED', 'the message was given up', { scope: 'message', cause: reason }));
  }

  /** @internal Whether something of it can be sent now. */
  get isReady(): boolean {
    if (this.#state !== 'sending') return this.#state === 'stopping';
    if (this.#mustSkip) return false;
    return this.#body.hasEnded || this.#body.buffered > this.#sender.quantum;
  }

  /** @internal Nothing but `#` is to be sent. */
  get isStopping(): boolean {
    return this.#state === 'stopping';
  }

  /** @internal All of it is in chunks. */
  get isCut(): boolean {
    return this.#state === 'cut';
  }

  /** @internal The position of the octet that is taken next. */
  get position(): number {
    return this.#body.taken + 1;
  }

  /** @internal Takes what goes into a chunk next; only when ready. */
  take(most: number): Buffer[] {
    const parts = this.#body.take(most);
    if (this.#body.hasEnded && this.#body.buffered === 0) this.#state = 'cut';
    return parts;
  }

  /** @internal */
  onChunkBegun(): void {
    this.#openChunks++;
  }

  /** @internal */
  onChunkEnded(): void {
    this.#openChunks--;
    this.#skip();
  }

  /** @internal A frame with octets of it waits to be written. */
  onFrame(): void {
    this.#unwritten++;
  }

  /** @internal A chunk of it waits for a response. */
  onChunk(): void {
    this.#unanswered++;
  }

  /** @internal The system has such a frame. */
  onWritten(bytes: number): void {
    this.#unwritten--;
    this.#bytesSent += bytes;
    this.#progress();
  }

  /** @internal A chunk was answered; with Failure-Report partial some peers do so though it is a success. */
  onResponse(response: Head, bytes: number): void {
    if (this.failureReport === 'yes') this.#unanswered--;
    if (!isSuccess(response.code ?? 400)) return this.#refuse(response.code ?? 400, response.comment);
    this.#bytesAcknowledged += bytes;
    this.#progress();
  }

  /** @internal A REPORT about it came. */
  onReport(report: Head): void {
    const { status, byteRange } = report;
    if (status === undefined || status.namespace !== '000') return;
    if (!isSuccess(status.code)) return this.#refuse(status.code, status.comment);
    this.#reported ??= new RangeSet();
    this.#reported.add(byteRange?.start ?? 1, byteRange?.end ?? this.size ?? 0);
    if (this.#mustSkip) {
      // An open chunk has to be ended first.
      this.#sender.want(this);
      this.#skip();
    }
    this.#progress();
  }

  /** How far the peer has it; all but the last octet, which is to say that it is the last. */
  get #known(): number {
    return Math.min(this.#reported?.covered ?? 0, (this.size ?? 0) - 1);
  }

  /** The peer has more than it was sent: from an attempt before this one. */
  get #mustSkip(): boolean {
    return this.#state === 'sending' && this.#known > this.#body.taken;
  }

  #skip(): void {
    if (this.#openChunks > 0 || !this.#mustSkip) return;
    this.#bytesAcknowledged += this.#known - this.#body.taken;
    this.#body.skipTo(this.#known);
    this.#onMore();
  }

  #refuse(code: number, comment: string | undefined): void {
    this.fail(new MSRPTransactionError(code, comment, { scope: 'message' }));
  }

  #progress(): void {
    if (this.#state === 'over') return;
    const onProgress = this.#onProgress;
    if (onProgress !== undefined) this.#sender.call('onProgress', () => onProgress(this));
    this.#check();
  }

  #check(): void {
    if (this.#state !== 'cut' || this.#unwritten > 0) return;
    this.#sent.resolve();
    const isReported = (this.#reported?.covered ?? -1) >= (this.size ?? 0);
    const isAnswered = this.#unanswered === 0;
    if (this.successReport === 'yes' ? isReported : isAnswered) this.#delivered.resolve();
    if (this.#delivered.isSettled && isAnswered) this.#end();
  }

  /** @internal Nothing but success reports is still to come. */
  get isUnreported(): boolean {
    return this.#state === 'cut' && this.#unwritten === 0 && this.#unanswered === 0;
  }

  /** @internal A REPORT that comes when it is over changes nothing: the peer has all of it, and nobody is to be told of a failure. */
  get isSettled(): boolean {
    return this.bytesAcknowledged === this.size && this.#onFailure === undefined;
  }

  /** @internal It will not arrive: what is left is not sent (R4975-7.3.2-3). */
  fail(error: MSRPError): void {
    if (this.#state === 'over') return this.#tellFailure(error);
    this.#settle(error);
    if (this.#state === 'sending' && this.#body.taken > 0) {
      this.#state = 'stopping';
      this.#sender.want(this);
    } else if (this.#state !== 'stopping') this.#end();
  }

  /** @internal The peer was told that no more will come. */
  onStopped(): void {
    this.#end();
  }

  /** @internal The session is over. */
  onSessionEnd(error: Error): void {
    this.#settle(error);
    this.#end();
  }

  #onMore(): void {
    if (this.#body.taken + this.#body.buffered > this.#maxSize) return this.fail(tooLarge(this.#maxSize));
    if (this.isReady) this.#sender.want(this);
  }

  /** D-SEND-7: a source that fails ends the message with `#`. */
  #onSourceFailure(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.fail(
      new MSRPError('MSRP_ERR_SOURCE', `the source of the message failed: ${reason}`, { scope: 'message', cause }),
    );
  }

  #settle(error: Error): void {
    this.#sent.reject(error);
    this.#delivered.reject(error);
    if (error instanceof MSRPError) this.#tellFailure(error);
  }

  #tellFailure(error: MSRPError): void {
    const onFailure = this.#onFailure;
    this.#onFailure = undefined;
    if (onFailure !== undefined) this.#sender.call('onFailure', () => onFailure(error));
  }

  #end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#body.close();
    this.#sender.onOver(this);
  }
}

export function tooLarge(maxSize: number): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', `the peer takes messages of up to ${maxSize} octets`, {
    scope: 'message',
    status: 413,
  });
}
