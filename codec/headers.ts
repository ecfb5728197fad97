// The header fields of a head: order and spelling as on the wire, names matched in any case, values parsed on first use.
//
// The chunks of a message repeat one block of fields, but for two values: Message-ID and Byte-Range. So the block and
// what was parsed from it is shared by all heads that differ only there: a Headers is a block with two blanks filled in.

import { type ByteRange, formatByteRange, parseByteRange } from './byte-range.ts';
import { type DigestHeader, parseAuthenticationInfo, parseDigestHeader } from './digest-header.ts';
import { ChunkParseError, MSRPError } from './errors.ts';
import { parseNickname } from './nickname.ts';
import { type Status, parseStatus } from './status.ts';
import { isFieldName } from './lexical.ts';
import { isASCII, isText } from './text.ts';
import { type URI, parsePath } from './uri.ts';

/** A header field: its name as spelled, and its value. */
export type HeaderEntry = readonly [name: string, value: string];

/** Header fields that several heads share, and what has been parsed from them. Never changed but to add to the latter. */
export class HeaderBlock {
  readonly entries: readonly HeaderEntry[];
  readonly names: readonly string[];
  toPath: readonly URI[] | undefined;
  fromPath: readonly URI[] | undefined;
  status: Status | undefined;
  contentType: string | undefined;
  failureReport: 'yes' | 'no' | 'partial' | undefined;
  successReport: 'yes' | 'no' | undefined;
  /** The fields as lines, once they are found fit to be written; and whether they are all ASCII. */
  lines: readonly string[] | undefined;
  isASCII = true;

  /** `read`: what was understood of other entries, which goes for these too. */
  constructor(entries: readonly HeaderEntry[], read?: HeaderBlock) {
    this.entries = entries;
    this.names = entries.map(([name]) => name.toLowerCase());
    this.toPath = read?.toPath;
    this.fromPath = read?.fromPath;
    this.status = read?.status;
    this.contentType = read?.contentType;
  }

  get(lowerCaseName: string): string | undefined {
    const index = this.names.indexOf(lowerCaseName);
    return index === -1 ? undefined : this.entries[index]![1];
  }
}

/** The order that we write fields in. Several peers need the first four just so; `content-*` come last in any case. */
const writingOrder = ['to-path', 'from-path', 'message-id', 'byte-range', 'success-report', 'failure-report', 'status'];

/** Immutable. The typed getters throw a {@link ChunkParseError} where the value does not follow its header's grammar. */
export class Headers implements Iterable<HeaderEntry> {
  /** @internal What this shares with the other heads of its message. */
  readonly block: HeaderBlock;
  readonly #messageId: string | undefined;
  #byteRange: ByteRange | undefined;
  #filled: readonly HeaderEntry[] | undefined;

  constructor(entries?: Iterable<HeaderEntry>);
  /** @internal `block` with its Message-ID and Byte-Range, where it has these, replaced. */
  constructor(block: HeaderBlock, messageId: string | undefined, byteRange: ByteRange | undefined);
  constructor(entries: Iterable<HeaderEntry> | HeaderBlock = [], messageId?: string, byteRange?: ByteRange) {
    if (entries instanceof HeaderBlock) {
      this.block = entries;
      this.#messageId = messageId;
      this.#byteRange = byteRange;
    } else {
      this.block = new HeaderBlock([...entries]);
      this.#messageId = this.block.get('message-id');
      this.#filled = this.block.entries;
    }
  }

  /** The fields in wire order. */
  [Symbol.iterator](): IterableIterator<HeaderEntry> {
    return this.entries[Symbol.iterator]();
  }

