// All that a session receives in SENDs: who is refused (D-RESP-4), what becomes of the bodies, and what is answered when they are in.
// The response to a chunk goes out at its end, or as soon as it is certain that it is an error (D-FRAME-10, D-RECV-9).

import {
  acceptsMediaType,
  type Chunk,
  ChunkAssembler,
  type ChunkSink,
  type Continuation,
  encodeChunk,
  type Head,
  MSRPError,
} from '../codec/index.ts';
import { type MSRPTransport, makeReport } from '../net/index.ts';
import { givenUp, IncomingMessage } from './incoming-message.ts';
import { type IdentEntry, IdentTable } from './ident-table.ts';
import { MessageQueue } from './message-queue.ts';
import { RecentIds } from './recent-ids.ts';
import { Reassembly } from './reassembly.ts';
import type { SessionOptions } from './session-options.ts';

const defaultSegmentSize = 65_536;

/** A message whose end has not come. */
class Receiving implements IdentEntry<Receiving> {
  readonly ident: string;
  nextEntry: Receiving | undefined;
  readonly message: IncomingMessage;
  readonly reassembly: Reassembly;

  constructor(message: IncomingMessage, reassembly: Reassembly) {
    this.ident = message.messageId;
    this.message = message;
    this.reassembly = reassembly;
  }
}

/** Takes what follows the head of a SEND. */
export type BodySink = Pick<ChunkSink, 'onBody' | 'onEnd'>;

export class Receiver implements BodySink {
  readonly #transport: MSRPTransport;
  readonly #options: SessionOptions;
  readonly #unreadBytes: number;
  readonly #receiving = new IdentTable<Receiving>();
  readonly #complete = new RecentIds();
  readonly #queue = new MessageQueue();
  /** For `onIncoming`: chunks or segments of them. */
  readonly #assembler: ChunkAssembler | undefined;
  // The current SEND.
  #head!: Head;
  #current: Receiving | undefined;
  #start = 1;
  #size = 0;
  #isRefused = false;
  #isPaused = false;
  #busy = 0;

  constructor(transport: MSRPTransport, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#unreadBytes = transport.settings.limits.unreadBytes;
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
    const code = this.#refusal(head);
    if (code !== undefined) {
      this.#transport.respond(head, code);
      return undefined;
    }
    this.#head = head;
    this.#start = head.byteRange?.start ?? 1;
    this.#size = 0;
    this.#isRefused = false;
    this.#current = head.hasBody ? this.#messageOf(head) : undefined;
    if (head.hasBody) this.#assembler?.onHead(head);
    return this;
  }

