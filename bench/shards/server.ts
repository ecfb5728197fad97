// The server of a benchmark, in a process of its own: sessions in this thread or in shards, or bare sockets to compare them with.

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { createServer as createTLSServer } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { URI } from '../../codec/index.ts';
import { MSRPServer } from '../../net/index.ts';
import type { Certificate } from '../../cli/own-certificate.ts';
import { serve, type Usage, usageSince } from '../peer-process.ts';
import type { Work } from './handler.ts';

export interface StartCall {
  /** `bare`: sockets of Node that are read and no more. */
  readonly kind: 'sessions' | 'bare';
  readonly shards: number;
  readonly work: Work;
  readonly tls?: Certificate | undefined;
}

export interface Ended extends Usage {
  readonly bytes: number;
}

const here = '127.0.0.1';
const unlimited = { unboundConnections: 100_000, unboundPerAddress: 100_000 };

let server: MSRPServer<number> | undefined;
let bare: Server | undefined;
let useTLS = false;
let work: Work = 'count';
let outcomes: Promise<number>[] = [];
let from = process.cpuUsage();

async function startBare(tls: StartCall['tls']): Promise<string> {
  bare = tls === undefined ? createServer() : createTLSServer(tls);
  bare.on(tls === undefined ? 'connection' : 'secureConnection', (socket: NodeJS.ReadableStream) => socket.resume());
  bare.listen({ port: 0, host: here, backlog: 1024 });
  await once(bare, 'listening');
  return `msrp${tls ? 's' : ''}://${here}:${(bare.address() as { port: number }).port}/bare;tcp`;
}

serve({
  start: async (call: StartCall): Promise<string | undefined> => {
    useTLS = call.tls !== undefined;
    ({ work } = call);
    if (call.kind === 'bare') return startBare(call.tls);
    server = new MSRPServer<number>({
      shards: call.shards,
      handler: new URL('./handler.js', import.meta.url),
      limits: unlimited,
      timeouts: { bindMs: 300_000 },
      ...(call.tls && { tls: call.tls }),
    });
    return undefined;
  },
  /** Gives so many URIs out. */
  prepare: async (count: number): Promise<string[]> => {
    const uris: string[] = [];
    outcomes = [];
    for (let index = 0; index < count; index++) {
      const [uri] = await server!.prepare(new URI({ host: here, useTLS }), { data: work });
      const outcome = server!.complete(undefined, { localUri: uri! });
      outcome.catch(() => {});
      outcomes.push(outcome);
      uris.push(String(uri));
    }
    return uris;
  },
  begin: () => {
    from = process.cpuUsage();
  },
  /** When all sessions have ended. */
  end: async (): Promise<Ended> => {
    let bytes = 0;
    for (const outcome of outcomes) bytes += await outcome;
    return { bytes, ...usageSince(from) };
  },
  /** Resident, once things have come to rest: the least of some seconds, in which all threads collect their garbage. */
  memory: async (restMs: number): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let sample = 0; sample < 8; sample++) {
      globalThis.gc?.();
      await pause(restMs / 8);
      least = Math.min(least, process.memoryUsage().rss);
    }
    return least;
  },
});
