import { beforeAll, describe, expect, test } from 'vitest';
import { ConnectionPool, type ConnectOptions, ConnectorDirect, MSRPServer, URI } from '../../index.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { type Certificate, makeCertificate } from './certificates.ts';
import { rejectionOf } from './open.ts';
import { emptySend, rawConnect, rawPath, response, textSend } from './raw-peer.ts';
import { bind, carries, expectOne, here, kept, serve, session } from './serve.ts';

let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
});

/** What a server is like must not depend on where its connections are. */
describe.each([0, 2])('a server with %i shards', (shards) => {
  test('has several sessions on one port, each with a connection of its own', async () => {
    const server = serve({ shards });
    const pairs = await Promise.all([session(server), session(server), session(server)]);
    expect(server.stats()).toMatchObject({ listeners: 1, connections: 3, expected: 3 });
    expect(new Set(pairs.map(([, far]) => far.localUri.port)).size).toBe(1);
    for (const [index, [near, far]] of pairs.entries()) {
      await carries(near, far, `up ${index}`);
      await carries(far, near, `down ${index}`);
    }
  });

  test('lets a raw peer bind several sessions on one connection', async () => {
    const server = serve({ shards });
    const [one, two] = [await expectOne(server), await expectOne(server)];
    const completes = [one, two].map((localUri) => server.complete(undefined, { localUri }));
    const peer = await rawConnect(one);
    peer.send(emptySend('aaaa', one) + textSend('bbbb', two, 'second') + textSend('cccc', one, 'first'));
    const [first, second] = (await Promise.all(completes)).map(kept);
    expect((await first!.readChunk()).data.toString()).toBe('first');
    expect((await second!.readChunk()).data.toString()).toBe('second');
    expect(server.stats().connections).toBe(1);
    await first!.close();
    peer.send(emptySend('dddd', one) + textSend('eeee', two, 'more'));
    expect(await peer.until('dddd$\r\n')).toContain('MSRP dddd 481');
    expect((await second!.readChunk()).data.toString()).toBe('more');
  });

  test('a URI takes one bind: 506 while bound, 481 after, and another when it is prepared again', async () => {
    const server = serve({ shards });
    const uri = await expectOne(server);
    const peer = await rawConnect(uri);
    for (const round of ['aaaa', 'bbbb']) {
      const complete = server.complete(undefined, { localUri: uri });
      const near = await bind(uri);
      const far = kept(await complete);
      peer.send(emptySend(`${round}1`, uri));
      expect(await peer.until(`${round}1$\r\n`)).toBe(
        response(`${round}1`, '506 Session already in use', rawPath, uri),
      );
      expect(await rejectionOf(server.prepare(uri))).toMatchObject({ code: 'MSRP_ERR_STATE' });
      await near.close();
      await rejectionOf(far.readChunk());
      peer.send(emptySend(`${round}2`, uri));
      expect(await peer.until(`${round}2$\r\n`)).toBe(response(`${round}2`, '481 No such session', rawPath, uri));
      await server.prepare(uri);
    }
  });

  test('lets a bind wait for complete(), which may still refuse its path', async () => {
    const server = serve({ shards });
    const [uri, other] = [await expectOne(server), await expectOne(server)];
    const peer = await rawConnect(uri);
    peer.send(
      emptySend('aaaa', uri) +
        textSend('bbbb', uri, 'early') +
        emptySend('cccc', String(uri).replace(uri.sessionId!, 'guess')),
    );
    // The guess is answered, so the bind has arrived; and is not answered.
    expect(await peer.until('cccc$\r\n')).toBe(
      response('cccc', '481 No such session', rawPath, String(uri).replace(uri.sessionId!, 'guess')),
    );
    const far = kept(await server.complete([URI.parse(rawPath)], { localUri: uri }));
    expect(await peer.until('aaaa$\r\n')).toBe(response('aaaa', '200 OK', rawPath, uri));
    expect((await far.readChunk()).data.toString()).toBe('early');

    const stranger = await rawConnect(other);
    stranger.send(emptySend('dddd', other) + emptySend('eeee', String(other).replace(other.sessionId!, 'guess')));
    await stranger.until('eeee$\r\n');
    const complete = server.complete([new URI({ host: '127.0.0.1', port: 1, sessionId: 'friend' })], {
      localUri: other,
    });
    expect(await stranger.until('dddd$\r\n')).toContain('MSRP dddd 481');
    await server.cleanup(other);
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
  });

  test('a peer that leaves before complete() frees the URI for another', async () => {
    const server = serve({ shards });
    const uri = await expectOne(server);
    const peer = await rawConnect(uri);
    peer.send(emptySend('aaaa', uri) + emptySend('bbbb', String(uri).replace(uri.sessionId!, 'guess')));
    await peer.until('bbbb$\r\n');
    peer.socket.end();
    await peer.untilClosed();
    const complete = server.complete();
    await bind(uri);
    kept(await complete);
  });

  test('complete() needs localUri unless one URI is waiting', async () => {
    const server = serve({ shards });
    expect(await rejectionOf(server.complete())).toMatchObject({ code: 'MSRP_ERR_STATE' });
    const first = await expectOne(server);
    const waiting = server.complete();
    const second = await expectOne(server);
    const other = server.complete();
    const [third] = [await expectOne(server), await expectOne(server)];
    expect(await rejectionOf(server.complete())).toMatchObject({ code: 'MSRP_ERR_STATE' });
    expect(await rejectionOf(server.complete(undefined, { localUri: first }))).toMatchObject({
      code: 'MSRP_ERR_STATE',
    });
    expect(await rejectionOf(server.complete(undefined, { localUri: here }))).toMatchObject({ code: 'MSRP_ERR_STATE' });
    const named = server.complete(undefined, { localUri: third });
    await Promise.all([first, second, third].map((uri) => bind(uri)));
    for (const far of await Promise.all([waiting, other, named])) kept(far);
  });

  test('two listeners with one URI each are several', async () => {
    const server = serve({ shards, tls: { cert: certificate.cert, key: certificate.key } });
    await server.prepare(here);
    await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }));
    expect(server.stats().listeners).toBe(2);
    expect(await rejectionOf(server.complete())).toMatchObject({ code: 'MSRP_ERR_STATE' });
  });

  test('cleanup ends a complete that waits and leaves a session that is bound', async () => {
    const server = serve({ shards });
    const [near, far] = await session(server);
    const uri = await expectOne(server);
    const waiting = server.complete(undefined, { localUri: uri });
    await server.cleanup(uri);
    await server.cleanup(uri);
    await server.cleanup(far.localUri);
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    expect(await rejectionOf(bind(uri))).toMatchObject({ status: 481 });
    await carries(near, far, 'still');
  });

  test('a signal ends a complete that waits, also at the moment of the bind', async () => {
    const server = serve({ shards });
    const abort = new AbortController();
    await expectOne(server);
    const waiting = server.complete(undefined, { signal: abort.signal });
    abort.abort();
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    const uri = await expectOne(server);
    const peer = await rawConnect(uri);
    peer.send(emptySend('aaaa', uri) + emptySend('bbbb', String(uri).replace(uri.sessionId!, 'guess')));
    await peer.until('bbbb$\r\n');
    const late = server.complete(undefined, { localUri: uri, signal: AbortSignal.abort() });
    expect(await rejectionOf(late)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await peer.untilEnded();
    expect(server.stats().expected).toBe(0);
  });

  test('close() stops listening and waiting; sessions live on', async () => {
    const server = serve({ shards });
    const [near, far] = await session(server);
    const idle = await rawConnect(far.localUri);
    idle.send(emptySend('aaaa', String(far.localUri).replace(far.localUri.sessionId!, 'guess')));
    await idle.until('481');
    const uri = await expectOne(server);
    const waiting = server.complete(undefined, { localUri: uri });
    waiting.catch(() => {});
    await server.close();
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await idle.untilClosed();
    expect(await rejectionOf(server.prepare(here))).toMatchObject({ code: 'MSRP_ERR_STATE' });
    expect(await rejectionOf(bind(uri))).toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    await carries(near, far, 'still');
    expect(server.stats()).toMatchObject({ listeners: 0, expected: 1 });
  });

  test('closed while it prepares opens nothing', async () => {
    const server = new MSRPServer({ shards });
    const prepared = server.prepare(here);
    const closed = server.close();
    expect(await rejectionOf(prepared)).toMatchObject({ code: 'MSRP_ERR_STATE' });
    await closed;
  });

  test('does not give a port with TLS to a URI without, nor the other way round', async () => {
    const server = serve({ shards, tls: { cert: certificate.cert, key: certificate.key } });
    const plain = await expectOne(server);
    const [secure] = await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }));
    expect(secure!.port).not.toBe(plain.port);
    for (const [{ port }, useTLS] of [
      [plain, true],
      [secure!, false],
    ] as const) {
      const clash = server.prepare(new URI({ host: '127.0.0.1', port: port!, useTLS }));
      expect(await rejectionOf(clash)).toMatchObject({ code: 'MSRP_ERR_LISTEN' });
    }
    const [again] = await server.prepare(new URI({ host: '127.0.0.1', port: plain.port! }));
    expect(again!.port).toBe(plain.port);
  });
});

