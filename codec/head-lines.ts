// Finds where a head ends, line by line, however its octets are cut into reads (D-FRAME-1 to D-FRAME-3, D-FRAME-7):
//
//   start-line CRLF  *( header-line CRLF )  ( CRLF            ; an empty line: a body follows
//                                           / end-line )      ; no body, the frame is over
//
// What is wrong here leaves us out of step with the peer, so it is thrown and closes the connection. Each octet is looked
// at once. A head that came in one read is left where it lies; one that did not is copied together, a line at a time.

import { type ChunkErrorKind, ChunkParseError } from './errors.ts';
import { identEnd, maxIdentLength } from './ident.ts';
import type { Limits } from './limits.ts';
import { isFlag } from './mark.ts';

const CR = 13;
const LF = 10;
const SP = 32;
const DEL = 127;
const HYPHEN = 45;
const prefix = Buffer.from('MSRP ');

export class HeadLines {
  readonly #limits: Limits;
  /** Octets of a head that began in an earlier read. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  /** Where the current line begins, from the start of the head. */
  #lineStart = 0;
  #lastWasCR = false;

  /** The octets that hold the head that was found: the input or our copy. */
  bytes: Buffer = this.#held;
  /** Where the head begins in `bytes`. */
  start = 0;
  /** Where each line ends in `bytes`, behind its CRLF: start-line, then header lines. */
  readonly lineEnds: number[] = [];
  /** Where the transaction id ends in `bytes`; it begins 5 octets into the head. */
  transactionIdEnd = 0;
  /** The flag of the end-line of a frame without a body; undefined when a body follows. */
  flag: number | undefined;
  /** Whether there is an octet beyond ASCII. */
  hasUTF8 = false;
  /** Where the head begins in the stream; set by whoever reads on. */
  offset = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Whether a head is begun. */
  get isOpen(): boolean {
    return this.#heldBytes > 0;
  }

  /** Reads on. Returns where the head ends in `input`, or -1 when it goes on behind `input`: then all is taken over. */
  read(input: Buffer, at: number): number {
    if (this.#heldBytes > 0) return this.#readOn(input, at);
    this.#begin(input, at);
    const end = this.#readLines(input, at, at);
    if (end === -1) this.#hold(input, at, input.length);
    return end;
  }

  #begin(bytes: Buffer, start: number): void {
    this.bytes = bytes;
    this.start = start;
    this.lineEnds.length = 0;
    this.#lineStart = 0;
    this.#lastWasCR = false;
    this.flag = undefined;
    this.hasUTF8 = false;
  }

  /** Goes through the lines of a head that lies in `input` from `start`, from `at` on. */
  #readLines(input: Buffer, start: number, from: number): number {
    let at = from;
    while (at < input.length) {
      const end = this.#scanLine(input, at, start);
      if (end === -1) return -1;
      at = end;
      if (this.#endLine(input, start + this.#lineStart, end)) return end;
      this.#lineStart = end - start;
    }
    return -1;
  }

