// A server with very many sessions, in a process of its own: gives their URIs, then what came in each, then what is left when all have ended.

import { once } from 'node:events';
import { coarseTimersOf } from '../../net/coarse-timers.ts';
import { type MSRPTransport, MSRPServer, systemClock, URI } from '../../index.ts';
import handle from './many-handler.ts';

export interface ManyTask {
  readonly sessions: number;
  readonly isHandled: boolean;
}

export interface Left {
  readonly hashes: readonly string[];
  readonly stats: unknown;
  readonly timers: number;
  readonly resources: readonly string[];
}

async function serve({ sessions, isHandled }: ManyTask): Promise<Left> {
  const server = new MSRPServer<string | MSRPTransport>({
    shards: 2,
    ...(isHandled && { handler: new URL('./many-handler.js', import.meta.url) }),
    timeouts: { bindMs: 120_000, idleMs: 0 },
    limits: { unboundConnections: sessions, unboundPerAddress: sessions },
  });
  const here = new URI({ host: '127.0.0.1' });
  const [first] = await server.prepare(here);
  const at = new URI({ host: '127.0.0.1', port: first!.port! });
  const rest = await Promise.all(Array.from({ length: sessions - 1 }, () => server.prepare(at)));
  const uris = [first!, ...rest.map(([uri]) => uri!)];
  const outcomes = uris.map(async (localUri) => {
    const session = await server.complete(undefined, { localUri });
    return typeof session === 'string' ? session : handle(session);
  });
  process.send?.({ uris: uris.map(String) });
  const hashes = await Promise.all(outcomes);
  await server.close({ drain: 30_000 });
  return {
    hashes,
    stats: server.stats(),
    timers: coarseTimersOf(systemClock).pending,
    resources: process.getActiveResourcesInfo().filter((type) => !['PipeWrap', 'TTYWrap', 'Immediate'].includes(type)),
  };
}

const [task] = (await once(process, 'message')) as [ManyTask];
// Whatever keeps the process alive after this was left open.
process.send?.(await serve(task), () => process.disconnect());
