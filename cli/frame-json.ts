// Frames as JSON, one line each, in the terms of the test vectors (test/vectors/README.md). `null` is what a frame does
// not have; what its kind of frame cannot have is left out, which JSON does with `undefined`.

import type { ByteRange, ChunkParseError } from '../codec/index.ts';
import type { Frame } from './frame-reader.ts';

export function formatFrameJSON(frame: Frame): string {
  const { head } = frame;
  const isRequest = head.method !== undefined;
  const isSend = head.method === 'SEND';
  // One flat literal: with spreads in it, this took five times as long.
  const object = {
    type: isRequest ? 'request' : 'response',
    method: head.method,
    status: head.code,
    comment: isRequest ? undefined : (head.comment ?? null),
    transactionId: head.transactionId,
    toPath: head.toPath.map(String),
    fromPath: head.fromPath.map(String),
    headers: head.headers.entries,
    byteRange: rangeOf(head.byteRange),
    messageId: head.messageId ?? null,
    failureReport: isSend ? head.failureReport : undefined,
    successReport: isSend ? head.successReport : undefined,
    hasBody: head.hasBody,
    bodyLength: frame.bodyBytes,
    bodySha256: frame.bodySha256,
    contentType: head.contentType ?? null,
    continuation: frame.continuation,
    offset: head.offset,
    length: frame.frameBytes,
  };
  return `${JSON.stringify(object)}\n`;
}

export function formatFaultJSON({ kind, action, status, offset, message }: ChunkParseError): string {
  return `${JSON.stringify({ error: { kind, action, status, offset, message } })}\n`;
}

function rangeOf(range: ByteRange | undefined): object | null {
  if (range === undefined) return null;
  return { start: range.start, end: range.end ?? null, total: range.total ?? null };
}
