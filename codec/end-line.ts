// Finds the end of a body (D-FRAME-4 to D-FRAME-6):
//
//   data CRLF "-------" transact-id continuation-flag CRLF
//
// Only that ends it: not a look-alike, not the Byte-Range. Hyphens and id without a flag behind them are data; with a flag but
// without the CRLFs around them they are a violation that closes the connection. An empty body may lack its own CRLF.
//
// Within a read the mark is searched for. Where reads meet, a matcher steps through the few octets that may still become the
// end-line; these are held back as views, and what turns out to be data is passed on as it came.

import { ChunkParseError } from './errors.ts';
import { hyphens, isFlag, Mark } from './mark.ts';

const CR = 13;
const LF = 10;
const HYPHEN = 45;

export interface BodySink {
  /** `more`: whether more of this frame, body or end, is sure to follow from the same read. */
  onBody(bytes: Buffer, more: boolean): void;
}

export class EndLine {
  readonly #mark = new Mark();

  // How much of an end-line the octets read last could be: `before` octets of CRLF, `matched` of the mark, `behind` of flag
  // and CRLF. All zero when the last octet was surely data.
  #before = 0;
  #matched = 0;
  #behind = 0;
  /** Whether the CRLF before is the empty line that ended the head, and so none of ours. */
  #atStart = false;
  /** Views of those octets, from the reads before. */
  #held: Buffer[] = [];

  /** Marks and hyphens that turned out to be data, where no search met them. */
  #data = 0;

  /** Whether `read` came to the end of the body. */
  ended = false;
  /** The octet of the flag, once ended. */
  flag = 0;
  /** Where the frame begins in the stream, for errors; set by whoever reads on. */
  offset = 0;

  /** How often seven hyphens or more were part of a body, or may still turn out to be; never fewer than there were. */
  get lookAlikes(): number {
    return this.#mark.strange + this.#data;
  }

  /** A body begins. `input` has the transaction id of its frame, from `idStart` to `idEnd`. */
  begin(input: Buffer, idStart: number, idEnd: number): void {
    this.#mark.set(input, idStart, idEnd);
    this.#before = 2;
    this.#matched = 0;
    this.#behind = 0;
    this.#atStart = true;
    this.ended = false;
  }

  /** Reads on from `at`, which is not the end of `input`. Returns where the frame ends, or the end of `input`. */
  read(input: Buffer, at: number, sink: BodySink): number {
    let to = at;
    if (this.#isMatching) {
      to = this.#step(input, at);
      if (this.ended || this.#isMatching) return this.#give(input, at, to, sink);
      if (this.#held.length > 0) this.#giveHeld(sink);
    }
    const end = this.#search(input, to);
    if (end === -1) {
      to = this.#step(input, Math.max(to, input.length - this.#mark.length - 4));
      return this.#give(input, at, to, sink);
    }
    const bodyEnd = end - this.#mark.length - 5;
    if (bodyEnd > at) sink.onBody(input.subarray(at, bodyEnd), true);
    return end;
  }

  get #isMatching(): boolean {
    return this.#matched > 0 || this.#before > 0;
  }

  /** Steps octet by octet until the end-line is complete or what was matched turns out to be data. */
  #step(input: Buffer, from: number): number {
    for (let at = from; at < input.length; at++) {
      const octet = input[at]!;
      if (this.#matched > 0) this.#stepMark(octet);
      else this.#stepBefore(octet);
      if (this.ended) return at + 1;
      if (!this.#isMatching && at < input.length - this.#mark.length - 4) return at + 1;
    }
    return input.length;
  }

  #stepBefore(octet: number): void {
    if (octet === HYPHEN) {
      this.#matched = 1;
      if (this.#before === 1) this.#before = 0;
      return;
    }
    if (octet === CR) this.#before = 1;
    else this.#before = octet === LF && this.#before === 1 ? 2 : 0;
    this.#atStart = false;
  }

  #stepMark(octet: number): void {
    if (this.#matched < this.#mark.length) {
      if (octet === this.#mark.bytes[this.#matched]) this.#matched++;
      else this.#fallBack(octet);
    } else if (this.#behind === 0) {
      if (!isFlag(octet)) return this.#fallBack(octet);
      if (this.#before !== 2) throw this.#violation('no CRLF before the end-line');
      this.flag = octet;
      this.#behind = 1;
    } else {
      if (octet !== (this.#behind === 1 ? CR : LF)) throw this.#violation('no CRLF behind the end-line');
      this.ended = ++this.#behind === 3;
    }
  }

  /** What was matched is data; perhaps its tail, with `octet`, begins a mark of its own, but not behind a CRLF. */
  #fallBack(octet: number): void {
    const mark = this.#mark.bytes;
    const matched = this.#matched;
    if (matched >= hyphens) this.#data++;
    this.#before = 0;
    this.#atStart = false;
    for (let length = matched; length > 0; length--) {
      if (mark[length - 1] !== octet) continue;
      let same = 0;
      while (same < length - 1 && mark[same] === mark[matched - length + 1 + same]) same++;
      if (same < length - 1) continue;
      this.#matched = length;
      return;
    }
    this.#matched = 0;
    this.#stepBefore(octet);
  }

  /** Gives what is surely data of the held octets and those from `at` to `to`; holds the others, unless the body has ended. */
  #give(input: Buffer, at: number, to: number, sink: BodySink): number {
    const matching = (this.#atStart ? 0 : this.#before) + this.#matched + this.#behind;
    const { ended } = this;
    const fromInput = Math.max(to - at - matching, 0);
    if (this.#held.length > 0) this.#giveOldest(matching - (to - at) + fromInput, ended || fromInput > 0, sink);
    if (fromInput > 0) sink.onBody(input.subarray(at, at + fromInput), ended);
    if (ended) this.#held = [];
    else if (at + fromInput < to) this.#held.push(input.subarray(at + fromInput, to));
    return to;
  }

  /** Gives the held octets but for the last `keep`. */
  #giveOldest(keep: number, more: boolean, sink: BodySink): void {
    let giving = this.#held.reduce((sum, view) => sum + view.length, 0) - keep;
    while (giving > 0) {
      const view = this.#held[0]!;
      const piece = view.length <= giving ? view : view.subarray(0, giving);
      if (piece === view) this.#held.shift();
      else this.#held[0] = view.subarray(giving);
      giving -= piece.length;
      sink.onBody(piece, more || giving > 0);
    }
  }

  #giveHeld(sink: BodySink): void {
    const held = this.#held;
    this.#held = [];
    for (const view of held) sink.onBody(view, true);
  }

  /** Where the end-line that lies whole in `input` ends, or -1. Nothing before `from` belongs to one. */
  #search(input: Buffer, from: number): number {
    const length = this.#mark.length;
    for (let at = from; (at = this.#mark.find(input, at)) !== -1; at++) {
      const behind = at + length;
      if (behind === input.length) return -1;
      const flag = input[behind];
      if (!isFlag(flag)) {
        this.#data++;
        continue;
      }
      if (at - from < 2 || input[at - 2] !== CR || input[at - 1] !== LF) {
        throw this.#violation('no CRLF before the end-line');
      }
      if (behind + 2 >= input.length) return -1;
      if (input[behind + 1] !== CR || input[behind + 2] !== LF) throw this.#violation('no CRLF behind the end-line');
      this.flag = flag!;
      this.ended = true;
      return behind + 3;
    }
    return -1;
  }

  #violation(detail: string): ChunkParseError {
    return new ChunkParseError('bad-end-line', detail, { offset: this.offset });
  }
}
