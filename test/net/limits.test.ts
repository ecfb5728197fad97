// What strangers may cost a server, with its connections here and in shards.

import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { type MSRPServer, type ServerOptions, type ServerStats, UnboundLimit, URI } from '../../index.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { type Certificate, makeCertificate } from './certificates.ts';
import { rejectionOf, roundTrip } from './open.ts';
import { emptySend, RawPeer, rawConnect } from './raw-peer.ts';
import { bind, carries, expectOne, here, kept, serve, session } from './serve.ts';

let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
});

/** A logger and the warnings it was given. */
function logged(): { warnings: string[]; logger: NonNullable<ServerOptions['logger']> } {
  const warnings: string[] = [];
  const ignore = (): void => {};
  return {
    warnings,
    logger: { debug: ignore, info: ignore, error: ignore, warn: (line) => void warnings.push(line) },
  };
}

/** Looks whenever others have had time for a whole exchange. */
async function until(server: MSRPServer, isMet: (stats: ServerStats) => boolean): Promise<void> {
  while (!isMet(server.stats())) await roundTrip();
}

async function connectFrom(localAddress: string, uri: URI): Promise<RawPeer> {
  const socket = connect({ host: '127.0.0.1', port: uri.port!, localAddress });
  const peer = new RawPeer(socket);
  await once(socket, 'connect');
  return peer;
}

async function strangers(count: number, uri: URI): Promise<RawPeer[]> {
  return Promise.all(Array.from({ length: count }, () => rawConnect(uri)));
}

