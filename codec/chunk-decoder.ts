// Octets to tokens, incrementally and without copying bodies. A frame is a head, a body that a request may have, and an
// end-line; the decoder only says which of these the next octet belongs to:
//
//   head --(empty line)--> body --(end-line)--> head            head --(end-line)--> head
//
// How a head ends is in head-lines.ts, what it may hold in head-rules.ts, how a body ends in end-line.ts.

import type { Continuation } from './chunk.ts';
import { EndLine } from './end-line.ts';
import { ChunkParseError, MSRPError } from './errors.ts';
import type { Head } from './head.ts';
import { HeadForms } from './head-forms.ts';
import { HeadLines } from './head-lines.ts';
import { parseHead } from './head-parser.ts';
import { fault, type HeadRules, withReaction } from './head-rules.ts';
import { type Limits, limitsOf } from './limits.ts';

/** Tokens arrive synchronously within `write`, in wire order: `onHead`, any number of `onBody`, `onEnd`, and so on. */
export interface ChunkSink {
  onHead(head: Head): void;
  /**
   * `bytes` is a view of the buffer given to `write`: valid for good, never empty, and it keeps that buffer in memory. `more`
   * tells that another token of this frame follows from the same `write`; without it the read ends here.
   */
  onBody(bytes: Buffer, more: boolean): void;
  onEnd(flag: Continuation): void;
  /**
   * A malformed frame that can be answered or ignored, as `error.action` says, once, at its end: instead of `onHead` and all else,
   * or instead of `onEnd` where the fault shows only then. Typed getters of `head` may throw. Without this method `write` throws.
   */
  onInvalid?(error: ChunkParseError, head: Head): void;
}

export interface DecoderOptions {
  /** Default: {@link defaultLimits}. */
  limits?: Partial<Limits>;
  /** Take what peers are known to send against the grammar and what is harmless (D-GRAM-3). Default false. */
  tolerant?: boolean;
  /** What `contentType` says of a body whose Content-Type is missing or no media type. Default: such a frame is malformed. */
  defaultContentType?: string;
}

const CR = 13;
const LF = 10;
const DOLLAR = 0x24;
/** The flags by octet. */
const flags: Readonly<Record<number, Continuation>> = { [DOLLAR]: '$', 0x2b: '+', 0x23: '#' };
/** CRLF pairs that tolerant mode skips between two frames. */
const blankLines = 8;

export class ChunkDecoder {
  readonly #sink: ChunkSink;
  readonly #rules: HeadRules;
  readonly #forms: HeadForms;
  readonly #lines: HeadLines;
  readonly #endLine = new EndLine();
  readonly #guard = { onBody: (bytes: Buffer, more: boolean): void => this.#guardBody(bytes, more) };
  /** Set while a write is under way, and for good when it threw. */
  #isDead = false;
  /** Octets of all writes before the current one, and how far this one is read. */
  #written = 0;
  #at = 0;
  /** Octets of CRLF pairs skipped before the next frame. */
  #blank = 0;
  /** The frame whose body is being read; undefined between frames and within a head. */
  #head: Head | undefined;
  /** What is wrong with the current frame. */
  #fault: ChunkParseError | undefined;
  #bodyBytes = 0;

  constructor(sink: ChunkSink, options: DecoderOptions = {}) {
    const limits = limitsOf(options.limits);
    this.#sink = sink;
    const { tolerant = false, defaultContentType } = options;
    this.#rules = { limits, tolerant, defaultContentType };
    this.#lines = new HeadLines(limits);
    this.#forms = new HeadForms(this.#rules);
  }

  /** How many octets of the stream have been read: within a sink's method, up to and with the token that it is given. */
  get offset(): number {
    return this.#written + this.#at;
  }

  /** How many octets all writes before the current one had. */
  get writtenBefore(): number {
    return this.#written;
  }

  /**
   * How often seven hyphens or more, with which each end-line begins, stood in bodies so far. A body in which there were none holds no
   * end-line of any frame: who passes it on need not look for one again.
   */
  get lookAlikes(): number {
    return this.#endLine.lookAlikes;
  }

