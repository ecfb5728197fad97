// Status = "Status:" SP namespace SP status-code [SP comment]     namespace = 3DIGIT      (RFC 4975 section 9)
//
// What a REPORT says about the octets it covers. Namespace 000 means the response codes of RFC 4975.

import { ChunkParseError } from './errors.ts';

export interface Status {
  readonly namespace: string;
  readonly code: number;
  readonly comment: string | undefined;
}

const pattern = /^(\d{3}) (\d{3})(?: (.*))?$/s;
/** Some peers leave out the namespace. */
const tolerantPattern = /^(?:(\d{3})[ \t]+)?([1-9]\d\d)(?:[ \t]+(.*))?$/s;

/** Throws a {@link ChunkParseError} of kind `bad-status-header`. With `tolerant`, other white space will do, and no namespace for 000. */
export function parseStatus(text: string, tolerant: boolean = false): Status {
  const match = (tolerant ? tolerantPattern : pattern).exec(text);
  if (match === null) {
    throw new ChunkParseError('bad-status-header', `"${text.slice(0, 100)}" is no Status`, { action: 'ignore' });
  }
  return { namespace: match[1] ?? '000', code: Number(match[2]), comment: match[3] };
}

export function formatStatus(code: number, comment?: string): string {
  const digits = String(code).padStart(3, '0');
  return comment === undefined ? `000 ${digits}` : `000 ${digits} ${comment}`;
}
