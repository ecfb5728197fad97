// A message that is being sent: read from its source ahead of need, cut into chunks, and known to be there once these are answered.

import { type Headers, hasEndLine, type Head, MSRPError } from '../codec/index.ts';
import { isSuccess, longestFixedRange, MSRPTransactionError } from '../net/index.ts';

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
  /** More header fields, of every chunk. */
  headers?: Iterable<readonly [string, string]>;
  /** Gives the message up. */
  signal?: AbortSignal;
}

/** What a message needs of its session. */
export interface Sender {
  readonly chunkSize: number;
  newTransactionId(): string;
  /** There is something to send. */
  want(): void;
  onDone(message: OutgoingMessage): void;
}

/** A chunk to be written: its octets, and what it carries. */
export interface OutgoingChunk {
  readonly transactionId: string;
  readonly buffers: Buffer[];
  readonly bytes: number;
}

/** The parts of a chunk's head that do not change. */
export interface HeadText {
  readonly before: string;
  readonly after: string;
}

export class OutgoingMessage {
  readonly messageId: string;
  /** Every octet is with the kernel. */
  readonly sent: Promise<void>;
  /**
   * The peer has it. Success-Report yes: reports cover all of it; else Failure-Report yes: every chunk was answered with success; else as
   * `sent`.
   */
  readonly delivered: Promise<void>;
  /** Of the body, in octets; undefined until a stream of unknown size has ended. */
  size: number | undefined;
  readonly failureReport: 'yes' | 'no' | 'partial';
  readonly successReport: 'yes' | 'no';
  readonly #sender: Sender;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #head: HeadText;
  #pieces: Buffer[] = [];
  #buffered = 0;
  #sourceEnded = false;
  #isReading = false;
  #bytesCut = 0;
  #bytesSent = 0;
  #bytesAcknowledged = 0;
  #bytesReported = 0;
  /** Ranges that reports cover, ahead of the first gap. */
  readonly #reported: [number, number][] = [];
  #chunksOpen = 0;
  #unwritten = 0;
  #state: 'sending' | 'cut' | 'aborting' | 'done' = 'sending';
  #sentSettled!: { resolve(): void; reject(error: Error): void };
  #deliveredSettled!: { resolve(): void; reject(error: Error): void };

  /** @internal */
  constructor(
    sender: Sender,
    source: AsyncIterator<Uint8Array>,
    size: number | undefined,
    head: HeadText,
    o: Required<Pick<SendOptions, 'messageId' | 'failureReport' | 'successReport'>>,
  ) {
    this.messageId = o.messageId;
    this.failureReport = o.failureReport;
    this.successReport = o.successReport;
    this.size = size;
    this.#sender = sender;
    this.#source = source;
    this.#head = head;
    this.sent = new Promise((resolve, reject) => {
      this.#sentSettled = { resolve, reject };
    });
    this.delivered = new Promise((resolve, reject) => {
      this.#deliveredSettled = { resolve, reject };
    });
    // A rejection that nobody awaits raises nothing.
    this.sent.catch(() => {});
    this.delivered.catch(() => {});
    this.#read();
  }

  /** Octets of the body that the kernel has. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Octets of the body that the peer has answered for. */
  get bytesAcknowledged(): number {
    return Math.max(this.#bytesAcknowledged, this.#bytesReported);
  }

  /** Tells the peer that no more will come (`#`). `delivered` rejects with `MSRP_ERR_ABORTED`. */
  abort(reason?: unknown): void {
    if (this.#state === 'done') return;
    const wasBegun = this.#bytesCut > 0 && this.#state === 'sending';
    const error = new MSRPError('MSRP_ERR_ABORTED', 'the message was given up', { scope: 'message', cause: reason });
    this.#settle(error);
    if (!wasBegun) return this.#finish();
    this.#state = 'aborting';
    this.#sender.want();
  }

  /** @internal Whether a chunk can be cut now. */
  get isReady(): boolean {
    if (this.#state === 'aborting') return true;
    return this.#state === 'sending' && (this.#sourceEnded || this.#buffered > this.#sender.chunkSize);
  }

  /** @internal Whether all of it has been cut into chunks. */
  get isCut(): boolean {
    return this.#state === 'cut' || this.#state === 'done';
  }

  /** @internal The next chunk. Only when ready. */
  cut(): OutgoingChunk {
    const transactionId = this.#sender.newTransactionId();
    if (this.#state === 'aborting') return this.#cutAbort(transactionId);
    const parts = this.#take(Math.min(this.#buffered, this.#sender.chunkSize));
    const bytes = lengthOf(parts);
    const isLast = this.#sourceEnded && this.#buffered === 0;
    const start = this.#bytesCut + 1;
    this.#bytesCut += bytes;
    if (isLast) {
      this.size = this.#bytesCut;
      this.#state = 'cut';
    }
    const end = bytes > longestFixedRange ? '*' : String(this.#bytesCut);
    const range = `${start}-${end}/${this.size ?? '*'}`;
    let id = transactionId;
    while (hasEndLine(parts, id)) id = this.#sender.newTransactionId();
    this.#chunksOpen++;
    this.#unwritten++;
    if (!isLast) this.#read();
    const head = Buffer.from(`MSRP ${id} SEND\r\n${this.#head.before}${range}${this.#head.after}`);
    const endLine = Buffer.from(`\r\n-------${id}${isLast ? '$' : '+'}\r\n`, 'latin1');
    return { transactionId: id, buffers: [head, ...parts, endLine], bytes };
  }

  /** D-SEND-4: a bodiless chunk with `#`. */
  #cutAbort(id: string): OutgoingChunk {
    const fields = this.#head.before.replace(/Byte-Range: $/, `Byte-Range: 1-0/${this.size ?? '*'}\r\n`);
    this.#finish();
    return { transactionId: id, buffers: [Buffer.from(`MSRP ${id} SEND\r\n${fields}-------${id}#\r\n`)], bytes: 0 };
  }

  #take(bytes: number): Buffer[] {
    const parts: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      const piece = this.#pieces[0];
      if (piece === undefined) break;
      const part = piece.length <= missing ? piece : piece.subarray(0, missing);
      if (part === piece) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(missing);
      parts.push(part);
      missing -= part.length;
    }
    this.#buffered -= bytes - missing;
    return parts;
  }

  /** Reads ahead until there is more than one chunk: one must know whether it is the last. */
  #read(): void {
    if (this.#isReading || this.#sourceEnded || this.#buffered > 2 * this.#sender.chunkSize) return;
    this.#isReading = true;
    this.#source.next().then(
      (result) => this.#onRead(result),
      (error: unknown) => this.#onSourceError(error),
    );
  }

  #onRead({ done, value }: IteratorResult<Uint8Array>): void {
    this.#isReading = false;
    if (this.#state !== 'sending') return;
    if (done === true) {
      this.#sourceEnded = true;
      if (this.size !== undefined && this.#bytesCut + this.#buffered !== this.size) {
        return this.#onSourceError(
          new Error(`the source gave ${this.#bytesCut + this.#buffered} octets instead of ${this.size}`),
        );
      }
    } else if (value.length > 0) {
      this.#pieces.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      this.#buffered += value.length;
    }
    if (this.isReady) this.#sender.want();
    this.#read();
  }

