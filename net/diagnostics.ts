// What others may watch through node:diagnostics_channel. Costs nothing without a subscriber.
//
//   msrp.connection.open    { connection }
//   msrp.connection.close   { connection, error? }
//   msrp.chunk.received     { connection, head }           the body is still to come
//   msrp.chunk.sent         { connection, chunk }
//   msrp.session.bound      { transport }
//   msrp.session.ended      { transport, error? }

import { type Channel, channel } from 'node:diagnostics_channel';

export const channels: Readonly<Record<'open' | 'close' | 'received' | 'sent' | 'bound' | 'ended', Channel>> = {
  open: channel('msrp.connection.open'),
  close: channel('msrp.connection.close'),
  received: channel('msrp.chunk.received'),
  sent: channel('msrp.chunk.sent'),
  bound: channel('msrp.session.bound'),
  ended: channel('msrp.session.ended'),
};
