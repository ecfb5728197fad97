// Servers and sessions with them on real sockets, all closed after the test.

import { expect } from 'vitest';
import {
  type ConnectOptions,
  ConnectorDirect,
  MSRPServer,
  type MSRPTransport,
  type ServerOptions,
  URI,
} from '../../index.ts';
import { closeAfterTest } from './open.ts';

export const here: URI = new URI({ host: '127.0.0.1' });

export function serve<T = MSRPTransport>(options: ServerOptions = {}): MSRPServer<T> {
  const server = new MSRPServer<T>(options);
  closeAfterTest(() => server.close());
  return server;
}

export async function expectOne(server: MSRPServer): Promise<URI> {
  const [uri] = await server.prepare(here);
  return uri!;
}

/** `transport`, which does not outlive its test. */
export function kept(transport: MSRPTransport): MSRPTransport {
  closeAfterTest(() => transport.destroy());
  return transport;
}

/** A session of ours that binds `uri`. */
export async function bind(uri: URI, options: ConnectOptions = {}): Promise<MSRPTransport> {
  const connector = new ConnectorDirect(options);
  await connector.prepare(here);
  return kept(await connector.complete([uri]));
}

/** Both ends of a session: ours and the server's. */
export async function session(
  server: MSRPServer,
  options: ConnectOptions = {},
): Promise<[MSRPTransport, MSRPTransport]> {
  const uri = await expectOne(server);
  const [near, far] = await Promise.all([bind(uri, options), server.complete(undefined, { localUri: uri })]);
  return [near, kept(far)];
}

/** That `to` gets what `from` writes. */
export async function carries(from: MSRPTransport, to: MSRPTransport, text: string): Promise<void> {
  await from.writeChunk(from.makeChunk({ data: text, failureReport: 'no' }));
  const chunk = await to.readChunk();
  expect(chunk.data.toString()).toBe(text);
  expect(to.checkIncomingSendChunk(chunk)).toBeUndefined();
}
