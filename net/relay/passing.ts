// A SEND that waits in a flow for its next hop, and leaves in parts as it arrives.

import { type Continuation, endLineTail, hasEndLine, takeOctets } from '../../codec/index.ts';
import { longestFixedRange } from '../make-chunk.ts';
import type { Connection } from '../connection.ts';
import type { Outbox } from '../outbox.ts';
import type { Decoder } from '../socket.ts';
import { type ChunkWay, type ForwardedChunk, ForwardedFrame } from './forwarded-chunk.ts';
import type { ForwardFormat } from './forward-format.ts';

/** A shorter transaction id could be guessed in time (D-TRANS-1). */
const shortestId = 16;
/** A longer frame may have to be interrupted. */
const longestRewritten = 16_384;
/** "MSRP ", and flag and CRLF. */
const startBytes = 5;
const endBytes = 3;

/** The octets of a SEND that are here and have not left, and the frame that is open for them. */
export class Passing {
  readonly chunk: ForwardedChunk;
  /** It is in its place in the flow. */
  isQueued = false;
  /** Where it stands as it is to be sent, all of it. */
  input: Buffer | undefined;
  from = 0;
  to = 0;
  /** The id of the open frame, and what waits for its response. */
  id: string | undefined;
  frame: ForwardedFrame | undefined;
  readonly #format: ForwardFormat;
  readonly #flow: ChunkWay;
  /** What it comes from; and how often that had met what an end-line begins with, before. */
  readonly #decoder: Decoder;
  readonly #lookAlikes: number | undefined;
  #parts: Buffer[] = [];
  /** Octets that wait here. */
  bytes = 0;
  /** How it ended; undefined while it arrives. */
  flag: Continuation | undefined;
  /** Where the next octet to leave belongs in the message. */
  #position: number;
  #hasBegun = false;
  #tail: Buffer | undefined;

  constructor(chunk: ForwardedChunk, format: ForwardFormat, flow: ChunkWay, decoder: Decoder) {
    this.chunk = chunk;
    this.#decoder = decoder;
    this.#lookAlikes = decoder.lookAlikes;
    this.#format = format;
    this.#flow = flow;
    this.#position = chunk.start;
  }

  add(part: Buffer): void {
    this.#parts.push(part);
    this.bytes += part.length;
  }

  /**
   * Octets that may leave now. The last one that came is kept until it is known what follows: whatever ends the frame then, the message
   * goes on with a body that is not empty, which no Byte-Range could say.
   */
  get available(): number {
    return this.flag === undefined ? Math.max(this.bytes - 1, 0) : this.bytes;
  }

  get isDone(): boolean {
    return this.flag !== undefined && this.bytes === 0 && this.id === undefined && this.#hasBegun;
  }

  get isOpen(): boolean {
    return this.id !== undefined;
  }

  /**
   * Makes of a frame that lies whole in one read the one that is to be sent, where it lies: the path lines and the transaction id keep
   * their lengths. The body stays where it is, and frames that follow each other leave as they came. Returns whether that can be.
   */
  rewrite(connection: Connection): boolean {
    const { decoder, input } = connection;
    const { head } = this.chunk;
    const format = this.#format;
    const { writtenBefore, offset } = decoder;
    // The octets of another thread are bodies alone.
    if (writtenBefore === undefined || offset === undefined || input === undefined) return false;
    const from = head.offset - writtenBefore;
    const to = offset - writtenBefore;
    const idLength = head.transactionId.length;
    if (from < 0 || idLength < shortestId || to - from > longestRewritten) return false;
    // The tolerant decoder takes white space that the path lines would lose.
    if (connection.settings.options.tolerant === true) return false;
    const id = this.#flow.newId().padEnd(idLength, '0');
    const endId = to - idLength - endBytes;
    writeId(id, input, from + startBytes);
    format.pathLines.copy(input, from + startBytes + idLength + format.startLineBytes);
    writeId(id, input, endId);
    this.input = input;
    this.from = from;
    this.to = to;
    this.frame = this.#expect(id);
    if (this.frame !== undefined) this.frame.bytes = this.chunk.received;
    return true;
  }

