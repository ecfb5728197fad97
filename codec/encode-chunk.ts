// Chunks to octets, exact whatever the receiver would tolerate: the fields as they stand in the chunk, the body as it is.
//
//   start-line CRLF  fields CRLF  [ CRLF body CRLF ]  "-------" transact-id continuation-flag CRLF

import type { Chunk } from './chunk.ts';
import { MSRPError } from './errors.ts';
import { Mark } from './mark.ts';

const mark = new Mark();

/** An end-line is shorter. */
const tailBytes = 64;

/** Whether the end-line of a frame with that transaction id occurs in the body: then it needs another (RFC 4975 7.1). */
export function hasEndLine(body: readonly Buffer[], transactionId: string): boolean {
  mark.setId(transactionId);
  return mark.isFlaggedIn(body);
}

/** The last octets of `before` and `parts`: what an end-line could begin with that ends in the parts of the body that come next. */
export function endLineTail(before: Buffer | undefined, parts: readonly Buffer[]): Buffer {
  let tail = before ?? Buffer.alloc(0);
  for (const part of parts) tail = part.length >= tailBytes ? part : Buffer.concat([tail, part]);
  return tail.subarray(-tailBytes);
}

/**
 * Returns head, parts of the body, and end-line: for one writev. The parts are the chunk's own, not copies.
 *
 * Throws `MSRP_ERR_END_LINE_IN_BODY` when the end-line occurs in the body, `MSRP_ERR_STATE` for a segment of a longer chunk, and
 * `MSRP_ERR_ARGUMENT` for fields that would not be read as they are written.
 */
export function encodeChunk(chunk: Chunk): Buffer[] {
  if (chunk.segment !== undefined) {
    throw new MSRPError('MSRP_ERR_STATE', 'a segment is no frame: encode the whole chunk', { scope: 'message' });
  }
  const { hasBody, transactionId, continuation } = chunk;
  const endLine = `-------${transactionId}${continuation}\r\n`;
  const start = `MSRP ${transactionId} ${chunk.method ?? statusOf(chunk)}\r\n`;
  const fields = chunk.headers.format();
  const encoding = chunk.headers.block.isASCII && chunk.comment === undefined ? 'latin1' : 'utf8';
  if (!hasBody) return [Buffer.from(start + fields + endLine, encoding)];
  if (hasEndLine(chunk.parts, transactionId)) {
    const detail = `the body holds the end-line of transaction ${transactionId}`;
    throw new MSRPError('MSRP_ERR_END_LINE_IN_BODY', detail, { scope: 'message' });
  }
  return [Buffer.from(`${start}${fields}\r\n`, encoding), ...chunk.parts, Buffer.from(`\r\n${endLine}`, 'latin1')];
}

function statusOf(chunk: Chunk): string {
  const code = String(chunk.code).padStart(3, '0');
  return chunk.comment === undefined ? code : `${code} ${chunk.comment}`;
}
