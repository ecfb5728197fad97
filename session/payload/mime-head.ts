// The blocks of header lines that CPIM messages and the parts of a multipart begin with, up to and with a blank line, and
// the MIME fields in them (RFC 2045). MIME fields may be folded: "Content-Type: a/b;" CRLF SP "c=d" is one field. We read
// that and never write it (D-CPIM-3).

import { isUtf8 } from 'node:buffer';
import { Headers, type HeaderEntry } from '../../codec/index.ts';
import { malformed } from './malformed.ts';

/** How a payload is read. */
export interface PayloadOptions {
  /** Take what peers are known to send: bare LF, no blank line before the MIME fields of CPIM, no closing boundary. Default false. */
  tolerant?: boolean;
  /** Octets of the header fields at the beginning of a message or part; more is malformed. Default 65,536. */
  headBytes?: number;
}

export const defaultHeadBytes = 65_536;

/** Lines without their ends, and where what follows the blank line begins. */
export interface HeadBlock {
  readonly lines: readonly string[];
  readonly next: number;
}

/** The lines from `at` to the blank line; undefined if there is none within the limit. */
export function readBlock(input: Buffer, at: number, options: PayloadOptions): HeadBlock | undefined {
  const tolerant = options.tolerant === true;
  const region = input.subarray(0, at + (options.headBytes ?? defaultHeadBytes));
  const blank = tolerant ? looseBlankLine(region, at) : strictBlankLine(region, at);
  if (blank === undefined) return undefined;
  const bytes = input.subarray(at, blank.at);
  if (!tolerant && !isUtf8(bytes)) throw malformed('header fields are UTF-8', bytes.toString('latin1'));
  const text = bytes.toString();
  return { lines: text === '' ? [] : text.split(tolerant ? /\r?\n/ : '\r\n'), next: blank.next };
}

interface BlankLine {
  readonly at: number;
  readonly next: number;
}

/** A block may be empty: then the blank line comes first. */
function strictBlankLine(region: Buffer, from: number): BlankLine | undefined {
  if (startsWith(region, '\r\n', from)) return { at: from, next: from + 2 };
  const at = region.indexOf('\r\n\r\n', from);
  return at === -1 ? undefined : { at, next: at + 4 };
}

function looseBlankLine(region: Buffer, from: number): BlankLine | undefined {
  for (const end of ['\r\n', '\n']) {
    if (startsWith(region, end, from)) return { at: from, next: from + end.length };
  }
  const found = ['\n\n', '\n\r\n'].map((mark) => ({ at: region.indexOf(mark, from), length: mark.length }));
  const [first] = found.filter(({ at }) => at !== -1).sort((one, other) => one.at - other.at);
  if (first === undefined) return undefined;
  const isCRLF = first.at > from && region[first.at - 1] === 13;
  return { at: isCRLF ? first.at - 1 : first.at, next: first.at + first.length };
}

function startsWith(region: Buffer, text: string, at: number): boolean {
  return region.toString('latin1', at, at + text.length) === text;
}

const control = /[\0-\x08\n-\x1f\x7f]/;
const fieldPattern = /^([!-9;-~]+):[ \t]*(.*)$/s;

/** MIME fields: names in any case, white space after the colon as the sender likes it. */
export function parseMIMEFields(lines: readonly string[]): Headers {
  return new Headers(unfold(lines).map(parseField));
}

function unfold(lines: readonly string[]): string[] {
  const fields: string[][] = [];
  for (const line of lines) {
    const isContinued = line.startsWith(' ') || line.startsWith('\t');
    const last = fields.at(-1);
    if (isContinued && last !== undefined) last.push(line.trim());
    else fields.push([line]);
  }
  return fields.map((parts) => parts.join(' '));
}

function parseField(field: string): HeaderEntry {
  const [, name = '', value = ''] = fieldPattern.exec(field) ?? [];
  if (name === '' || control.test(value)) throw malformed('no MIME header field', field);
  return [name, value.trimEnd()];
}
