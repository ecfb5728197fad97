// All that a session sends: chunks as they were given, then its messages in turn, a chunk each. What is unanswered is bounded by a window,
// what is unwritten by the connection, which asks for frames only when the socket has room.

import { type Chunk, encodeChunk, Headers, type Head, type HeaderEntry, MSRPError } from '../codec/index.ts';
import { type FrameSource, MSRPTransactionError, type MSRPTransport, type Outbox } from '../net/index.ts';
import { headTextOf, OutgoingMessage, type Sender, type SendOptions } from './outgoing-message.ts';
import { type Body, sourceOf } from './source.ts';
import { Transactions } from './transactions.ts';

/** Octets that may be unanswered before no more chunks are sent. */
const windowBytes = 524_288;
/** Octets of chunks that wait: above the first, `sendChunk` says to hold on; above the second, it throws. */
const queueHighBytes = 1_048_576;
const queueFullBytes = 16_777_216;
/** Codes that end the session, in a response or a REPORT (D-REPORT-4). */
const sessionCodes = new Set([408, 481, 506]);

interface QueuedChunk {
  readonly chunk: Chunk;
  readonly buffers: readonly Buffer[];
  readonly bytes: number;
  readonly onResponse: ((response: Head | MSRPTransactionError | undefined) => void) | undefined;
}

export class Outgoing implements FrameSource, Sender {
  readonly chunkSize: number;
  readonly #transport: MSRPTransport;
  readonly #onFail: (error: MSRPError) => void;
  readonly #transactions: Transactions;
  readonly #queue: QueuedChunk[] = [];
  #queueBytes = 0;
  /** Messages with something left to send, in turn, and all that are not done, by Message-ID. */
  readonly #turns = new Set<OutgoingMessage>();
  readonly #messages = new Map<string, OutgoingMessage>();
  #unanswered = 0;
  #unwritten = 0;
  readonly #onDrained: (() => void)[] = [];
  readonly #onIdle: (() => void)[] = [];

