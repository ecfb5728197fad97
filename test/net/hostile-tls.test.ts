// The same for a port that speaks TLS: what goes wrong before, in and behind a handshake costs that connection.

import { randomBytes } from 'node:crypto';
import { connect as connectTLS } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MSRPServer, URI } from '../../index.ts';
import { makeAuthority, makeCertificate } from './certificates.ts';
import { GoodSessions, until } from './good-sessions.ts';
import { closeAfterTest } from './open.ts';
import { emptySend, rawConnect, RawPeer } from './raw-peer.ts';

const own = 3;
let server: MSRPServer;
let good: GoodSessions;
let anywhere: URI;

beforeAll(async () => {
  const authority = await makeAuthority('tests');
  const { cert, key } = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
  server = new MSRPServer({ tls: { cert, key } });
  good = await GoodSessions.open(server, own, { ca: authority.cert });
  [anywhere] = (await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }))) as [URI];
  await server.cleanup(anywhere);
});

beforeEach(() => {
  good.start();
  closeAfterTest(async () => {
    await good.stop();
    await until(() => server.stats().connections === own + 1);
    expect(server.stats()).toMatchObject({ listeners: 1, connections: own + 1, expected: 2 * own });
  });
});

afterAll(async () => {
  await good.shutdown();
  await server.close();
  await until(() => server.stats().connections === 0);
});

const cases: [string, () => Buffer][] = [
  ['random octets', () => Buffer.concat([Buffer.from([0]), randomBytes(100_000)])],
  ['an HTTP request', () => Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
];

test.each([...cases, ['MSRP', () => Buffer.from(emptySend('aaaa', anywhere))] as const])(
  '%s instead of a handshake',
  async (_, octets) => {
    const peer = await rawConnect(anywhere);
    peer.socket.write(octets());
    await peer.untilClosed();
    expect(peer.text).not.toContain('MSRP');
  },
);

test.each(cases)('%s behind the handshake', async (_, octets) => {
  const peer = new RawPeer(connectTLS({ port: anywhere.port!, host: '127.0.0.1', rejectUnauthorized: false }));
  peer.socket.write(octets());
  await peer.untilClosed();
  expect(peer.text).toBe('');
});

test('half a handshake and a reset, fifty times', async () => {
  // A record of 512 octets is announced, and 2 come.
  const hello = Buffer.from('16030102000100', 'hex');
  const peers = await Promise.all(Array.from({ length: 50 }, () => rawConnect(anywhere)));
  for (const { socket } of peers) socket.write(hello, () => socket.resetAndDestroy());
  await Promise.all(peers.map((peer) => peer.untilClosed()));
});