  /** D-SEND-7: a source that fails ends the message with `#`. */
  #onSourceError(cause: unknown): void {
    this.#isReading = false;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#settle(
      new MSRPError('MSRP_ERR_SOURCE', `the source of the message failed: ${reason}`, { scope: 'message', cause }),
    );
    this.abort(cause);
  }

  /** @internal The kernel has a chunk. */
  onWritten(bytes: number): void {
    this.#bytesSent += bytes;
    this.#unwritten--;
    if (this.failureReport !== 'yes') this.#chunksOpen--;
    this.#check();
  }

  /** @internal A chunk was answered. */
  onResponse(response: Head, bytes: number): void {
    this.#chunksOpen--;
    if (response.code === undefined || !isSuccess(response.code)) {
      return this.fail(new MSRPTransactionError(response.code ?? 400, response.comment, { scope: 'message' }));
    }
    this.#bytesAcknowledged += bytes;
    this.#check();
  }

  /** @internal A REPORT about it came. */
  onReport(report: Head): void {
    const { status, byteRange } = report;
    if (status === undefined || status.namespace !== '000') return;
    if (!isSuccess(status.code)) {
      return this.fail(new MSRPTransactionError(status.code, status.comment, { scope: 'message' }));
    }
    this.#addReported(byteRange?.start ?? 1, byteRange?.end ?? this.size ?? 0);
    this.#check();
  }

  /** D-REPORT-5: reports come in any order; what counts is what they cover without a gap. */
  #addReported(start: number, end: number): void {
    this.#reported.push([start, end]);
    this.#reported.sort(([one], [other]) => one - other);
    while (this.#reported[0] !== undefined && this.#reported[0][0] <= this.#bytesReported + 1) {
      this.#bytesReported = Math.max(this.#bytesReported, this.#reported.shift()?.[1] ?? 0);
    }
    // A peer that reports nonsense may not fill the memory.
    if (this.#reported.length > 1024) this.#reported.pop();
  }

  #check(): void {
    if (this.#state !== 'cut' || this.#unwritten > 0) return;
    this.#sentSettled.resolve();
    const isReported = this.successReport === 'no' || this.#bytesReported >= (this.size ?? 0);
    if (this.#chunksOpen > 0 || !isReported) return;
    this.#deliveredSettled.resolve();
    this.#finish();
  }

  /** @internal It will not arrive: stop (R4975-7.3.2-3). */
  fail(error: Error): void {
    if (this.#state === 'done') return;
    this.#settle(error);
    if (this.#state === 'sending' && this.#bytesCut > 0) {
      this.#state = 'aborting';
      this.#sender.want();
    } else this.#finish();
  }

  /** @internal The session is over. */
  onSessionEnd(error: Error): void {
    this.#settle(error);
    this.#finish();
  }

  #settle(error: Error): void {
    this.#sentSettled.reject(error);
    this.#deliveredSettled.reject(error);
  }

  #finish(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#pieces = [];
    this.#buffered = 0;
    if (!this.#sourceEnded) void this.#source.return?.().catch(() => {});
    this.#sender.onDone(this);
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** The head of the chunks of a message, with a blank for the Byte-Range. */
export function headTextOf(headers: Headers): HeadText {
  const text = headers.format();
  const at = text.indexOf('Byte-Range: ') + 'Byte-Range: '.length;
  return { before: text.slice(0, at), after: `${text.slice(text.indexOf('\r\n', at))}\r\n` };
}
