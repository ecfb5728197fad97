// Chunks that wait to be sent as they were given (`sendChunk`), and what becomes of them.

import { type Chunk, encodeChunk, type Head, MSRPError } from '../codec/index.ts';
import { MSRPTransactionError, type Outbox, type Transaction, type Transactions, type Written } from '../net/index.ts';

/** Gets the response, or the error that stands for it; undefined when none came and none is an error. */
export type OnResponse = (response: Head | MSRPTransactionError | undefined) => void;

/** What the queue needs of its session. */
export interface QueueOwner {
  onFrame(): void;
  onWritten(): void;
  onAnswered(response: Head): void;
  /** No response came in time, where one was due: the session has failed. */
  onUnanswered(): MSRPTransactionError;
  /** Calls a function of the application. */
  call(what: string, call: () => unknown): void;
  onIdle(): void;
}

/** Octets of chunks that wait: above the first, `sendChunk` says to hold on; above the second, it throws. */
const highBytes = 1_048_576;
const fullBytes = 16_777_216;
/** What a head costs to hold. */
const headBytes = 512;

export class ChunkQueue {
  readonly #owner: QueueOwner;
  readonly #transactions: Transactions;
  readonly #chunks: QueuedChunk[] = [];
  #bytes = 0;
  #onDrained: (() => void)[] = [];

  constructor(owner: QueueOwner, transactions: Transactions) {
    this.#owner = owner;
    this.#transactions = transactions;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Returns whether there is room for more. Throws `MSRP_ERR_STATE`, `MSRP_ERR_QUEUE_FULL`, and what `encodeChunk` throws. */
  push(chunk: Chunk, onResponse: OnResponse | undefined): boolean {
    if (this.#transactions.has(chunk.transactionId)) {
      throw new MSRPError('MSRP_ERR_STATE', `transaction ${chunk.transactionId} is under way`, {
        scope: 'transaction',
      });
    }
    const queued = new QueuedChunk(this.#owner, this.#transactions, chunk, onResponse);
    if (this.#bytes + queued.bytes > fullBytes) {
      throw new MSRPError('MSRP_ERR_QUEUE_FULL', 'too many chunks wait to be sent', { scope: 'message' });
    }
    this.#chunks.push(queued);
    if (queued.isAnswered) this.#transactions.add(queued);
    this.#bytes += queued.bytes;
    return this.#bytes < highBytes;
  }

  /** Resolves when there is room again. */
  drained(): Promise<void> {
    if (this.#bytes < highBytes) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
    });
  }

  /** Sends the next one. */
  pull(outbox: Outbox): boolean {
    const queued = this.#chunks.shift();
    if (queued === undefined) return false;
    this.#bytes -= queued.bytes;
    if (this.#bytes < highBytes) this.#drain();
    queued.send(outbox);
    return true;
  }

  #drain(): void {
    const waiting = this.#onDrained;
    this.#onDrained = [];
    for (const resolve of waiting) resolve();
  }

  /** Those that wait will not be sent. */
  close(): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
    this.#drain();
  }
}

class QueuedChunk implements Transaction, Written {
  readonly ident: string;
  nextEntry: Transaction | undefined;
  readonly bytes: number;
  due: number = Number.POSITIVE_INFINITY;
  readonly #owner: QueueOwner;
  readonly #transactions: Transactions;
  readonly #buffers: readonly Buffer[];
  readonly #onResponse: OnResponse | undefined;
  /** How its absence is taken: an error, no error, or as a matter of course. */
  readonly #answer: 'due' | 'only errors' | 'none';

  constructor(owner: QueueOwner, transactions: Transactions, chunk: Chunk, onResponse: OnResponse | undefined) {
    this.ident = chunk.transactionId;
    this.bytes = chunk.size + headBytes;
    this.#owner = owner;
    this.#transactions = transactions;
    this.#buffers = encodeChunk(chunk);
    this.#onResponse = onResponse;
    this.#answer = answerTo(chunk);
  }

  get isAnswered(): boolean {
    return this.#answer !== 'none';
  }

  send(outbox: Outbox): void {
    this.#owner.onFrame();
    outbox.frame(this.#buffers, this);
  }

  onWritten(): void {
    if (this.isAnswered) this.#transactions.start(this);
    this.#owner.onWritten();
  }

  onResponse(response: Head): void {
    this.#tell(response);
    this.#owner.onAnswered(response);
  }

  onTimeout(): void {
    if (this.#answer === 'due') return this.#tell(this.#owner.onUnanswered());
    this.#tell(undefined);
    this.#owner.onIdle();
  }

  /** Nobody can answer any more. */
  onEnd(cause: Error): void {
    this.#tell(new MSRPTransactionError(408, 'The session is over', { cause }));
  }

  #tell(response: Head | MSRPTransactionError | undefined): void {
    const onResponse = this.#onResponse;
    if (onResponse !== undefined) this.#owner.call('the callback of sendChunk', () => onResponse(response));
  }
}

/** Whether a response may come. */
export function isAnswered(chunk: Chunk): boolean {
  return answerTo(chunk) !== 'none';
}

function answerTo(chunk: Chunk): 'due' | 'only errors' | 'none' {
  if (chunk.method === undefined || chunk.method === 'REPORT') return 'none';
  if (chunk.method !== 'SEND') return 'due';
  const wanted = chunk.failureReport;
  return wanted === 'yes' ? 'due' : wanted === 'partial' ? 'only errors' : 'none';
}