  #refusal(head: Head): number | undefined {
    const wrong = this.#transport.checkIncomingSendChunk(head);
    if (wrong !== undefined) return wrong.status ?? 481;
    if (!head.hasBody) return undefined;
    const { acceptTypes, maxSize } = this.#options;
    if (acceptTypes !== undefined && !acceptsMediaType(acceptTypes, head.contentType ?? '')) return 415;
    if (maxSize !== undefined && (head.byteRange?.total ?? 0) > maxSize) return this.#drop(head, 413);
    return undefined;
  }

  #messageOf(head: Head): Receiving | undefined {
    const id = head.messageId ?? '';
    const known = this.#receiving.get(id);
    if (known !== undefined || this.#complete.has(id)) return known;
    const message = new IncomingMessage(head, { onTaken: () => this.#onTaken() });
    const reassembly = new Reassembly((bytes) => this.#onBytes(message, bytes), this.#unreadBytes);
    const receiving = new Receiving(message, reassembly);
    this.#receiving.add(receiving);
    if (this.#assembler === undefined) this.#queue.push(message);
    return receiving;
  }

  onBody(bytes: Buffer, more: boolean): void {
    if (this.#isRefused) return;
    const at = this.#start + this.#size;
    this.#size += bytes.length;
    if (this.#current === undefined) return;
    const { maxSize } = this.#options;
    const isTooLarge = maxSize !== undefined && at + bytes.length - 1 > maxSize;
    if (isTooLarge || !this.#current.reassembly.add(at, bytes)) return this.#refuse(413);
    this.#assembler?.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    const head = this.#head;
    if (flag === '#') this.#giveUp(head);
    if (this.#isRefused) return;
    this.#transport.respond(head, 200);
    const current = this.#current;
    if (current === undefined) return this.#acknowledge(head);
    if (flag !== '#') this.#assembler?.onEnd(flag);
    if (flag === '$') current.reassembly.end(this.#start + this.#size - 1);
    if (flag !== '#' && current.reassembly.isComplete) this.#finish(head, current);
  }

  /** An empty SEND, or one of a message that is there already: nothing to show, but reports are sent as usual (R4975-5.4-14). */
  #acknowledge(head: Head): void {
    const size = this.#size;
    if (this.#reports && !(head.hasBody && size === 0)) this.#report(head, this.#start, size);
  }

  #finish(head: Head, receiving: Receiving): void {
    const { message, reassembly } = receiving;
    this.#receiving.delete(receiving);
    this.#complete.add(message.messageId);
    if (this.#reports) this.#report(head, 1, reassembly.passed);
    message.finish();
  }

  get #reports(): boolean {
    return this.#options.automaticReports !== false;
  }

  #report(head: Head, start: number, size: number): void {
    const end = start + size - 1;
    const range = { start, end, total: this.#current === undefined ? head.byteRange?.total : end };
    const report = makeReport(head, this.#transport.settings.idents.transactionId(), range, 200);
    this.#send(report);
  }

  sendReport(chunk: Chunk, code: number, comment?: string): void {
    if (chunk.method !== 'SEND') {
      throw new MSRPError('MSRP_ERR_ARGUMENT', 'a REPORT is about a SEND', { scope: 'message' });
    }
    const report = this.#transport.makeReport(chunk, code, comment);
    this.#send(report);
  }

  #send(report: Chunk | undefined): void {
    if (report !== undefined) this.#transport.control(Buffer.concat(encodeChunk(report)).toString('latin1'));
  }

  /** D-RECV-3 */
  #giveUp(head: Head): void {
    const receiving = this.#receiving.get(head.messageId ?? '');
    if (receiving === undefined) return;
    receiving.message.finish(givenUp());
    this.#receiving.delete(receiving);
  }

  /** The current message is not wanted any more: the sender is told at once, the rest of it is swallowed. */
  #refuse(code: number): void {
    this.#isRefused = true;
    this.#transport.respond(this.#head, code);
    this.#drop(this.#head, code);
  }

  #drop(head: Head, code: number): number {
    const receiving = this.#receiving.get(head.messageId ?? '');
    if (receiving === undefined) return code;
    const error = new MSRPError('MSRP_ERR_NOT_READ', `the message was refused with ${code}`, {
      scope: 'message',
      status: code,
    });
    receiving.message.finish(error);
    this.#receiving.delete(receiving);
    return code;
  }

  #onBytes(message: IncomingMessage, bytes: Buffer): void {
    if (this.#assembler !== undefined) return;
    message.push(bytes);
    if (message.unreadBytes < this.#unreadBytes) return;
    if (this.#isOtherAwaited(message)) this.#refuse(413);
    else this.#pause();
  }

  /** A message that nobody reads may not keep another one waiting. */
  #isOtherAwaited(message: IncomingMessage): boolean {
    for (const { message: other } of this.#receiving.values()) if (other !== message && other.isAwaited) return true;
    return false;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#transport.pause();
  }

  #onTaken(): void {
    if (!this.#isPaused || this.#busy > 0) return;
    this.#isPaused = false;
    this.#transport.resume();
  }

  #callBack(chunk: Chunk): void {
    const wait = this.#options.onIncoming?.(chunk);
    if (!(wait instanceof Promise)) return;
    this.#busy++;
    this.#pause();
    const done = (): void => {
      this.#busy--;
      this.#onTaken();
    };
    wait.then(done, done);
  }

  close(error: Error | undefined): void {
    const reason =
      error ?? new MSRPError('MSRP_ERR_CLOSED', 'the session ended before the message', { scope: 'session' });
    for (const { message } of this.#receiving.values()) message.finish(reason);
    this.#receiving.clear();
    this.#queue.close(error);
    if (this.#assembler !== undefined) void this.#options.onIncoming?.(undefined, reason);
  }
}
