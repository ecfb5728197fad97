// Consecutive chunks repeat their heads but for the transaction id, the Message-ID and the Byte-Range. A HeadForm is a head
// with these three left blank, learnt from one that was parsed and found good. A head whose octets agree with a form around
// the blanks, and whose blanks hold what belongs there, is good too and needs no parsing: the form gives the rest.
//
//   MSRP ▢ SEND↵ To-Path: …↵ From-Path: …↵ Message-ID: ▢↵ Byte-Range: ▢↵ Content-Type: …↵ ↵

import { type ByteRange, isConsistent } from './byte-range.ts';
import { Head } from './head.ts';
import type { HeadLines } from './head-lines.ts';
import { type HeaderBlock, Headers } from './headers.ts';
import type { HeadRules } from './head-rules.ts';
import { identEnd, maxIdentLength, maxTolerantIdentLength } from './ident.ts';
import { isFlag } from './mark.ts';

const CR = 13;
const LF = 10;
const HYPHEN = 45;
const SLASH = 47;
const STAR = 42;
const startBytes = 5; // "MSRP "
const startWord = 0x5052534d; // "MSRP", little-endian

/** How many forms are kept: sessions that share a connection, in requests and in responses. */
const formsKept = 256;
/** Heads longer than this are not worth keeping, and no blank can push a line of one over its limit. */
const longestForm = 2048;
/** Fewer octets cannot hold a frame. */
const shortestFrame = 64;

/** Literal octets between blanks, compared four at a time. */
class Piece {
  readonly length: number;
  readonly #words: Int32Array;

  /** At least four octets. */
  constructor(bytes: Buffer) {
    this.length = bytes.length;
    this.#words = new Int32Array(Math.ceil(bytes.length / 4));
    for (let index = 0; index < this.#words.length; index++) this.#words[index] = bytes.readInt32LE(this.#at(index));
  }

  /** Where word `index` begins; the last one ends with the piece. */
  #at(index: number): number {
    return Math.min(4 * index, this.length - 4);
  }

  isAt(view: DataView, at: number): boolean {
    if (at + this.length > view.byteLength) return false;
    const words = this.#words;
    const last = words.length - 1;
    for (let index = 0; index < last; index++) if (view.getInt32(at + 4 * index, true) !== words[index]) return false;
    return view.getInt32(at + this.length - 4, true) === words[last];
  }
}

/** A blank behind the transaction id. */
type Blank = 'message-id' | 'byte-range';

class HeadForm {
  readonly key: number;
  readonly #sample: Head;
  readonly #block: HeaderBlock;
  readonly #blanks: readonly Blank[];
  readonly #pieces: readonly Piece[];
  readonly #longestMessageId: number;
  /** The Message-ID that came last; and its octets, once it has come twice: then it is likely to come again. */
  #messageId = '';
  #messageIdPiece: Piece | undefined;

  constructor(key: number, sample: Head, blanks: readonly Blank[], pieces: readonly Piece[], longestMessageId: number) {
    this.key = key;
    this.#sample = sample;
    this.#block = sample.headers.block;
    this.#blanks = blanks;
    this.#pieces = pieces;
    this.#longestMessageId = longestMessageId;
  }

  /** `at` is where the head begins, `idEnd` where its transaction id ends. Sets `end` and `flag` of `found`. */
  match(input: Buffer, view: DataView, at: number, idEnd: number, found: FoundForm): boolean {
    const pieces = this.#pieces;
    if (!pieces[0]!.isAt(view, idEnd)) return false;
    let position = idEnd + pieces[0]!.length;
    for (let index = 0; index < this.#blanks.length; index++) {
      const end =
        this.#blanks[index] === 'byte-range'
          ? readRange(input, position, found)
          : this.#readId(input, view, position, found);
      if (end === -1 || !pieces[index + 1]!.isAt(view, end)) return false;
      position = end + pieces[index + 1]!.length;
    }
    found.form = this;
    found.end = position;
    found.flag = undefined;
    return this.#sample.hasBody || readEndLine(input, position, at + startBytes, idEnd, found);
  }

