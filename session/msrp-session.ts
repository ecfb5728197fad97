// Messages on a transport: who sends what, what is answered, and when it is over.
//
//   connected --shutdown--> flushing --all sent and answered--> done          any state --connection or session lost--> done
//
// Incoming frames go to Receiver, outgoing ones come from Outgoing; this file is what both have in common and what users see.

import { type Chunk, type Continuation, type Head, MSRPError } from '../codec/index.ts';
import { type CoarseTimer, MSRPTransactionError, type MSRPTransport, type TransportSink } from '../net/index.ts';
import { MSRPSessionError } from './errors.ts';
import {
  type OutgoingFile,
  receiveFile,
  type ReceivedFile,
  type ReceiveFileOptions,
  sendFile,
  type SendFileOptions,
} from './files/index.ts';
import type { IncomingMessage } from './incoming-message.ts';
import { isAnswered } from './chunk-queue.ts';
import { Outgoing } from './outgoing.ts';
import type { OutgoingMessage, SendOptions } from './outgoing-message.ts';
import { type BodySink, Receiver } from './receiver.ts';
import type { RecentIds } from './recent-ids.ts';
import type { SessionOptions } from './session-options.ts';
import type { Body } from './source.ts';

/** A transaction that failed: refused, or unanswered (408). */
export type TransactionError = MSRPTransactionError;

export class MSRPSession implements TransportSink {
  readonly transport: MSRPTransport;
  /** Resolves when the session is over: with the error that ended it, or undefined when it was closed in order. */
  readonly closed: Promise<Error | undefined>;
  readonly #outgoing: Outgoing;
  readonly #receiver: Receiver;
  #state: 'connected' | 'flushing' | 'done' = 'connected';
  #settleClosed!: (error: Error | undefined) => void;
  #keepAlive: CoarseTimer | undefined;
  /** Whom the current frame is for; undefined: nobody. */
  #sink: BodySink | undefined;
  #own: Head | undefined;

  /** Takes `transport` over: only the session reads from it from now on. */
  constructor(transport: MSRPTransport, options: SessionOptions = {}) {
    this.transport = transport;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#outgoing = new Outgoing(transport, options, (error) => this.#fail(error));
    this.#receiver = new Receiver(transport, options, options.replaces?.received);
    if (options.keepAliveInterval !== undefined) this.#startKeepAlive(options.keepAliveInterval);
    transport.attach(this);
  }

  /** @internal The messages that came whole. */
  get received(): RecentIds<true> {
    return this.#receiver.complete;
  }

  /**
   * Sends a message. Its promises tell what becomes of it. Throws {@link MSRPSessionError} when the session is over, `MSRP_ERR_ARGUMENT`
   * for header fields that cannot be written.
   */
  send(body: Body, options: SendOptions = {}): OutgoingMessage {
    this.#checkConnected();
    return this.#outgoing.send(body, options);
  }

  /**
   * Sends a file, or octets of it. Throws `MSRP_ERR_SOURCE` when it cannot be read, and what `send` throws. What becomes of it later the
   * promises of the result tell.
   */
  async sendFile(path: string, options: SendFileOptions = {}): Promise<OutgoingFile> {
    this.#checkConnected();
    return sendFile(this, path, options);
  }

  /** Stores a message of `messages()` in a folder, and reports it when it is there; what it throws is said at the function of that name. */
  receiveFile(message: IncomingMessage, folder: string, options: ReceiveFileOptions = {}): Promise<ReceivedFile> {
    return receiveFile(message, folder, options);
  }

  /**
   * Sends a chunk as it is. Returns false when enough waits: `drained()` tells when to go on. `onResponse` gets the response, or a 408 when
   * none came in time; with Failure-Report partial, undefined when no error came; with no, nothing. Throws {@link MSRPSessionError},
   * `MSRP_ERR_QUEUE_FULL` above 16 MiB, and what `encodeChunk` throws.
   */
  sendChunk(chunk: Chunk, onResponse?: (response: Head | TransactionError | undefined) => void): boolean {
    this.#checkConnected();
    return this.#outgoing.sendChunk(chunk, onResponse);
  }