  constructor(transport: MSRPTransport, chunkSize: number, onFail: (error: MSRPError) => void) {
    if (!(chunkSize >= 1)) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', `chunks cannot have ${chunkSize} octets`, { scope: 'session' });
    }
    this.chunkSize = chunkSize;
    this.#transport = transport;
    this.#onFail = onFail;
    this.#transactions = new Transactions(transport.settings);
  }

  send(body: Body, o: SendOptions): OutgoingMessage {
    const { idents } = this.#transport.settings;
    const source = sourceOf(body, o.size);
    const wishes = {
      messageId: o.messageId ?? idents.messageId(),
      failureReport: o.failureReport ?? ('yes' as const),
      successReport: o.successReport ?? ('no' as const),
    };
    const head = headTextOf(this.#headersOf(o.contentType ?? source.contentType, wishes, o.headers));
    const message = new OutgoingMessage(this, source.octets, source.size, head, wishes);
    this.#messages.set(message.messageId, message);
    this.#turns.add(message);
    if (o.signal !== undefined) this.#abortWith(message, o.signal);
    return message;
  }

  #abortWith(message: OutgoingMessage, signal: AbortSignal): void {
    const abort = (): void => message.abort(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    const done = (): void => signal.removeEventListener('abort', abort);
    message.delivered.then(done, done);
  }

  #headersOf(
    contentType: string,
    wishes: { messageId: string; failureReport: string; successReport: string },
    others: Iterable<readonly [string, string]> = [],
  ): Headers {
    const { toPath, localUri } = this.#transport;
    const fields: HeaderEntry[] = [
      ['To-Path', toPath],
      ['From-Path', String(localUri)],
      ['Message-ID', wishes.messageId],
      ['Byte-Range', '1-*/*'],
    ];
    if (wishes.successReport !== 'no') fields.push(['Success-Report', wishes.successReport]);
    if (wishes.failureReport !== 'yes') fields.push(['Failure-Report', wishes.failureReport]);
    return new Headers([...fields, ...others, ['Content-Type', contentType]]);
  }

  sendChunk(chunk: Chunk, onResponse: QueuedChunk['onResponse']): boolean {
    if (this.#transactions.has(chunk.transactionId)) {
      throw new MSRPError('MSRP_ERR_STATE', `transaction ${chunk.transactionId} is under way`, {
        scope: 'transaction',
      });
    }
    const buffers = encodeChunk(chunk);
    const bytes = chunk.size + 512;
    if (this.#queueBytes + bytes > queueFullBytes) {
      throw new MSRPError('MSRP_ERR_QUEUE_FULL', 'too many chunks wait to be sent', { scope: 'message' });
    }
    this.#queue.push({ chunk, buffers, bytes, onResponse });
    this.#queueBytes += bytes;
    this.want();
    return this.#queueBytes < queueHighBytes;
  }

  drained(): Promise<void> {
    if (this.#queueBytes < queueHighBytes) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
    });
  }

  /** Resolves when nothing waits to be sent or answered. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  get #isIdle(): boolean {
    return (
      this.#queue.length === 0 && this.#messages.size === 0 && this.#transactions.size === 0 && this.#unwritten === 0
    );
  }

  want(): void {
    this.#transport.want(this);
  }

  newTransactionId(): string {
    return this.#transport.settings.idents.transactionId();
  }

  pull(outbox: Outbox): boolean {
    const queued = this.#queue.shift();
    if (queued !== undefined) {
      this.#pullChunk(outbox, queued);
      return true;
    }
    if (this.#unanswered >= windowBytes) return false;
    for (const message of this.#turns) {
      if (!message.isReady) continue;
      this.#turns.delete(message);
      this.#pullMessage(outbox, message);
      if (!message.isCut) this.#turns.add(message);
      return true;
    }
    return false;
  }

  #pullMessage(outbox: Outbox, message: OutgoingMessage): void {
    const { transactionId, buffers, bytes } = message.cut();
    const isAnswered = message.failureReport === 'yes';
    this.#unwritten++;
    if (message.failureReport === 'no') {
      outbox.frame(buffers, () => this.#onWritten(() => message.onWritten(bytes)));
      return;
    }
    if (isAnswered) this.#unanswered += bytes;
    const started = this.#transactions.add(transactionId, {
      onResponse: (response) => this.#onAnswer(message, response, isAnswered ? bytes : 0),
      onTimeout: () => {
        if (isAnswered) this.#onUnanswered(message);
        else this.#checkIdle();
      },
    });
    outbox.frame(buffers, () =>
      this.#onWritten(() => {
        started();
        message.onWritten(bytes);
      }),
    );
  }

  #onAnswer(message: OutgoingMessage, response: Head, bytes: number): void {
    this.#unanswered -= bytes;
    message.onResponse(response, bytes);
    this.#checkCode(response.code ?? 0, response.comment);
    if (this.#turns.size > 0) this.want();
    this.#checkIdle();
  }

  #onUnanswered(message: OutgoingMessage): void {
    const error = unanswered();
    message.fail(error);
    this.#onFail(error);
  }

  #checkCode(code: number, comment: string | undefined): void {
    if (sessionCodes.has(code)) this.#onFail(new MSRPTransactionError(code, comment, { scope: 'session' }));
  }

  #pullChunk(outbox: Outbox, { chunk, buffers, bytes, onResponse }: QueuedChunk): void {
    const wasHigh = this.#queueBytes >= queueHighBytes;
    this.#queueBytes -= bytes;
    if (wasHigh && this.#queueBytes < queueHighBytes) for (const resolve of this.#onDrained.splice(0)) resolve();
    const isAnswered = chunk.method !== undefined && chunk.method !== 'REPORT' && chunk.failureReport !== 'no';
    this.#unwritten++;
    const started = isAnswered
      ? this.#transactions.add(chunk.transactionId, this.#chunkTransaction(chunk, onResponse))
      : undefined;
    outbox.frame(buffers, () => this.#onWritten(() => started?.()));
  }

  #chunkTransaction(chunk: Chunk, onResponse: QueuedChunk['onResponse']) {
    return {
      onResponse: (response: Head): void => {
        onResponse?.(response);
        this.#checkCode(response.code ?? 0, response.comment);
        this.#checkIdle();
      },
      onTimeout: (): void => {
        if (chunk.failureReport === 'partial') {
          onResponse?.(undefined);
          return this.#checkIdle();
        }
        const error = unanswered();
        onResponse?.(error);
        this.#onFail(error);
      },
      onEnd: (cause: Error): void => {
        onResponse?.(sessionOver(cause));
      },
    };
  }

  #onWritten(written: () => void): void {
    this.#unwritten--;
    written();
    this.#checkIdle();
  }

  onResponse(response: Head): void {
    this.#transactions.settle(response);
  }

  /** R4975-7.1.2-4: about an unknown message it is ignored. */
  onReport(report: Head): void {
    this.#messages.get(report.messageId ?? '')?.onReport(report);
    if (report.status?.namespace === '000') this.#checkCode(report.status.code, report.status.comment);
  }

  onDone(message: OutgoingMessage): void {
    this.#turns.delete(message);
    this.#messages.delete(message.messageId);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#onIdle.length > 0 && this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  close(error: Error): void {
    this.#transport.forget(this);
    for (const { onResponse } of this.#queue.splice(0)) {
      onResponse?.(sessionOver(error));
    }
    this.#queueBytes = 0;
    this.#transactions.close(error);
    for (const message of this.#messages.values()) message.onSessionEnd(error);
    for (const resolve of [...this.#onDrained.splice(0), ...this.#onIdle.splice(0)]) resolve();
  }
}

/** R4975-7.1.1-6: nobody answered in time, which ends the session. */
function unanswered(): MSRPTransactionError {
  return new MSRPTransactionError(408, 'No response in time', { scope: 'session' });
}

/** Nobody can answer any more. */
function sessionOver(cause: Error): MSRPTransactionError {
  return new MSRPTransactionError(408, 'The session is over', { cause });
}
