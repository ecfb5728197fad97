// TLS peers of Node itself, for what our own side would never do.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { closeAfterTest, type Server } from './open.ts';

/** A client that checks nothing; resolves with the code of its error, if any, when it has closed. */
export function rawClient(server: Server, options: ConnectionOptions): Promise<string | undefined> {
  const raw = connect({ ...options, host: '127.0.0.1', port: server.listener.port, rejectUnauthorized: false });
  closeAfterTest(() => void raw.destroy());
  let code: string | undefined;
  raw.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  return new Promise((resolve) => {
    raw.resume().once('close', () => resolve(code));
  });
}

/** A TLS server of Node itself; gives its port. */
export async function rawServer(options: TlsOptions): Promise<number> {
  const server = createServer(options, (raw) => {
    raw.on('error', () => {});
    closeAfterTest(() => void raw.destroy());
  });
  closeAfterTest(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