  get entries(): readonly HeaderEntry[] {
    return (this.#filled ??= this.block.entries.map((entry, index) => this.#fill(entry, this.block.names[index]!)));
  }

  #fill(entry: HeaderEntry, name: string): HeaderEntry {
    if (name === 'message-id' && this.#messageId !== undefined) return [entry[0], this.#messageId];
    if (name === 'byte-range' && this.#byteRange !== undefined) return [entry[0], formatByteRange(this.#byteRange)];
    return entry;
  }

  /** The fields as they go on the wire. Throws `MSRP_ERR_ARGUMENT` for what would be read as something else. */
  format(): string {
    const lines = (this.block.lines ??= formatLines(this.block));
    if (this.#filled === this.block.entries) return lines.join('');
    let text = '';
    for (let index = 0; index < lines.length; index++) {
      const entry = this.block.entries[index]!;
      const filled = this.#fill(entry, this.block.names[index]!);
      text += filled === entry ? lines[index] : `${filled[0]}: ${filled[1]}\r\n`;
    }
    return text;
  }

  has(name: string): boolean {
    return this.block.names.includes(name.toLowerCase());
  }

  /** The value of the first field of that name. */
  get(name: string): string | undefined {
    const index = this.block.names.indexOf(name.toLowerCase());
    return index === -1 ? undefined : this.entries[index]![1];
  }

  /** The values of all fields of that name. */
  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.entries.filter((_, index) => this.block.names[index] === wanted).map(([, value]) => value);
  }

  /** A copy in which `name` occurs once, with `value`: where it stood, or else where we write it. */
  with(name: string, value: string): Headers {
    const wanted = name.toLowerCase();
    const at = this.block.names.indexOf(wanted);
    const others = this.entries.filter((_, index) => this.block.names[index] !== wanted);
    const place = at === -1 ? placeOf(wanted, others) : at;
    return new Headers([...others.slice(0, place), [name, value], ...others.slice(place)]);
  }

  /** A copy without the fields of that name. */
  without(name: string): Headers {
    const wanted = name.toLowerCase();
    return new Headers(this.entries.filter((_, index) => this.block.names[index] !== wanted));
  }

  /** A copy with another Byte-Range; what else was parsed is shared with the copy. */
  withByteRange(range: ByteRange): Headers {
    if (this.has('Byte-Range')) return new Headers(this.block, this.#messageId, range);
    const { entries } = this.with('Byte-Range', formatByteRange(range));
    return new Headers(new HeaderBlock(entries, this.block), this.#messageId, range);
  }

  /** To-Path: the URIs to visit, the next hop first. Empty when absent. */
  get toPath(): readonly URI[] {
    return (this.block.toPath ??= this.#path('to-path'));
  }

  /** From-Path: the way back, the previous hop first. Empty when absent. */
  get fromPath(): readonly URI[] {
    return (this.block.fromPath ??= this.#path('from-path'));
  }

  /** Use-Path: what a relay gives to be put before the peer's path (RFC 4976 section 4.2). Empty when absent. */
  get usePath(): readonly URI[] {
    return this.#path('use-path');
  }

  #path(name: string): readonly URI[] {
    const text = this.block.get(name);
    return text === undefined ? [] : parsePath(text);
  }

  get messageId(): string | undefined {
    return this.#messageId;
  }

  get byteRange(): ByteRange | undefined {
    if (this.#byteRange === undefined) {
      const text = this.block.get('byte-range');
      if (text !== undefined) this.#byteRange = parseByteRange(text);
    }
    return this.#byteRange;
  }

  /** Failure-Report, `yes` when absent. */
  get failureReport(): 'yes' | 'no' | 'partial' {
    return (this.block.failureReport ??= parseFailureReport(this.block.get('failure-report')));
  }

  /** Success-Report, `no` when absent. */
  get successReport(): 'yes' | 'no' {
    return (this.block.successReport ??= parseSuccessReport(this.block.get('success-report')));
  }

  get status(): Status | undefined {
    const text = this.block.get('status');
    return text === undefined ? undefined : (this.block.status ??= parseStatus(text));
  }

  get contentType(): string | undefined {
    return (this.block.contentType ??= this.block.get('content-type'));
  }

  /** Expires of AUTH and its response, in seconds. */
  get expires(): number | undefined {
    return this.#seconds('expires');
  }

  /** Min-Expires of a 423, in seconds. */
  get minExpires(): number | undefined {
    return this.#seconds('min-expires');
  }

  /** Max-Expires of a 423, in seconds. */
  get maxExpires(): number | undefined {
    return this.#seconds('max-expires');
  }

  #seconds(name: string): number | undefined {
    const text = this.block.get(name);
    return text === undefined ? undefined : parseSeconds(text);
  }

  /** The challenges of a 401, one for each algorithm. */
  get wwwAuthenticate(): DigestHeader[] {
    return this.all('WWW-Authenticate').map(parseDigestHeader);
  }

  get authorization(): DigestHeader | undefined {
    const text = this.block.get('authorization');
    return text === undefined ? undefined : parseDigestHeader(text);
  }

  get authenticationInfo(): ReadonlyMap<string, string> | undefined {
    const text = this.block.get('authentication-info');
    return text === undefined ? undefined : parseAuthenticationInfo(text);
  }

  /** The nickname of a NICKNAME request, without its quotes; empty to remove it (RFC 7701 section 7). */
  get useNickname(): string | undefined {
    const text = this.block.get('use-nickname');
    return text === undefined ? undefined : parseNickname(text);
  }
}

/** Expires = 1*DIGIT. Throws a {@link ChunkParseError} of kind `bad-expires`. */
export function parseSeconds(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ChunkParseError('bad-expires', `"${text.slice(0, 100)}" is no number of seconds`, { action: 'respond' });
}

function formatLines(block: HeaderBlock): readonly string[] {
  for (const [name, value] of block.entries) {
    if (!isFieldName(name) || !isText(value)) {
      const field = `${name}: ${value}`.slice(0, 200);
      throw new MSRPError('MSRP_ERR_ARGUMENT', `"${field}" cannot be a header field`, { scope: 'message' });
    }
  }
  const lines = block.entries.map(([name, value]) => `${name}: ${value}\r\n`);
  block.isASCII = lines.every((line) => isASCII(line));
  return lines;
}

function parseFailureReport(text = 'yes'): 'yes' | 'no' | 'partial' {
  const value = text.toLowerCase();
  if (value === 'yes' || value === 'no' || value === 'partial') return value;
  throw badReportFlag('Failure-Report', value);
}

function parseSuccessReport(text = 'no'): 'yes' | 'no' {
  const value = text.toLowerCase();
  if (value === 'yes' || value === 'no') return value;
  throw badReportFlag('Success-Report', value);
}

function badReportFlag(name: string, value: string): ChunkParseError {
  return new ChunkParseError('bad-report-flag', `${name} cannot be "${value.slice(0, 100)}"`, { action: 'respond' });
}

/** Where to insert a field that is not there yet. */
function placeOf(name: string, entries: readonly HeaderEntry[]): number {
  const rank = rankOf(name);
  const behind = entries.findIndex((entry) => rankOf(entry[0].toLowerCase()) > rank);
  return behind === -1 ? entries.length : behind;
}

function rankOf(name: string): number {
  const known = writingOrder.indexOf(name);
  if (known !== -1) return known;
  if (name === 'content-type') return writingOrder.length + 2;
  return name.startsWith('content-') ? writingOrder.length + 1 : writingOrder.length;
}
