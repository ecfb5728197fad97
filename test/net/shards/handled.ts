// Servers with a handler, and sessions with them.

import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { ConnectOptions, MSRPServer, MSRPTransport, ServerOptions, URI } from '../../../index.ts';
import { bind, here, serve } from '../serve.ts';
import type { Deed, Outcome, Task } from './handlers.ts';

/** What was built: threads cannot run what is only written. */
export function built(name: string): URL {
  return new URL(`../../../dist/test/net/shards/${name}.js`, import.meta.url);
}

export const handler: URL = built('handlers');

export function serveHandled(options: ServerOptions = {}): MSRPServer<Outcome> {
  return serve<Outcome>({ shards: 2, handler, ...options });
}

/** A session of ours, and what becomes of the handler's. */
export interface HandledSession {
  readonly uri: URI;
  readonly near: MSRPTransport;
  readonly outcome: Promise<Outcome>;
}

export async function handled(
  server: MSRPServer<Outcome>,
  deed: Deed,
  options: ConnectOptions = {},
): Promise<HandledSession> {
  const [uri] = await server.prepare(here, { data: { deed } satisfies Task });
  const outcome = server.complete(undefined, { localUri: uri! });
  outcome.catch(() => {});
  return { uri: uri!, near: await bind(uri!, options), outcome };
}

/** That what we send comes back, and nothing else. */
export async function echoes(near: MSRPTransport, bytes = 100): Promise<void> {
  const data = randomBytes(bytes);
  await near.writeChunk(near.makeChunk({ data, failureReport: 'no' }));
  expect((await near.readChunk()).data.equals(data)).toBe(true);
}

/** Tells a handler to go on. */
export async function prompt(near: MSRPTransport): Promise<void> {
  await near.writeChunk(near.makeChunk({ data: 'go', failureReport: 'no' }));
}
