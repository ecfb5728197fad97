// What stands between sender and receiver: the relay, or a proxy that pipes octets both ways and looks at none.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTLS, createServer as createTLSServer } from 'node:tls';
import { URI } from '../../codec/index.ts';
import { MSRPRelay } from '../../net/index.ts';
import type { Certificate } from '../../cli/own-certificate.ts';
import { serve, usageSince } from '../peer-process.ts';
import { user } from './user.ts';

export interface MiddleCall {
  readonly kind: 'pipe' | 'relay';
  /** Where the proxy connects to. */
  readonly target: number;
  readonly tls: Certificate | undefined;
}

async function openPipe({ target, tls }: MiddleCall): Promise<number> {
  const onClient = (client: Socket): void => {
    const options = { host: '127.0.0.1', port: target };
    const onward = tls === undefined ? connect(options) : connectTLS({ ...options, rejectUnauthorized: false });
    onward.setNoDelay(true);
    client.pipe(onward);
    onward.pipe(client);
    client.on('error', () => onward.destroy());
    onward.on('error', () => client.destroy());
  };
  const server: Server = tls === undefined ? createServer({ noDelay: true }, onClient) : createTLSServer(tls, onClient);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}

async function openRelay({ tls }: MiddleCall): Promise<number> {
  const relay = new MSRPRelay({
    credentials: () => ({ password: user.password }),
    allowPlainAuth: true,
    allowPrivateNextHops: true,
    ...(tls && { tls: { ...tls, ca: tls.cert } }),
  });
  const { port } = await relay.listen(new URI({ host: '127.0.0.1', useTLS: tls !== undefined }));
  return port!;
}

let start = process.cpuUsage();

serve({
  listen: (call: MiddleCall) => (call.kind === 'relay' ? openRelay(call) : openPipe(call)),
  begin: () => {
    start = process.cpuUsage();
  },
  end: () => usageSince(start),
});
