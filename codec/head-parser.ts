// Makes a Head of the lines of one, and says what is wrong with it.
//
//   header     = hname ":" SP hval
//   hname      = ALPHA [token]
//   hval       = utf8text = *( HTAB / %x20-7E / UTF8-NONASCII )        ; RFC 3629 only (D-GRAM-1)
//   method     = 1*UPALPHA
//
// Tolerant mode (D-GRAM-3) also takes any white space around a value, and "_" in methods: Blink sends FILE_OFFSET.

import type { ChunkParseError } from './errors.ts';
import { Head, type StartLine } from './head.ts';
import type { HeadLines } from './head-lines.ts';
import { checkHead, fault, type HeadRules, withReaction } from './head-rules.ts';
import { type HeaderEntry, Headers } from './headers.ts';
import { isFieldName } from './lexical.ts';
import { hasControl } from './text.ts';

export interface ParsedHead {
  /** With a fault, as much of it as could be read. */
  readonly head: Head;
  readonly fault: ChunkParseError | undefined;
}

/** The fields that may occur once only (D-GRAM-2). */
const singleFields = new Set(
  [
    ['to-path', 'from-path', 'message-id', 'success-report', 'failure-report', 'byte-range', 'status'],
    ['expires', 'min-expires', 'max-expires', 'use-path', 'authorization', 'authentication-info', 'use-nickname'],
    ['content-type', 'content-disposition', 'content-id', 'content-description'],
  ].flat(),
);

/** Fields whose value neither begins nor ends with white space: those of the RFCs. */
function hasGrammar(lowerCaseName: string): boolean {
  return singleFields.has(lowerCaseName) || lowerCaseName === 'www-authenticate';
}

export function parseHead(lines: HeadLines, rules: HeadRules): ParsedHead {
  const text = textOf(lines);
  const start = new StartLineReader(lines, text, rules);
  const fields = new FieldsReader(lines, text, rules);
  const transactionId = lines.bytes.toString('latin1', lines.start + 5, lines.transactionIdEnd);
  const headers = new Headers(fields.entries);
  const head = new Head(transactionId, start.startLine, headers, lines.flag === undefined, lines.offset);
  const found = start.fault ?? fields.fault ?? checkHead(head, rules);
  return { head, fault: found && withReaction(found, head, start.isResponse) };
}

class StartLineReader {
  startLine: StartLine;
  isResponse: boolean;
  fault: ChunkParseError | undefined;

  constructor(lines: HeadLines, text: string | undefined, rules: HeadRules) {
    const line = lineOf(lines, text, 0);
    const rest = line?.slice(lines.transactionIdEnd - lines.start + 1) ?? '';
    const digit = lines.bytes[lines.transactionIdEnd + 1]!;
    this.isResponse = digit >= 0x30 && digit <= 0x39;
    this.startLine = { method: undefined, code: undefined, comment: undefined };
    if (line === undefined) this.fault = fault('bad-utf8', 'a comment that is not UTF-8');
    else if (this.isResponse) this.#readStatus(rest);
    else this.#readMethod(rest, rules.tolerant);
  }

  #readStatus(rest: string): void {
    const match = /^(\d{3})(?: (.*))?$/.exec(rest);
    if (match === null || hasControl(rest)) this.fault = fault('bad-status', `"${rest.slice(0, 100)}" is no status`);
    else this.startLine = { method: undefined, code: Number(match[1]), comment: match[2] };
  }

  #readMethod(rest: string, tolerant: boolean): void {
    if ((tolerant ? /^[A-Z_]+$/ : /^[A-Z]+$/).test(rest)) {
      this.startLine = { method: rest, code: undefined, comment: undefined };
    } else {
      this.fault = fault('bad-method', `"${rest.slice(0, 100)}" cannot be a method`);
    }
  }
}

class FieldsReader {
  readonly entries: HeaderEntry[] = [];
  /** The first fault of syntax. */
  fault: ChunkParseError | undefined;
  readonly #seen = new Set<string>();
  readonly #tolerant: boolean;

  constructor(lines: HeadLines, text: string | undefined, rules: HeadRules) {
    this.#tolerant = rules.tolerant;
    for (let index = 1; index < lines.lineEnds.length; index++) {
      const found = this.#read(lineOf(lines, text, index));
      this.fault ??= found;
    }
  }

  #read(line: string | undefined): ChunkParseError | undefined {
    if (line === undefined) return fault('bad-utf8', 'a header line that is not UTF-8');
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!isFieldName(name)) return fault('bad-header', `"${line.slice(0, 100)}" is no header line`);
    const lower = name.toLowerCase();
    const value = line.slice(colon + 1);
    const trimmed = trim(value);
    if (lower === 'message-id') this.entries.push([name, ownText(trimmed)]);
    else this.entries.push([name, this.#tolerant || hasGrammar(lower) ? trimmed : value.slice(1)]);
    if (hasControl(value)) return fault('bad-header', `a control character in ${name}`);
    if (!this.#tolerant && !(value.startsWith(' ') && (!hasGrammar(lower) || value.length === trimmed.length + 1))) {
      return fault('bad-header', `one space belongs before the value of ${name}, none behind it`);
    }
    if (singleFields.has(lower) && this.#seen.has(lower)) return fault('duplicate-header', `${name} twice`);
    this.#seen.add(lower);
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text of its own: ids are remembered for long, and a slice would keep all of the head that it is of. */
function ownText(text: string): string {
  return Buffer.from(text).toString();
}

/** Without the SP and HTAB around it. */
function trim(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && (value[start] === ' ' || value[start] === '\t')) start++;
  while (end > start && (value[end - 1] === ' ' || value[end - 1] === '\t')) end--;
  return value.slice(start, end);
}

/** The whole head where an octet is a character, which it nearly always is. */
function textOf(lines: HeadLines): string | undefined {
  return lines.hasUTF8 ? undefined : lines.bytes.toString('latin1', lines.start, lines.lineEnds.at(-1));
}

/** A line without its CRLF; undefined if it is not UTF-8. */
function lineOf(lines: HeadLines, text: string | undefined, index: number): string | undefined {
  const from = index === 0 ? lines.start : lines.lineEnds[index - 1]!;
  const end = lines.lineEnds[index]! - 2;
  if (text !== undefined) return text.slice(from - lines.start, end - lines.start);
  try {
    return utf8.decode(lines.bytes.subarray(from, end));
  } catch {
    return undefined;
  }
}
