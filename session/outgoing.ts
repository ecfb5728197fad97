// All that a session sends, in its order (D-SEND-2): chunks as they were given, messages that are small or urgent, then the others in turn,
// a quantum each. What is unanswered is bounded by a window, what is unwritten by the connection, which asks for frames only when the
// socket has room. A chunk longer than a quantum stays open while nothing else waits, and is ended with `+` when something does.

import { type Chunk, type Continuation, type Head, MSRPError } from '../codec/index.ts';
import {
  type FrameSource,
  IdentTable,
  isSuccess,
  MSRPTransactionError,
  type MSRPTransport,
  type Outbox,
  type Pulled,
  Transactions,
} from '../net/index.ts';
import { callApplication } from './application.ts';
import { ChunkQueue, type OnResponse, type QueueOwner } from './chunk-queue.ts';
import { MessageHeads } from './message-head.ts';
import { MessageMaker } from './message-maker.ts';
import { type ChunkOwner, OutgoingChunk } from './outgoing-chunk.ts';
import type { OutgoingMessage, Sender, SendOptions } from './outgoing-message.ts';
import type { SessionOptions } from './session-options.ts';
import type { Body } from './source.ts';
import { RecentIds } from './recent-ids.ts';
import { Turns } from './turns.ts';

/** Octets of a message that leave before others have their turn. */
const quantumBytes = 16_384;
/** Chunks with Failure-Report partial whose error response is still recognised: nothing tells when there will be none. */
const mostUncertain = 4096;
/** Codes that end the session, in a response or a REPORT (D-REPORT-4). */
const sessionCodes = new Set([408, 481, 506]);

type OutgoingOptions = Pick<SessionOptions, 'chunkSize' | 'windowBytes' | 'peer' | 'rememberedMessages'>;