  #readId(input: Buffer, view: DataView, at: number, found: FoundForm): number {
    const known = this.#messageIdPiece;
    const isKnown = known !== undefined && known.isAt(view, at) && input[at + known.length] === CR;
    found.isKnownId = isKnown;
    if (isKnown) return at + known.length;
    found.idStart = at;
    return (found.idEnd = identEnd(input, at, this.#longestMessageId));
  }

  /** One string for all chunks of a message: made once, hashed once. */
  #idOf(input: Buffer, found: FoundForm): string {
    if (found.isKnownId) return this.#messageId;
    const id = input.toString('latin1', found.idStart, found.idEnd);
    if (id === this.#messageId) this.#messageIdPiece = new Piece(input.subarray(found.idStart, found.idEnd));
    else {
      this.#messageId = id;
      this.#messageIdPiece = undefined;
    }
    return this.#messageId;
  }

  /** The head of which `found` says where the blanks are. */
  fill(input: Buffer, at: number, idEnd: number, found: FoundForm, offset: number): Head {
    let messageId: string | undefined;
    let range: ByteRange | undefined;
    for (const blank of this.#blanks) {
      if (blank === 'message-id') messageId = this.#idOf(input, found);
      else range = { start: found.start, end: found.rangeEnd, total: found.total };
    }
    const transactionId = input.toString('latin1', at + startBytes, idEnd);
    const headers = new Headers(this.#block, messageId, range);
    return new Head(transactionId, this.#sample, headers, this.#sample.hasBody, offset);
  }
}

/** Where the blanks of a head were found, and what the Byte-Range says. One for all heads: it is read at once. */
class FoundForm {
  form: HeadForm | undefined;
  end = 0;
  flag: number | undefined;
  /** Whether the Message-ID is the one that the form remembers; else where it stands. */
  isKnownId = false;
  idStart = 0;
  idEnd = 0;
  start = 0;
  rangeEnd: number | undefined;
  total: number | undefined;
  /** Behind the number read last. */
  at = 0;
}

/** Read at once, so one will do for all connections. */
const lastFound = new FoundForm();

/** A view of the input that was looked at last, by whichever connection. */
let lastView: DataView = new DataView(new ArrayBuffer(0));
let lastInput: Buffer | undefined;

function viewOf(input: Buffer): DataView {
  if (lastInput !== input) {
    lastInput = input;
    lastView = new DataView(input.buffer, input.byteOffset, input.length);
  }
  return lastView;
}

/** The forms of one connection. */
export class HeadForms {
  /** By the method or code and the end of To-Path, where the session-id is; the one learnt first is the first to go. */
  #forms: Map<number, HeadForm> | undefined;
  /** The form that matched last: the next head is mostly of the same session. */
  #last: HeadForm | undefined;
  #idEnd = 0;
  readonly #longestMessageId: number;
  readonly #isEnabled: boolean;

  constructor(rules: HeadRules) {
    this.#longestMessageId = rules.tolerant ? maxTolerantIdentLength : maxIdentLength;
    this.#isEnabled = Math.min(rules.limits.lineBytes, rules.limits.headBytes) > 2 * longestForm;
  }

  /** Whether a known form lies whole in `input` at `at`: then `end`, `flag` and `take` tell of it. */
  find(input: Buffer, at: number): boolean {
    if (this.#last === undefined || at + shortestFrame > input.length) return false;
    const words = viewOf(input);
    if (words.getInt32(at, true) !== startWord || input[at + 4] !== 32) return false;
    this.#idEnd = identEnd(input, at + startBytes, maxIdentLength);
    if (this.#idEnd === -1) return false;
    if (this.#last.match(input, words, at, this.#idEnd, lastFound)) return true;
    const other = this.#forms?.get(keyOf(input, words, this.#idEnd));
    if (other === undefined || other === this.#last) return false;
    this.#last = other;
    return other.match(input, words, at, this.#idEnd, lastFound);
  }

  /** Where the head found ends: behind the empty line, or behind the end-line of a frame without body. */
  get end(): number {
    return lastFound.end;
  }

  /** The flag of the frame without body found; undefined when a body follows. */
  get flag(): number | undefined {
    return lastFound.flag;
  }

  /** The head found. */
  take(input: Buffer, at: number, offset: number): Head {
    return lastFound.form!.fill(input, at, this.#idEnd, lastFound, offset);
  }

  /** Where the transaction id of the head found ends. */
  get transactionIdEnd(): number {
    return this.#idEnd;
  }

  /** Keeps the form of a good head. */
  learn(lines: HeadLines, sample: Head): void {
    const form = this.#formOf(lines, sample);
    if (form === undefined) return;
    this.#keep(form);
    this.#last = form;
  }

  /** Mostly there is one: the map is made with the second. */
  #keep(form: HeadForm): void {
    if (this.#last === undefined) return;
    const forms = (this.#forms ??= new Map([[this.#last.key, this.#last]]));
    if (forms.size === formsKept) {
      const [oldest = 0] = forms.keys();
      forms.delete(oldest);
    }
    forms.set(form.key, form);
  }

  #formOf(lines: HeadLines, sample: Head): HeadForm | undefined {
    const { bytes, start, lineEnds } = lines;
    const fieldsEnd = lineEnds.at(-1)!;
    const repeats = sample.code !== undefined || sample.method === 'SEND' || sample.method === 'REPORT';
    if (!this.#isEnabled || !repeats || fieldsEnd - start > longestForm) return undefined;
    const blanks: Blank[] = [];
    const pieces: Piece[] = [];
    let from = lines.transactionIdEnd;
    for (const [index, name] of sample.headers.block.names.entries()) {
      if (name !== 'message-id' && name !== 'byte-range') continue;
      const value = sample.headers.entries[index]![1];
      const at = bytes.indexOf(value, lineEnds[index]! + name.length + 1, 'latin1');
      blanks.push(name);
      pieces.push(new Piece(bytes.subarray(from, at)));
      from = at + value.length;
    }
    const tail = sample.hasBody ? '\r\n' : '-------';
    pieces.push(new Piece(Buffer.concat([bytes.subarray(from, fieldsEnd), Buffer.from(tail)])));
    const key = keyOf(bytes, viewOf(bytes), lines.transactionIdEnd);
    // Copies, which have no room to grow.
    return new HeadForm(key, sample, [...blanks], [...pieces], this.#longestMessageId);
  }
}

/** Some number that differs between sessions: from the octets behind the transaction id and the last ones of the second line. */
function keyOf(input: Buffer, view: DataView, idEnd: number): number {
  let at = idEnd;
  while (at < input.length && input[at] !== LF) at++;
  do at++;
  while (at < input.length && input[at] !== CR);
  if (at + 4 > input.length || at - 24 < idEnd) return 0;
  let key = view.getInt32(idEnd, true);
  for (let word = at - 24; word < at; word += 4) key = Math.imul(key ^ view.getInt32(word, true), 0x9e3779b1);
  return key;
}

/** range-start "-" range-end "/" total, without leading zeros. Returns where it ends, or -1 for whatever must be looked at. */
function readRange(input: Buffer, at: number, found: FoundForm): number {
  const start = readNumber(input, at, found);
  if (start === undefined || input[found.at] !== HYPHEN) return -1;
  const end = readNumber(input, found.at + 1, found);
  if (end === undefined || input[found.at] !== SLASH) return -1;
  const total = readNumber(input, found.at + 1, found);
  if (total === undefined) return -1;
  found.start = start;
  found.rangeEnd = end === -1 ? undefined : end;
  found.total = total === -1 ? undefined : total;
  return isConsistent(start, found.rangeEnd, found.total) ? found.at : -1;
}

/** Up to 15 digits, or -1 for `*`. Sets `found.at` behind it. */
function readNumber(input: Buffer, at: number, found: FoundForm): number | undefined {
  if (input[at] === STAR) {
    found.at = at + 1;
    return -1;
  }
  let value = 0;
  let end = at;
  for (; end < at + 15; end++) {
    const digit = input[end]! - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  found.at = end;
  return end === at || (end > at + 1 && input[at] === 48) ? undefined : value;
}

/** The rest of the end-line of a frame without body: its own transaction id, a flag, CRLF. */
function readEndLine(input: Buffer, at: number, idStart: number, idEnd: number, found: FoundForm): boolean {
  const end = at + idEnd - idStart;
  for (let index = idStart; index < idEnd; index++) if (input[at + index - idStart] !== input[index]) return false;
  if (!isFlag(input[end]) || input[end + 1] !== 13 || input[end + 2] !== 10) return false;
  found.flag = input[end];
  found.end = end + 3;
  return true;
}