  /** Sends up to `most` octets of body, and the end where it has come. Returns how many. */
  pull(outbox: Outbox, most: number): number {
    const bytes = Math.min(this.available, most);
    if (bytes === 0 && this.flag === undefined) return 0;
    if (this.#isGivenUp) return this.#giveUp(outbox);
    const parts = takeOctets(this.#parts, bytes);
    this.bytes -= bytes;
    const isLast = this.flag !== undefined && this.bytes === 0;
    if (this.id !== undefined && this.#isUnsafe(parts)) this.interrupt(outbox, '+');
    const head = this.id === undefined ? [this.#begin(bytes, isLast)] : [];
    if (this.frame !== undefined) this.frame.bytes += bytes;
    this.#position += bytes;
    this.#tail = isLast ? undefined : endLineTail(this.#tail, parts);
    if (isLast) this.#end(outbox, [...head, ...parts], this.flag!);
    else outbox.frame([...head, ...parts]);
    return bytes;
  }

  /** Ends the open frame; the rest goes in another. */
  interrupt(outbox: Outbox, flag: Continuation): void {
    if (this.id !== undefined) this.#end(outbox, [], flag);
  }

  /** Nothing more of it leaves. Returns how many octets it held. */
  drop(): number {
    const { bytes } = this;
    this.#parts = [];
    this.bytes = 0;
    this.input = undefined;
    this.flag ??= '#';
    this.#hasBegun = true;
    return bytes;
  }

  /** It ends with `#` and nothing is left to carry that. */
  get #isGivenUp(): boolean {
    return this.flag === '#' && this.bytes === 0 && this.id === undefined;
  }

  #giveUp(outbox: Outbox): number {
    outbox.frame([Buffer.from(this.#format.abort(this.#flow.newId(), this.chunk.head), this.#format.encoding)]);
    this.#hasBegun = true;
    return 0;
  }

  /** The octets that came before the id was drawn cannot hold it: 95 bits that nobody could guess. */
  #isUnsafe(parts: readonly Buffer[]): boolean {
    if (this.#lookAlikes !== undefined && this.#decoder.lookAlikes === this.#lookAlikes) return false;
    return hasEndLine(this.#tail === undefined ? parts : [this.#tail, ...parts], this.id!);
  }

  #begin(bytes: number, isLast: boolean): Buffer {
    const id = this.#flow.newId();
    this.id = id;
    this.frame = this.#expect(id);
    if (this.frame !== undefined) this.#flow.to!.expect(this.frame);
    const isWhole = isLast && !this.#hasBegun;
    this.#hasBegun = true;
    return Buffer.from(
      this.#format.head(id, this.chunk.head, isWhole ? undefined : this.#range(bytes, isLast)),
      this.#format.encoding,
    );
  }

  /** The frame that begins waits for a response, unless nobody wants to know. */
  #expect(id: string): ForwardedFrame | undefined {
    if (this.chunk.head.failureReport === 'no' || this.chunk.isTold) return undefined;
    const frame = new ForwardedFrame(id, this.chunk, this.#position);
    return frame;
  }

  /** Ends with `*` where it may go on, and where it could have been interrupted (R4975-7.1.1-13, 7.1.1-14). */
  #range(bytes: number, isLast: boolean): string {
    const end = isLast && bytes <= longestFixedRange ? String(this.#position + bytes - 1) : '*';
    return `${this.#position}-${end}/${this.chunk.head.byteRange?.total ?? '*'}`;
  }

  #end(outbox: Outbox, before: readonly Buffer[], flag: Continuation): void {
    const end = `${this.chunk.head.hasBody ? '\r\n' : ''}-------${this.id!}${flag}\r\n`;
    const frame = this.frame;
    this.id = undefined;
    this.frame = undefined;
    this.#tail = undefined;
    outbox.frame([...before, Buffer.from(end, 'latin1')], frame);
  }
}

/** For so few octets a call of the platform costs more. */
function writeId(id: string, input: Buffer, from: number): void {
  for (let at = 0; at < id.length; at++) input[from + at] = id.charCodeAt(at);
}
