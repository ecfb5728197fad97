import { describe, expect, test } from 'vitest';
import { fingerprintOf, formatFingerprint } from '../../net/fingerprint.ts';
import type { ClientTLS, ServerTLS, Socket } from '../../net/socket.ts';
import { Endpoint } from '../net/endpoint.ts';
import { SimulatedNetwork } from './simulated-network.ts';

describe('simulated TLS', () => {
  const right = formatFingerprint(fingerprintOf(Buffer.from('server certificate')));
  const server: ServerTLS = { cert: 'server certificate', key: 'k' };

  async function handshake(tls: ClientTLS | undefined, at: ServerTLS | undefined) {
    const network = new SimulatedNetwork({ seed: 1 });
    const accepted: Socket[] = [];
    const errors: Error[] = [];
    await network.listen(
      { port: 1, tls: at },
      (socket) => accepted.push(socket),
      (error) => errors.push(error),
    );
    const client = await network.settle(network.connect({ host: '127.0.0.1', port: 1, tls }));
    const endpoint = new Endpoint(client);
    await network.run();
    return { endpoint, accepted, errors };
  }

  test('has facts at both ends', async () => {
    const { endpoint, accepted } = await handshake({ fingerprints: [right], servername: 'h' }, server);
    expect(endpoint.socket).toMatchObject({ encrypted: true, tls: { authorized: true, peerFingerprint: right } });
    expect(accepted[0]).toMatchObject({ encrypted: true, tls: { authorized: false, serverName: 'h' } });
  });

  test.each([
    ['another fingerprint', { fingerprints: [formatFingerprint(fingerprintOf(Buffer.from('other')))] }, server],
    ['a server without TLS', {}, undefined],
  ])('refuses %s', async (_name, tls, at) => {
    await expect(handshake(tls, at)).rejects.toMatchObject({ code: 'MSRP_ERR_TLS' });
  });

  test.each([
    ['without TLS', undefined, server],
    ['without a certificate', {}, { ...server, requestClientCertificate: true }],
    ['with another certificate', { cert: 'other' }, { ...server, fingerprints: [right] }],
  ])('keeps a client %s out', async (_name, tls, at) => {
    const { endpoint, accepted, errors } = await handshake(tls, at);
    expect(errors).toMatchObject([{ code: 'MSRP_ERR_TLS' }]);
    expect([accepted.length, endpoint.closed]).toEqual([0, true]);
  });
});
