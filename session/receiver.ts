// All that a session receives in SENDs: who is refused (D-RESP-4), what becomes of the bodies, and what is answered when they are in.
// The response to a chunk goes out at its end, or as soon as it is certain that it is an error (D-FRAME-10, D-RECV-9).
//
//   chunk --refused?--> response            body --> Reassembly --> IncomingMessage --> application
//                                           or chunk by chunk --> onIncoming
//
// Memory: what messages hold unread and untaken, up to `unreadBytes`, then the socket stops; as much ahead of gaps, then 413.

import {
  acceptsMediaType,
  type ByteRange,
  type Chunk,
  ChunkAssembler,
  type ChunkSink,
  type Continuation,
  type Head,
  MSRPError,
} from '../codec/index.ts';
import { type MSRPTransport, MSRPTimeout } from '../net/index.ts';
import { callApplication } from './application.ts';
import { givenUp, IncomingMessage, type MessageOwner } from './incoming-message.ts';
import { MessageQueue } from './message-queue.ts';
import { Receiving, ReceivingTable } from './receiving.ts';
import { RecentIds } from './recent-ids.ts';
import type { SessionOptions } from './session-options.ts';

const defaultSegmentSize = 65_536;
/** The keep-alive of node-msrp: it has a body, but is no message, and is answered as an empty SEND is. */
const heartbeat = 'text/x-msrp-heartbeat';

/** Takes what follows the head of a SEND. */
export type BodySink = Pick<ChunkSink, 'onBody' | 'onEnd'>;

export class Receiver implements BodySink, MessageOwner {
  readonly #transport: MSRPTransport;
  readonly #options: SessionOptions;
  readonly #unreadBytes: number;
  readonly #receiving: ReceivingTable;
  /** The Message-IDs of those that came whole (D-RECV-10). */
  readonly complete: RecentIds<true>;
  /** The codes of messages that were refused: their other chunks get the same (R4975-10-5). */
  readonly #refused: RecentIds<number>;
  readonly #queue = new MessageQueue(() => this.onAwaited());
  /** For `onIncoming`: chunks or segments of them. */
  readonly #assembler: ChunkAssembler | undefined;
  // The current SEND.
  #head: Head | undefined;
  #current: Receiving | undefined;
  #start = 1;
  #size = 0;
  #isRefused = false;
  /** Octets that messages hold. */
  #held = 0;
  #isPaused = false;
  /** Promises of `onIncoming` that are open. */
  #busy = 0;