  /** Copies what is missing of the current head, a line at a time, behind what is held. */
  #readOn(input: Buffer, from: number): number {
    let at = from;
    while (at < input.length) {
      const lineEnd = this.#scanLine(input, at, at - this.#heldBytes);
      const end = lineEnd === -1 ? input.length : lineEnd;
      this.#hold(input, at, end);
      at = end;
      if (lineEnd === -1) return -1;
      if (this.#endLine(this.#held, this.#lineStart, this.#heldBytes)) {
        this.bytes = this.#held;
        this.start = 0;
        this.#heldBytes = 0;
        return at;
      }
      this.#lineStart = this.#heldBytes;
    }
    return -1;
  }

  /** Where the current line ends behind its LF, or -1. `start` is where the head begins in terms of `input`, perhaps before it. */
  #scanLine(input: Buffer, from: number, start: number): number {
    const lineStart = start + this.#lineStart;
    if (this.#lineStart === 0) this.#checkPrefix(input, from, start);
    const lineMost = lineStart + this.#limits.lineBytes + 2;
    const headMost = start + this.#limits.headBytes;
    const most = Math.min(lineMost, headMost);
    const end = Math.min(input.length, most);
    let lastWasCR = this.#lastWasCR;
    for (let at = from; at < end; at++) {
      const octet = input[at]!;
      if (octet >= SP && octet < DEL && !lastWasCR) continue;
      if (octet === LF) {
        if (!lastWasCR) throw this.#fatal('bare-lf', 'a line ends with LF alone');
        this.#lastWasCR = false;
        return at + 1;
      }
      if (lastWasCR) throw this.#fatal('bare-cr', 'CR without LF in a line');
      lastWasCR = octet === CR;
      if (octet > DEL) this.hasUTF8 = true;
    }
    this.#lastWasCR = lastWasCR;
    if (end === most) throw lineMost <= headMost ? this.#tooLongLine() : this.#tooLargeHead();
    return -1;
  }

  /** A stream that does not begin like a frame is known by its first wrong octet, whatever comes behind. */
  #checkPrefix(input: Buffer, from: number, start: number): void {
    const end = Math.min(input.length, start + prefix.length);
    for (let at = from; at < end; at++) {
      if (input[at] !== prefix[at - start]) throw this.#fatal('bad-start-line', 'a frame begins with "MSRP "');
    }
  }

  /** Looks at the line just ended. Returns whether the head ends with it. */
  #endLine(bytes: Buffer, lineStart: number, lineEnd: number): boolean {
    if (this.lineEnds.length === 0) {
      this.#startLine(bytes, lineStart, lineEnd);
      return false;
    }
    if (lineEnd - lineStart === 2) return true;
    const first = bytes[lineStart];
    if (first === HYPHEN && this.#isOwnEndLine(bytes, lineStart, lineEnd)) return true;
    if (first === 0x4d && isStartLine(bytes, lineStart, lineEnd)) {
      throw this.#fatal('bad-header', 'a start-line where the end-line of the frame before is missing');
    }
    this.lineEnds.push(lineEnd);
    return false;
  }

  #startLine(bytes: Buffer, lineStart: number, lineEnd: number): void {
    if (bytes[lineStart + prefix.length] === SP) {
      throw this.#fatal('bad-start-line', 'more than one space behind "MSRP"');
    }
    const end = identEnd(bytes, lineStart + prefix.length, maxIdentLength);
    if (end === -1 || bytes[end] !== SP) {
      throw this.#fatal('bad-transaction-id', 'no transaction id of 4 to 32 characters in the start-line');
    }
    this.transactionIdEnd = end;
    this.lineEnds.push(lineEnd);
  }

  /** end-line = "-------" transact-id continuation-flag CRLF */
  #isOwnEndLine(bytes: Buffer, lineStart: number, lineEnd: number): boolean {
    const head = this.#heldBytes > 0 ? 0 : this.start;
    const idStart = head + prefix.length;
    const idBytes = this.transactionIdEnd - idStart;
    if (lineEnd - lineStart !== 7 + idBytes + 3 || !isFlag(bytes[lineEnd - 3])) return false;
    for (let index = 0; index < 7; index++) if (bytes[lineStart + index] !== HYPHEN) return false;
    for (let index = 0; index < idBytes; index++) {
      if (bytes[lineStart + 7 + index] !== bytes[idStart + index]) return false;
    }
    this.flag = bytes[lineEnd - 3];
    return true;
  }

  #hold(input: Buffer, from: number, end: number): void {
    const bytes = this.#heldBytes + end - from;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(512, bytes, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    const held = this.#held;
    if (end - from > 32) held.set(input.subarray(from, end), this.#heldBytes);
    else for (let at = from, to = this.#heldBytes; at < end; at++, to++) held[to] = input[at]!;
    if (this.#heldBytes === 0) this.#rebase(-from);
    this.#heldBytes = bytes;
  }

  /** The head moved from the input to what is held: so do the positions noted in it. */
  #rebase(by: number): void {
    for (let index = 0; index < this.lineEnds.length; index++) this.lineEnds[index]! += by;
    this.transactionIdEnd += by;
  }

  #tooLongLine(): ChunkParseError {
    return this.#fatal('line-too-long', `a line of more than ${this.#limits.lineBytes} octets`);
  }

  #tooLargeHead(): ChunkParseError {
    return this.#fatal('headers-too-large', `a head of more than ${this.#limits.headBytes} octets`);
  }

  #fatal(kind: ChunkErrorKind, detail: string): ChunkParseError {
    return new ChunkParseError(kind, detail, { offset: this.offset });
  }
}

const startLine = /^MSRP [A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31} (?:[A-Z]+|\d{3}(?: [^]*)?)$/;

function isStartLine(bytes: Buffer, lineStart: number, lineEnd: number): boolean {
  return startLine.test(bytes.toString('latin1', lineStart, lineEnd - 2));
}
