// The frames of a scripted peer, and what became of what it was sent.

import type { Chunk, Head, TransactionError } from '../../index.ts';
import { ourUri, peerUri } from './scripted-peer.ts';

/** A chunk of the message `mmmm`; `wishes` are further header lines, each with its CRLF. */
export function part(
  id: string,
  wishes: string,
  range: string | undefined,
  body: string | undefined,
  flag: string,
): string {
  const rangeLine = range === undefined ? '' : `Byte-Range: ${range}\r\n`;
  const rest = body === undefined ? '' : `Content-Type: text/plain\r\n\r\n${body}\r\n`;
  return `MSRP ${id} SEND\r\nTo-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\nMessage-ID: mmmm\r\n${rangeLine}${wishes}${rest}-------${id}${flag}\r\n`;
}

export function responseTo(request: Chunk, status: string): string {
  const { transactionId: id } = request;
  return `MSRP ${id} ${status}\r\nTo-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\n-------${id}$\r\n`;
}

export function reportOn(request: Chunk, range: string, status: string): string {
  const id = `r${request.transactionId}`.slice(0, 31);
  return `MSRP ${id} REPORT\r\nTo-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\nMessage-ID: ${request.messageId}\r\nByte-Range: ${range}\r\nStatus: ${status}\r\n-------${id}$\r\n`;
}

/** What has become of `promise`, told when asked. */
export function watch(promise: Promise<unknown>, pending: string, done: string): () => string {
  let state = pending;
  const settled = async (): Promise<void> => {
    try {
      const value = await promise;
      state = value instanceof Error ? textOf(value as TransactionError) : done;
    } catch (error) {
      state = textOf(error as TransactionError);
    }
  };
  void settled();
  return () => state;
}

export function textOf(result: Head | TransactionError | undefined): string {
  if (result === undefined) return 'none';
  if (!(result instanceof Error)) return String(result.code);
  return String(result.status ?? result.code);
}