export class Outgoing implements FrameSource, Sender, ChunkOwner, QueueOwner {
  isWaiting = false;
  /** A request is sent. */
  onSent: (() => void) | undefined;
  readonly quantum: number;
  readonly exactRanges: boolean;
  readonly #chunkSize: number;
  readonly #windowBytes: number;
  readonly #transport: MSRPTransport;
  readonly #onFail: (error: MSRPError) => void;
  readonly #transactions: Transactions;
  readonly #queue: ChunkQueue;
  readonly #maker: MessageMaker;
  /** All messages that are not over, by Message-ID; and those with something to send, in turn. */
  readonly #messages = new IdentTable<OutgoingMessage>();
  readonly #turns = new Turns();
  /** Those that are over, and those of chunks that were given: a REPORT may still come. */
  readonly #recent: RecentIds<OutgoingMessage | undefined>;
  /** The chunk whose end-line has not been sent. */
  #open: OutgoingChunk | undefined;
  #unanswered = 0;
  #unwritten = 0;
  /** Made with the first: an empty Set costs 200 octets. */
  #uncertain: Set<OutgoingChunk> | undefined;
  /** Those who wait for the session to have nothing to do. */
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  constructor(transport: MSRPTransport, o: OutgoingOptions, onFail: (error: MSRPError) => void) {
    const { profile } = transport.settings;
    const { chunkSize = profile.chunkSize, windowBytes = 524_288 } = o;
    if (!(chunkSize >= 1 && windowBytes >= 2)) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', `no chunks of ${chunkSize} octets in a window of ${windowBytes}`, {
        scope: 'session',
      });
    }
    this.exactRanges = profile.exactRanges;
    const longest = profile.exactRanges ? quantumBytes : Number.POSITIVE_INFINITY;
    // One chunk is on its way while the one before is answered.
    this.#chunkSize = Math.floor(Math.min(chunkSize, windowBytes / 2, longest));
    this.quantum = Math.min(this.#chunkSize, quantumBytes);
    this.#windowBytes = windowBytes;
    this.#recent = new RecentIds(o.rememberedMessages);
    this.#transport = transport;
    this.#onFail = onFail;
    this.#transactions = new Transactions(transport.settings);
    this.#queue = new ChunkQueue(this, this.#transactions);
    this.#maker = new MessageMaker(transport, o.peer);
  }

  send(body: Body, o: SendOptions): OutgoingMessage {
    const message = this.#maker.make(this, body, o, (id) => this.#messages.get(id) !== undefined);
    this.#messages.add(message);
    if (message.isReady) this.want(message);
    if (o.signal !== undefined) abortWith(message, o.signal);
    return message;
  }

  /** Returns whether there is room for more. */
  sendChunk(chunk: Chunk, onResponse?: OnResponse): boolean {
    const hasRoom = this.#queue.push(chunk, onResponse);
    if (chunk.method === 'SEND' && chunk.messageId !== undefined) this.#recent.add(chunk.messageId, undefined);
    this.#transport.want(this);
    return hasRoom;
  }

  /** Whether chunks wait that were given. */
  get hasChunks(): boolean {
    return !this.#queue.isEmpty;
  }

  drained(): Promise<void> {
    return this.#queue.drained();
  }

  /** Resolves when nothing waits to be sent or answered, and reports have come, or had the time of a response to come. */
  async idle(): Promise<void> {
    await this.#until(() => this.#isAnswered);
    if (this.#messages.size === 0) return;
    const { timers, timeouts } = this.#transport.settings;
    let isLate = false;
    const timer = timers.start(timeouts.responseMs, () => {
      isLate = true;
      this.onIdle();
    });
    await this.#until(() => isLate || (this.#isAnswered && this.#messages.size === 0));
    timer.cancel();
  }

  #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ isMet, resolve });
    });
  }

  get #isAnswered(): boolean {
    if (!this.#queue.isEmpty || this.#transactions.size > 0 || this.#unwritten > 0) return false;
    return this.#messages.size === 0 || this.#messages.values().every(({ isUnreported }) => isUnreported);
  }

  want(message: OutgoingMessage): void {
    if (message !== this.#open?.message) this.#turns.add(message);
    this.#transport.want(this);
  }

  newTransactionId(): string {
    return this.#transport.settings.idents.transactionId();
  }

  pull(outbox: Outbox): Pulled {
    const open = this.#open;
    if (open !== undefined) {
      if (this.#mayGoOn(open)) return this.#goOn(outbox, open);
      this.#end(outbox, open, '+');
      return 'more';
    }
    if (this.#queue.pull(outbox)) return 'more';
    const message = this.#turns.next(this.#mayGo);
    if (message === undefined) return 'idle';
    if (!message.isStopping) return this.#begin(outbox, message);
    this.#stop(outbox, message);
    return 'more';
  }

  interrupt(outbox: Outbox, flag: Continuation): void {
    if (this.#open !== undefined) this.#end(outbox, this.#open, flag);
  }

  /** Ends the open chunk, since something else is to be sent. */
  #end(outbox: Outbox, open: OutgoingChunk, flag: Continuation): void {
    const { message } = open;
    this.#open = undefined;
    open.write(outbox, message.isStopping ? '#' : flag);
    if (message.isStopping) message.onStopped();
    else if (message.isReady) this.#turns.add(message);
  }

  #mayGoOn(chunk: OutgoingChunk): boolean {
    const { message, bytes } = chunk;
    const othersWait = !this.#queue.isEmpty || !this.#turns.isEmpty;
    return !othersWait && bytes < this.#chunkSize && message.isReady && !message.isStopping && this.#hasRoom(message);
  }

  #hasRoom(message: OutgoingMessage): boolean {
    const window = message.isCautious(this.#windowBytes) ? this.#windowBytes / 4 : this.#windowBytes;
    return message.failureReport !== 'yes' || this.#unanswered < window;
  }

  /** The end of a message that was given up does not wait for the window. One that skips octets may have to wait for its source again. */
  readonly #mayGo = (message: OutgoingMessage): boolean =>
    message.isStopping || (message.isReady && this.#hasRoom(message));

  #begin(outbox: Outbox, message: OutgoingMessage): Pulled {
    const chunk = new OutgoingChunk(this, message, message.take(this.quantum));
    this.#count(chunk, chunk.bytes);
    this.#expect(chunk);
    return this.#write(outbox, chunk);
  }

  #count({ message }: OutgoingChunk, bytes: number): void {
    if (message.failureReport === 'yes') this.#unanswered += bytes;
  }

  #expect(chunk: OutgoingChunk): void {
    const { failureReport } = chunk.message;
    if (failureReport === 'no') return;
    this.#transactions.add(chunk);
    if (failureReport === 'yes') chunk.message.onChunk();
    else this.#addUncertain(chunk);
  }

  #addUncertain(chunk: OutgoingChunk): void {
    const uncertain = (this.#uncertain ??= new Set());
    uncertain.add(chunk);
    const [oldest] = uncertain;
    if (uncertain.size <= mostUncertain || oldest === undefined) return;
    uncertain.delete(oldest);
    this.#transactions.remove(oldest);
  }

  /** Sends the next quantum of a chunk, and its end where it has come. */
  #goOn(outbox: Outbox, chunk: OutgoingChunk): Pulled {
    this.#count(chunk, chunk.take(Math.min(this.quantum, this.#chunkSize - chunk.bytes)));
    if (!chunk.isUnsafe) return this.#write(outbox, chunk);
    const next = chunk.split();
    chunk.write(outbox, '+');
    this.#expect(next);
    return this.#write(outbox, next);
  }

  #write(outbox: Outbox, chunk: OutgoingChunk): Pulled {
    const { message } = chunk;
    const isOpen = !message.isCut && this.#mayGoOn(chunk);
    this.#open = isOpen ? chunk : undefined;
    if (isOpen) chunk.write(outbox);
    else {
      chunk.write(outbox, message.isCut ? '$' : '+');
      if (!message.isCut && message.isReady) this.#turns.add(message);
    }
    return isOpen ? 'open' : 'more';
  }

  /** D-SEND-4: a frame without body that says `#`. */
  #stop(outbox: Outbox, message: OutgoingMessage): void {
    const id = this.newTransactionId();
    const text = `MSRP ${id} SEND\r\n${MessageHeads.ofAbort(message.head, message.size)}-------${id}#\r\n`;
    outbox.frame([Buffer.from(text, 'latin1')]);
    message.onStopped();
  }

  call(what: string, call: () => unknown): void {
    void callApplication(this.#transport.settings.logger, what, call);
  }

  onFrame(): void {
    this.#unwritten++;
    this.onSent?.();
  }

  onWritten(): void {
    this.#unwritten--;
    this.onIdle();
  }

  onChunkWritten(chunk: OutgoingChunk): void {
    if (chunk.isWritten && chunk.early !== undefined) this.#settle(chunk, chunk.early);
    else if (chunk.isWritten) this.#transactions.start(chunk);
    this.onWritten();
  }

  /** An error may come before the end of the chunk (D-RECV-9); a success counts from there on. */
  onChunkAnswered(chunk: OutgoingChunk, response: Head): void {
    if (!chunk.isWritten && isSuccess(response.code ?? 400)) chunk.early = response;
    else this.#settle(chunk, response);
  }

  #settle(chunk: OutgoingChunk, response: Head): void {
    const { message, bytes } = chunk;
    if (message.failureReport === 'yes') this.#unanswered -= bytes;
    else this.#uncertain?.delete(chunk);
    message.onResponse(response, bytes);
    this.onAnswered(response);
    if (!this.#turns.isEmpty) this.#transport.want(this);
  }

  onAnswered(response: Head): void {
    this.#checkCode(response.code ?? 0, response.comment);
    this.onIdle();
  }

  onChunkUnanswered(chunk: OutgoingChunk): void {
    if (chunk.message.failureReport === 'yes') chunk.message.fail(this.onUnanswered());
    else this.#uncertain?.delete(chunk);
    this.onIdle();
  }

  /** R4975-7.1.1-6: nobody answered in time, which ends the session. */
  onUnanswered(): MSRPTransactionError {
    const error = new MSRPTransactionError(408, 'No response in time', { scope: 'session' });
    this.#onFail(error);
    return error;
  }

  #checkCode(code: number, comment: string | undefined): void {
    if (sessionCodes.has(code)) this.#onFail(new MSRPTransactionError(code, comment, { scope: 'session' }));
  }

  onResponse(response: Head): void {
    this.#transactions.settle(response);
  }

  /** R4975-7.1.2-4: about an unknown message it is ignored. */
  onReport(report: Head): void {
    const id = report.messageId ?? '';
    const message = this.#messages.get(id);
    if (message === undefined && !this.#recent.has(id)) return;
    (message ?? this.#recent.get(id))?.onReport(report);
    if (report.status?.namespace === '000') this.#checkCode(report.status.code, report.status.comment);
  }

  onOver(message: OutgoingMessage): void {
    this.#turns.remove(message);
    this.#messages.delete(message);
    this.#recent.add(message.messageId, message.isSettled ? undefined : message);
    this.onIdle();
  }

  onIdle(): void {
    if (this.#waiting.length === 0) return;
    const isMet = this.#waiting.filter((waiting) => waiting.isMet());
    this.#waiting = this.#waiting.filter((waiting) => !isMet.includes(waiting));
    for (const { resolve } of isMet) resolve();
  }

  close(error: Error): void {
    this.#transport.forget(this);
    this.#queue.close();
    this.#transactions.close(error);
    for (const message of this.#messages.values()) message.onSessionEnd(error);
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }
}

function abortWith(message: OutgoingMessage, signal: AbortSignal): void {
  const abort = (): void => message.abort(signal.reason);
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort);
  const done = (): void => signal.removeEventListener('abort', abort);
  message.delivered.then(done, done);
}