  constructor(
    transport: MSRPTransport,
    options: SessionOptions,
    complete: RecentIds<true> = new RecentIds(options.rememberedMessages),
  ) {
    this.#transport = transport;
    this.#options = options;
    this.complete = complete;
    this.#refused = new RecentIds(options.rememberedMessages);
    this.#unreadBytes = transport.settings.limits.unreadBytes;
    const { incompleteTimeout = 540_000 } = options;
    this.#receiving = new ReceivingTable(transport.settings, incompleteTimeout, (late) =>
      this.#lose(late, new MSRPTimeout('waiting for the rest of a message', incompleteTimeout)),
    );
    if (options.onIncoming !== undefined) {
      this.#assembler = new ChunkAssembler({
        segmentSize: options.segmentSize ?? defaultSegmentSize,
        onChunk: (chunk) => this.#callBack(chunk),
      });
    }
  }

  messages(signal: AbortSignal | undefined): AsyncIterableIterator<IncomingMessage> {
    if (this.#assembler !== undefined) {
      throw new MSRPError('MSRP_ERR_STATE', 'either onIncoming or messages()', { scope: 'session' });
    }
    return this.#queue.iterate(signal);
  }

  /** A SEND begins. Returns where its tokens go: here, or nowhere. */
  begin(head: Head): BodySink | undefined {
    const known = this.#receiving.get(head.messageId ?? '');
    const code = this.#refusal(head, known);
    this.#head = head;
    this.#isRefused = code !== undefined;
    if (code !== undefined) {
      this.#transport.respond(head, code);
      // It may end with `#`.
      return this.#refused.get(head.messageId ?? '') === code ? this : undefined;
    }
    this.#start = head.byteRange?.start ?? known?.reassembly.next ?? 1;
    this.#size = 0;
    this.#current = head.hasBody ? (known ?? this.#beginMessage(head)) : undefined;
    this.#current?.hold();
    if (this.#current !== undefined) this.#show(this.#current, head);
    this.#assembler?.onHead(head);
    this.#checkHeld();
    return this;
  }

  /** D-RESP-4, in its order. */
  #refusal(head: Head, known: Receiving | undefined): number | undefined {
    const wrong = this.#transport.checkIncomingSendChunk(head);
    if (wrong !== undefined) return wrong.status ?? 481;
    if (!head.hasBody || (known === undefined && isHeartbeat(head))) return undefined;
    const { acceptTypes, maxSize } = this.#options;
    // D-RECV-2: without a range nobody knows where it belongs.
    if (known !== undefined && head.byteRange === undefined && !this.#isTolerant) return 400;
    const isAccepted = acceptTypes === undefined || acceptsMediaType(acceptTypes, head.contentType ?? '');
    if (known === undefined && !isAccepted) return 415;
    const refused = this.#refused.get(head.messageId ?? '');
    if (refused !== undefined) return refused;
    if (maxSize !== undefined && (head.byteRange?.total ?? 0) > maxSize) return this.#drop(head, known, 413);
    if (known === undefined && this.#receiving.isFull) return this.#drop(head, known, 413);
    return undefined;
  }

  get #isTolerant(): boolean {
    return this.#transport.settings.options.tolerant === true;
  }

  #beginMessage(head: Head): Receiving | undefined {
    if (this.complete.has(head.messageId ?? '') || isHeartbeat(head)) return undefined;
    return this.#receiving.add(new Receiving(head));
  }

  /** D-RECV-6: the chunk that begins the message says what it is. */
  #show(receiving: Receiving, head: Head): void {
    if (this.#assembler !== undefined || receiving.message !== undefined || this.#start !== 1) return;
    const message = new IncomingMessage(head, this);
    if (!this.#mayReport(message)) message.deferReport();
    receiving.message = message;
    this.#queue.push(message);
  }

  #mayReport(message: IncomingMessage): boolean {
    const { automaticReports = true } = this.#options;
    if (typeof automaticReports === 'boolean') return automaticReports;
    let result = true;
    void callApplication(this.#transport.settings.logger, 'automaticReports', () => {
      result = automaticReports(message);
    });
    return result;
  }

  onBody(bytes: Buffer, more: boolean): void {
    if (this.#isRefused) return;
    const at = this.#start + this.#size;
    this.#size += bytes.length;
    const current = this.#current;
    if (current === undefined) return;
    this.#receiving.feed(current, at, bytes);
    const { maxSize } = this.#options;
    const isTooLarge = maxSize !== undefined && at + bytes.length - 1 > maxSize;
    if (isTooLarge || this.#receiving.held > this.#unreadBytes) return this.#refuse(413);
    this.#checkHeld();
    if (!this.#isRefused) this.#assembler?.onBody(bytes, more);
  }

  /**
   * Too much is unread. A message that nobody reads may not keep others waiting, nor may many, of which as much again is held; anything
   * else makes the peer wait, unless it is this message that somebody waits for.
   */
  #checkHeld(): void {
    if (this.#held < this.#unreadBytes || this.#current === undefined) return;
    const { message } = this.#current;
    if (message?.isAwaited === true) return;
    if (message?.isBegun === true || !this.#isOtherAwaited(message)) this.#pause();
    else if (message !== undefined && Math.max(message.held, this.#held / 2) >= this.#unreadBytes) this.#refuse(413);
  }

  #isOtherAwaited(message: IncomingMessage | undefined): boolean {
    if (this.#queue.isAwaited) return true;
    return this.#receiving.some(({ message: other }) => other !== message && other?.isAwaited === true);
  }

  onEnd(flag: Continuation): void {
    const head = this.#head;
    const current = this.#current;
    this.#current = undefined;
    if (head === undefined) return;
    if (flag === '#') this.#giveUp(head);
    if (this.#isRefused) return;
    this.#transport.respond(head, 200);
    if (head.hasBody ? current !== undefined : flag === '#') this.#assembler?.onEnd(flag);
    if (flag === '#') return;
    if (current === undefined) return this.#acknowledge(head);
    if (flag === '$') current.reassembly.end(this.#start + this.#size - 1);
    if (current.reassembly.isComplete) this.#finish(head, current);
    else this.#receiving.touch(current);
  }

  /** An empty SEND, or one of a message that is there already: nothing to show, but reported on as usual (R4975-5.4-14, D-REPORT-3). */
  #acknowledge(head: Head): void {
    const end = this.#start + this.#size - 1;
    const total = head.byteRange === undefined ? end : head.byteRange.total;
    this.#report(head, { start: this.#start, end, total });
  }

  #finish(head: Head, receiving: Receiving): void {
    const { passed } = receiving.reassembly;
    this.#receiving.delete(receiving);
    this.complete.add(receiving.ident, true);
    if (receiving.message === undefined) this.#report(head, { start: 1, end: passed, total: passed });
    else receiving.message.finish();
  }

  #report(head: Head, range: ByteRange): void {
    if (this.#options.automaticReports !== false) this.#transport.report(head, range, 200);
  }

  sendReport(chunk: Chunk, code: number, comment?: string): void {
    if (chunk.method !== 'SEND') {
      throw new MSRPError('MSRP_ERR_ARGUMENT', 'a REPORT is about a SEND', { scope: 'message' });
    }
    const report = this.#transport.makeReport(chunk, code, comment);
    if (report !== undefined) this.#transport.controlChunk(report);
  }

  /** D-RECV-3: what comes later with the same Message-ID begins anew. */
  #giveUp(head: Head): void {
    const id = head.messageId ?? '';
    this.#refused.delete(id);
    const receiving = this.#receiving.get(id);
    if (receiving === undefined) return;
    this.#receiving.delete(receiving);
    receiving.message?.finish(givenUp());
  }

  /** The current message is not wanted any more: the sender is told at once, the rest of it is swallowed. */
  #refuse(code: number): void {
    const head = this.#head;
    if (head === undefined || this.#isRefused) return;
    this.#isRefused = true;
    this.#transport.respond(head, code);
    this.#drop(head, this.#current, code);
  }

  /** The application does not want more of it. Where no chunk is under way to be answered, a REPORT tells. */
  onRefused(message: IncomingMessage, code: number): void {
    const receiving = this.#receiving.get(message.messageId);
    if (receiving?.message !== message) return;
    if (this.#current === receiving) return this.#refuse(code);
    const { first, reassembly } = receiving;
    this.#transport.report(first, { start: 1, end: reassembly.passed, total: first.byteRange?.total }, code);
    this.#drop(first, receiving, code);
  }

  onResumed(message: IncomingMessage, end: number): void {
    const receiving = this.#receiving.get(message.messageId);
    if (receiving?.message !== message) return;
    this.#receiving.skip(receiving, end);
    this.#transport.report(receiving.first, { start: 1, end, total: receiving.first.byteRange?.total }, 200);
    // What was held may be all the rest, and no chunk come any more.
    if (receiving.reassembly.isComplete && this.#current !== receiving) this.#finish(receiving.first, receiving);
  }

  /** One that failed after all may be sent again. */
  onReport({ head, messageId, given }: IncomingMessage, code: number): void {
    if (code >= 300) this.complete.delete(messageId);
    this.#transport.report(head, { start: 1, end: given, total: given }, code);
  }

  #drop(head: Head, receiving: Receiving | undefined, code: number): number {
    this.#refused.add(head.messageId ?? '', code);
    const error = new MSRPError('MSRP_ERR_NOT_READ', `message ${head.messageId ?? ''} was refused with ${code}`, {
      scope: 'message',
      status: code,
    });
    if (receiving !== undefined) this.#lose(receiving, error);
    return code;
  }

  /** No more will come of it. */
  #lose(receiving: Receiving, error: MSRPError): void {
    this.#receiving.delete(receiving);
    receiving.message?.finish(error);
    if (this.#assembler !== undefined) void this.#call(undefined, error);
  }

  onHeld(change: number): void {
    this.#held += change;
    if (this.#isPaused && this.#held < this.#unreadBytes / 2) this.#resume();
  }

  /** Somebody waits for what only the peer can give. */
  onAwaited(): void {
    if (this.#isPaused) this.#resume();
  }

  /** Also when it is paused already: the reader that held what came before this session lets go of the socket afterwards. */
  #pause(): void {
    this.#isPaused = true;
    this.#transport.pause();
  }

  #resume(): void {
    if (this.#busy > 0) return;
    this.#isPaused = false;
    this.#transport.resume();
  }

  /** A promise makes the peer wait. */
  #callBack(chunk: Chunk): void {
    const wait = this.#call(chunk, undefined);
    if (wait === undefined) return;
    this.#busy++;
    this.#pause();
    void wait.finally(() => {
      if (--this.#busy === 0) this.#resume();
    });
  }

  #call(chunk: Chunk | undefined, error: Error | undefined): Promise<unknown> | undefined {
    const { onIncoming } = this.#options;
    return callApplication(this.#transport.settings.logger, 'onIncoming', () => onIncoming?.(chunk, error));
  }

  close(error: Error | undefined): void {
    const reason =
      error ?? new MSRPError('MSRP_ERR_CLOSED', 'the session ended before the message', { scope: 'session' });
    for (const { message } of this.#receiving.close()) message?.finish(reason);
    this.#queue.close(error);
    if (this.#assembler !== undefined) void this.#call(undefined, reason);
  }
}

/** Nearly every other type is shorter, and needs no closer look. */
function isHeartbeat({ contentType = '' }: Head): boolean {
  return contentType.length >= heartbeat.length && acceptsMediaType([heartbeat], contentType);
}
