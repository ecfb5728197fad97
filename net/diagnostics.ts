// What others may watch through node:diagnostics_channel. Costs nothing without a subscriber.
//
//   msrp.connection.open    { connection }
//   msrp.connection.close   { connection, error? }         once for each that was open
//   msrp.chunk.received     { connection, head }           the body is still to come
//   msrp.chunk.sent         { connection, head }           the system is given it now, body and all
//   msrp.session.bound      { transport }
//   msrp.session.ended      { transport, error? }          once for each that was bound; no error: closed in order
//
// Chunks are those of all sessions on a connection, with responses and REPORTs; malformed ones are left out.

import { type Channel, channel } from 'node:diagnostics_channel';
import { ChunkDecoder, type Head } from '../codec/index.ts';

export const channels: Readonly<Record<'open' | 'close' | 'received' | 'sent' | 'bound' | 'ended', Channel>> = {
  open: channel('msrp.connection.open'),
  close: channel('msrp.connection.close'),
  received: channel('msrp.chunk.received'),
  sent: channel('msrp.chunk.sent'),
  bound: channel('msrp.session.bound'),
  ended: channel('msrp.session.ended'),
};

/** Publishes the heads of `buffers`, which hold whole frames. What somebody writes raw may be none, and is left out. */
export function publishSent(connection: object, buffers: readonly Buffer[]): void {
  const onHead = (head: Head): void => channels.sent.publish({ connection, head });
  const decoder = new ChunkDecoder({ onHead, onBody: () => {}, onEnd: () => {} }, { tolerant: true });
  try {
    for (const buffer of buffers) decoder.write(buffer);
  } catch {
    // No frames: nobody can say what they are.
  }
}