  /** In which part of a frame the input ends; undefined between two frames. */
  get openPart(): 'head' | 'body' | undefined {
    if (this.#head !== undefined) return 'body';
    return this.#lines.isOpen ? 'head' : undefined;
  }

  /** Where the frame begins that came last, in octets from the start of the stream. */
  get openOffset(): number {
    return this.#lines.offset;
  }

  /**
   * Takes `input` for good: do not change it afterwards. Throws a {@link ChunkParseError} for what closes the connection;
   * after that the decoder is dead, as after `end`, and throws `MSRP_ERR_STATE`.
   */
  write(input: Buffer): void {
    if (this.#isDead) throw new MSRPError('MSRP_ERR_STATE', 'the decoder has stopped');
    this.#isDead = true;
    let at = 0;
    while (at < input.length) at = this.#head === undefined ? this.#readHead(input, at) : this.#readBody(input, at);
    this.#written += input.length;
    this.#at = 0;
    this.#isDead = false;
  }

  /** The input is over. Throws a {@link ChunkParseError} of kind `truncated` if a frame is open. */
  end(): void {
    const isOpen = this.#head !== undefined || this.#lines.isOpen || this.#blank % 2 === 1;
    this.#isDead = true;
    if (isOpen) throw new ChunkParseError('truncated', 'the input ends inside a frame', { offset: this.#lines.offset });
  }

  #readHead(input: Buffer, from: number): number {
    const lines = this.#lines;
    let at = from;
    if (!lines.isOpen) {
      if (this.#rules.tolerant && (at = this.#skipBlankLines(input, at)) === input.length) return at;
      lines.offset = this.#written + at;
      if (this.#forms.find(input, at)) return this.#repeatHead(input, at, this.#forms.end);
    }
    const end = lines.read(input, at);
    if (end === -1) return input.length;
    if (this.#forms.find(lines.bytes, lines.start)) return this.#repeatHead(lines.bytes, lines.start, end);
    const { head, fault: found } = parseHead(lines, this.#rules);
    if (found === undefined) this.#forms.learn(lines, head);
    if (found?.action === 'close') throw found;
    return this.#beginFrame(head, found, end, lines.flag, lines.bytes, lines.start + 5, lines.transactionIdEnd);
  }

  /** A head in `bytes` that is known but for what its blanks hold; it ends at `end` of the input. */
  #repeatHead(bytes: Buffer, at: number, end: number): number {
    const forms = this.#forms;
    const head = forms.take(bytes, at, this.#lines.offset);
    return this.#beginFrame(head, undefined, end, forms.flag, bytes, at + 5, forms.transactionIdEnd);
  }

  /** D-FRAME-8: nothing stands between frames, but tolerant mode skips a few CRLF (D-GRAM-3). */
  #skipBlankLines(input: Buffer, from: number): number {
    let at = from;
    while (at < input.length && this.#blank < 2 * blankLines && input[at] === (this.#blank % 2 === 0 ? CR : LF)) {
      at++;
      this.#blank++;
    }
    if (at < input.length && this.#blank % 2 === 1) {
      throw new ChunkParseError('bad-start-line', 'CR without LF between frames', { offset: this.#written + at });
    }
    return at;
  }

  /** `end` is where the head ends in the input; the transaction id stands in `bytes`. */
  #beginFrame(
    head: Head,
    found: ChunkParseError | undefined,
    end: number,
    flag: number | undefined,
    bytes: Buffer,
    idStart: number,
    idEnd: number,
  ): number {
    this.#blank = 0;
    this.#at = end;
    this.#fault = found;
    if (flag === undefined) {
      this.#head = head;
      this.#bodyBytes = 0;
      this.#endLine.offset = head.offset;
      this.#endLine.begin(bytes, idStart, idEnd);
      if (found === undefined) this.#sink.onHead(head);
    } else if (this.#faultAtEnd(head, flag) === undefined) {
      this.#sink.onHead(head);
      this.#sink.onEnd(flags[flag]!);
    } else {
      this.#reject(head);
    }
    return end;
  }

  #readBody(input: Buffer, from: number): number {
    const head = this.#head!;
    const passOn = head.method === 'SEND' && this.#fault === undefined;
    const at = this.#endLine.read(input, from, passOn ? this.#sink : this.#guard);
    if (!this.#endLine.ended) return at;
    this.#at = at;
    this.#head = undefined;
    if (this.#faultAtEnd(head, this.#endLine.flag) === undefined) this.#sink.onEnd(flags[this.#endLine.flag]!);
    else this.#reject(head);
    return at;
  }

  /** Passes on the body of a request other than SEND up to its limit (RFC 4975 7.1), and nothing of a malformed frame. */
  #guardBody(bytes: Buffer, more: boolean): void {
    this.#bodyBytes += bytes.length;
    const most = this.#rules.limits.nonSendBodyBytes;
    if (this.#fault === undefined && this.#bodyBytes > most) {
      const found = fault('body-too-large', `a body of more than ${most} octets in a request that is no SEND`);
      this.#fault = withReaction(found, this.#head!, false);
    }
    if (this.#fault === undefined) this.#sink.onBody(bytes, more);
  }

  /** Only a SEND may be interrupted or given up (RFC 4975 7.1): all other frames end with `$`. */
  #faultAtEnd(head: Head, flag: number): ChunkParseError | undefined {
    if (head.method !== 'SEND' && flag !== DOLLAR && this.#fault === undefined) {
      const found = fault('bad-continuation', 'only a SEND may be interrupted');
      this.#fault = withReaction(found, head, head.method === undefined);
    }
    return this.#fault;
  }

  #reject(head: Head): void {
    const found = this.#fault!;
    if (found.action === 'close' || this.#sink.onInvalid === undefined) throw found;
    this.#sink.onInvalid(found, head);
  }
}