describe.each([0, 2])('with %i shards,', (shards) => {
  test('connections without a session are limited, and sessions do not count', async () => {
    const { logger, warnings } = logged();
    const server = serve({ shards, logger, limits: { unboundConnections: 3 } });
    const pairs = [await session(server), await session(server)];
    const uri = await expectOne(server);
    const first = await strangers(3, uri);
    const refused = await strangers(5, uri);
    await Promise.all(refused.map((peer) => peer.untilClosed()));
    expect(server.stats().refused).toBe(5);
    expect(warnings).toEqual(['a connection was refused: 3 connections have no session yet']);
    expect(first.every(({ closed }) => !closed)).toBe(true);
    for (const [near, far] of pairs) await carries(near, far, 'still');
    first[0]!.socket.end();
    await first[0]!.untilClosed();
    await until(server, ({ connections }) => connections === 4);
    const complete = server.complete(undefined, { localUri: uri });
    await bind(uri);
    kept(await complete);
  });

  test('one address has its share, and leaves the others theirs', async () => {
    const server = serve({ shards, limits: { unboundConnections: 10, unboundPerAddress: 2 } });
    const uri = await expectOne(server);
    await strangers(2, uri);
    const refused = await rawConnect(uri);
    await refused.untilClosed();
    const other = await connectFrom('127.0.0.2', uri);
    const complete = server.complete(undefined, { localUri: uri });
    other.send(emptySend('aaaa', uri));
    expect(await other.until('aaaa$\r\n')).toContain('200 OK');
    kept(await complete);
    expect(server.stats().refused).toBe(1);
  });

  test('a handshake that does not come counts as a connection, and has bindMs', async () => {
    const server = serve({
      shards,
      tls: { cert: certificate.cert, key: certificate.key },
      limits: { unboundConnections: 2 },
      timeouts: { bindMs: 1500 },
    });
    const [uri] = await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }));
    const silent = await strangers(2, uri!);
    const refused = await rawConnect(uri!);
    await refused.untilClosed();
    await Promise.all(silent.map((peer) => peer.untilClosed()));
    await until(server, (stats) => stats.shards.every(({ connections }) => connections === 0));
    const [again] = await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }));
    const complete = server.complete(undefined, { localUri: again! });
    await bind(again!, { tls: { ca: certificate.cert } });
    kept(await complete);
  });

  test('a storm of connections costs those who have sessions nothing', async () => {
    const { logger, warnings } = logged();
    const server = serve({ shards, logger, limits: { unboundConnections: 50 } });
    const [near, far] = await session(server);
    const peers = await strangers(1000, far.localUri);
    await carries(near, far, 'in the storm');
    await until(server, ({ refused }) => refused === 950);
    expect(peers.filter(({ closed }) => !closed).length).toBeGreaterThanOrEqual(50);
    expect(warnings.length).toBeLessThan(5);
    await carries(near, far, 'and after it');
  });

  test.each(['nobody', 'a session'])('close({ drain }) waits for %s, then is done', async (whom) => {
    const server = serve({ shards });
    const uri = await expectOne(server);
    const waiting = server.complete(undefined, { localUri: uri });
    waiting.catch(() => {});
    const pair = whom === 'nobody' ? undefined : await session(server);
    let isClosed = false;
    const closed = server.close({ drain: 10_000 }).then(() => (isClosed = true));
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    if (pair !== undefined) {
      const [near, far] = pair;
      await carries(near, far, 'before');
      expect(isClosed).toBe(false);
      await near.close();
    }
    await closed;
    expect(server.stats()).toMatchObject({ listeners: 0, connections: 0, expected: 0 });
  });

  test('close({ drain }) ends what has not ended in time', async () => {
    const server = serve({ shards });
    const [near, far] = await session(server);
    await server.close({ drain: 1 });
    expect(await rejectionOf(far.readChunk())).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    expect((await rejectionOf(near.readChunk())).code).toBe('MSRP_ERR_CLOSED');
    expect(server.stats()).toMatchObject({ listeners: 0, connections: 0, expected: 0 });
  });

  test('a certificate is replaced for those who come', async () => {
    const { cert, key } = certificate;
    const server = serve({ shards, tls: { cert, key } });
    const secure = new URI({ host: '127.0.0.1', useTLS: true });
    const open = async (ca: string) => {
      const [uri] = await server.prepare(secure);
      const complete = server.complete(undefined, { localUri: uri! });
      complete.catch(() => {});
      const near = await bind(uri!, { tls: { ca } });
      return [near, kept(await complete)] as const;
    };
    const [near, far] = await open(cert);
    const next = await makeCertificate({ addresses: ['127.0.0.1'] });
    server.setTLS({ cert: next.cert, key: next.key });
    const [nextNear, nextFar] = await open(next.cert);
    expect((await rejectionOf(open(cert))).code).toBe('MSRP_ERR_TLS');
    await carries(near, far, 'old');
    await carries(nextNear, nextFar, 'new');
  });
});

test('the reasons for refusing are logged together, once a second', async () => {
  const clock = new SimulatedClock();
  const { logger, warnings } = logged();
  const server = serve({ logger, clock, limits: { unboundConnections: 1 } });
  const [uri] = await server.prepare(here);
  const first = await rawConnect(uri!);
  for (let count = 0; count < 4; count++) await (await rawConnect(uri!)).untilClosed();
  clock.advance(1250);
  expect(warnings).toEqual([
    'a connection was refused: 1 connections have no session yet',
    '3 more connections were refused',
  ]);
  await (await rawConnect(uri!)).untilClosed();
  expect(warnings.length).toBe(3);
  first.socket.destroy();
});

test('UnboundLimit counts each connection once, however often it leaves', () => {
  const reasons: string[] = [];
  const limit = new UnboundLimit({ unboundConnections: 2, unboundPerAddress: 1 }, (reason) => reasons.push(reason));
  const [one, two, three] = [1, 2, 3].map((number) => ({ address: `10.0.0.${number}`, port: 1 }));
  expect([one!, { ...one!, port: 2 }, two!, three!].map((remote) => limit.enter(remote))).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(reasons).toEqual(['1 connections from 10.0.0.1 have no session yet', '2 connections have no session yet']);
  limit.leave(one!);
  limit.leave(one!);
  limit.leave(three!);
  expect([limit.size, limit.refused, limit.enter(three!), limit.enter(one!)]).toEqual([1, 2, true, false]);
});