  /** Resolves when `sendChunk` has room again. */
  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  /**
   * Sends a chunk and waits for its response: gives it when it is a success, else rejects with {@link MSRPTransactionError}. Where none
   * will come, with Failure-Report no and for a REPORT, it resolves with undefined at once.
   */
  deliverChunk(chunk: Chunk, o: { signal?: AbortSignal } = {}): Promise<Head | undefined> {
    return new Promise((resolve, reject) => {
      const { signal } = o;
      const abort = (): void =>
        reject(
          new MSRPError('MSRP_ERR_ABORTED', 'waiting for the response was aborted', {
            scope: 'transaction',
            cause: signal?.reason,
          }),
        );
      if (signal?.aborted === true) {
        abort();
        return;
      }
      const settle = (response: Head | TransactionError | undefined): void => {
        signal?.removeEventListener('abort', abort);
        if (response instanceof MSRPTransactionError) reject(response);
        else if (response?.code !== undefined && response.code >= 300) {
          reject(new MSRPTransactionError(response.code, response.comment));
        } else resolve(response);
      };
      this.sendChunk(chunk, settle);
      if (isAnswered(chunk)) signal?.addEventListener('abort', abort, { once: true });
      else settle(undefined);
    });
  }

  /** The messages that come, each as soon as its first chunk does. Ends when the peer closes; throws when the session fails. */
  messages(o: { signal?: AbortSignal } = {}): AsyncIterableIterator<IncomingMessage> {
    return this.#receiver.messages(o.signal);
  }

  /** Reports on a chunk that was received, where it asked for that (R4975-7.1.3, 7.1.4). Throws `MSRP_ERR_ARGUMENT` unless it is a SEND. */
  sendReport(chunk: Chunk, code: number, comment?: string): void {
    this.#receiver.sendReport(chunk, code, comment);
  }

  /** Sends what waits, waits for its responses, then closes. With `wait: false` resolves at once and goes on by itself. */
  async shutdown(o: { wait?: boolean } = {}): Promise<void> {
    if (this.#state === 'connected') {
      this.#state = 'flushing';
      this.#keepAlive?.cancel();
      void this.#flush();
    }
    if (o.wait !== false) await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #flush(): Promise<void> {
    await this.#outgoing.idle();
    if (this.#state === 'done') return;
    await this.transport.close();
    this.onClose();
  }

  #checkConnected(): void {
    if (this.#state !== 'connected') throw new MSRPSessionError('the session is over');
  }

  /** D-CONN-9; counts from the request that was sent last. */
  #startKeepAlive(ms: number): void {
    const keepAlive = this.transport.settings.timers.start(ms, () => {
      if (this.#state !== 'connected' || this.#outgoing.hasChunks) return;
      this.#outgoing.sendChunk(this.transport.makeChunk({ headers: [['Keep-Alive', 'yes']] }));
    });
    this.#keepAlive = keepAlive;
    this.#outgoing.onSent = () => {
      if (this.#state === 'connected') keepAlive.restart();
    };
  }

  onHead(head: Head): void {
    this.#sink = undefined;
    this.#own = undefined;
    if (head.code !== undefined || head.method === 'REPORT') this.#own = head;
    else if (head.method === 'SEND') this.#sink = this.#receiver.begin(head);
    else this.transport.respond(head, 501);
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#sink?.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    const own = this.#own;
    if (own === undefined) this.#sink?.onEnd(flag);
    else if (own.code === undefined) this.#outgoing.onReport(own);
    else this.#outgoing.onResponse(own);
  }

  /** The transport is closed, and the session with it. */
  onClose(error?: Error): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#keepAlive?.cancel();
    this.#outgoing.close(error ?? new MSRPSessionError('the peer closed the connection'));
    this.#receiver.close(error);
    this.#settleClosed(error);
  }

  /** What ends a session: 408, 481 and 506 (D-REPORT-4, R4975-10.4, 10.8). */
  #fail(error: MSRPError): void {
    if (this.#state === 'done') return;
    this.onClose(error);
    this.transport.destroy(error);
  }
}
