// The process of --self: a sink on the loopback interface, which tells its parent what it has counted, and ends with it.

import { URI } from '../../index.ts';
import { reasonOf } from '../failure.ts';
import type { FromPeer, ToPeer } from './self-peer.ts';
import { Sink } from './sink.ts';

/** The parent may have gone. */
function tell(message: FromPeer): void {
  process.send?.(message, undefined, undefined, () => {});
}

async function serve({ sessions, useTLS }: Extract<ToPeer, { kind: 'listen' }>): Promise<void> {
  const uri = new URI({ host: '127.0.0.1', useTLS });
  const sink = await Sink.make(uri);
  const paths = await sink.listen(uri, sessions);
  const { fingerprint } = sink;
  tell({ kind: 'listening', paths, ...(fingerprint !== undefined && { fingerprint }) });
  setInterval(() => tell({ kind: 'memory', rssBytes: process.memoryUsage.rss() }), 500);
  process.on('message', (message: ToPeer) => {
    if (message.kind === 'count') tell({ kind: 'counted', ...sink.counted });
  });
}

// Ctrl-C is for all processes of a terminal; this one is needed until its parent has asked for the count.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.once('message', (message: ToPeer) => {
  if (message.kind !== 'listen') return;
  serve(message).catch((error: unknown) => tell({ kind: 'failed', reason: reasonOf(error) }));
});