test.each([
  ['a bind that nobody completes', true],
  ['a complete that nobody binds', false],
])('%s ends after bindMs, not before', async (_name, binds) => {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork({ seed: 1, clock });
  const options: ConnectOptions = { network, clock, timeouts: { bindMs: 5000 } };
  const server = new MSRPServer(options);
  const [uri] = await server.prepare(here);
  const near = new ConnectorDirect({ network, clock });
  await near.prepare(here);
  const waiting: Promise<unknown> = binds ? near.complete([uri!]) : server.complete();
  let isSettled = false;
  const mark = (): boolean => (isSettled = true);
  waiting.then(mark, mark);
  await network.run(4999);
  expect(isSettled).toBe(false);
  await network.run(5260);
  expect(await rejectionOf(waiting)).toMatchObject(binds ? { status: 481 } : { name: 'MSRPBindSessionTimeout' });
  expect(server.stats().expected).toBe(binds ? 1 : 0);
  await server.close();
  await network.run();
  expect(clock.pending).toBe(0);
});

test.each([
  [1000, 1000, 0],
  [1000, 10, 0],
  [1000, 1000, 2],
  [1000, 10, 2],
])(
  '%i sessions at once on %i connections and %i shards: no octet in a wrong one',
  { timeout: 60_000 },
  async (count, connections, shards) => {
    const server = serve({ shards });
    const pools = Array.from({ length: connections }, () => new ConnectionPool({ idleMs: 0 }));
    const pairs = await Promise.all(
      Array.from({ length: count }, (_, index) => session(server, { pool: pools[index % connections]! })),
    );
    expect(server.stats()).toMatchObject({ connections, expected: count });
    await Promise.all(
      pairs.map(async ([near, far], index) => {
        await Promise.all([carries(near, far, `up ${index}`), carries(far, near, `down ${index}`)]);
        await Promise.all([near.close(), far.close()]);
      }),
    );
    expect(server.stats().expected).toBe(0);
  },
);
