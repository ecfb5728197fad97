// Byte-Range = "Byte-Range:" SP range-start "-" range-end "/" total          (RFC 4975 section 9)
// range-start = 1*DIGIT   range-end = 1*DIGIT / "*"   total = 1*DIGIT / "*"
//
// Counts octets of the message body from 1, both ends inclusive. It is believed only as to where a chunk belongs:
// how long a chunk is, its octets say (R4975-7.3.1-3), so no value here is checked against the body.

import { ChunkParseError } from './errors.ts';

export interface ByteRange {
  /** The position of the first octet, from 1. */
  readonly start: number;
  /** The position of the last octet; `start - 1` for an empty body; undefined for `*`: not known yet, or interruptible. */
  readonly end: number | undefined;
  /** The size of the whole message; undefined for `*`. */
  readonly total: number | undefined;
}

const pattern = /^(\d+)-(\d+|\*)\/(\d+|\*)$/;

/** Throws a {@link ChunkParseError} of kind `bad-byte-range` for what is no range or contradicts itself (D-ERR-7). */
export function parseByteRange(text: string): ByteRange {
  const match = pattern.exec(text);
  if (match === null) throw badByteRange(text);
  const range = { start: Number(match[1]), end: numberOf(match[2]), total: numberOf(match[3]) };
  if (!isConsistent(range.start, range.end, range.total)) throw badByteRange(text);
  return range;
}

export function formatByteRange(range: ByteRange): string {
  return `${range.start}-${range.end ?? '*'}/${range.total ?? '*'}`;
}

/** An empty range is `1-0`, and nothing ends before its start or behind the total (D-ERR-7). */
export function isConsistent(start: number, end: number | undefined, total: number | undefined): boolean {
  if (start < 1 || start > Number.MAX_SAFE_INTEGER) return false;
  if (total !== undefined && total > Number.MAX_SAFE_INTEGER) return false;
  if (end === undefined) return true;
  if (end < start && !(start === 1 && end === 0)) return false;
  return end <= Math.min(total ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

function numberOf(text: string | undefined): number | undefined {
  return text === '*' ? undefined : Number(text);
}

function badByteRange(text: string): ChunkParseError {
  return new ChunkParseError('bad-byte-range', `Byte-Range "${text.slice(0, 100)}" is not a range`, {
    action: 'respond',
  });
}
