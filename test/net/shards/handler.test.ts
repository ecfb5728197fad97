import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTLS } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConnectionPool, MSRPSession, URI } from '../../../index.ts';
import { type Certificate, makeCertificate } from '../certificates.ts';
import { closeAfterTest, rejectionOf } from '../open.ts';
import { emptySend, rawConnect, rawPath, response } from '../raw-peer.ts';
import { bind, here, serve } from '../serve.ts';
import { built, echoes, handled, handler, prompt, serveHandled } from './handled.ts';
import type { Outcome } from './handlers.ts';

let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
});

describe('a handler', () => {
  test.each([0, 2])(
    'gets each session with its data, and complete() what it returns, with %i shards',
    async (shards) => {
      const server = serveHandled({ shards });
      const sessions = await Promise.all(Array.from({ length: 10 }, () => handled(server, 'echo')));
      for (const { near } of sessions) await echoes(near);
      await Promise.all(sessions.map(({ near }) => near.close()));
      const outcomes = await Promise.all(sessions.map(({ outcome }) => outcome));
      expect(outcomes.map(({ chunks }) => chunks)).toEqual(sessions.map(() => 1));
      expect(new Set(outcomes.map(({ threadId }) => threadId)).size).toBe(shards === 0 ? 1 : 2);
      expect(server.stats().expected).toBe(0);
    },
  );

  test('may have messages, and its session outlives it', async () => {
    const server = serveHandled();
    const data = randomBytes(3_000_000);
    const hashing = await handled(server, 'hash');
    const session = new MSRPSession(hashing.near);
    await session.send(data).delivered;
    expect((await hashing.outcome).hash).toBe(createHash('sha256').update(data).digest('hex'));
    await session.shutdown();
    const left = await handled(server, 'leave');
    await left.outcome;
    await left.near.writeChunk(left.near.makeChunk({ data: 'x', failureReport: 'no' }));
    expect(server.stats().expected).toBe(1);
    await server.close({ drain: 0 });
    expect((await rejectionOf(left.near.readChunk())).code).toBe('MSRP_ERR_CLOSED');
  });

  test.each([
    ['throw', { code: 'MSRP_ERR_SESSION', message: 'the handler failed: no good' }],
    ['throw coded', { code: 'MSRP_ERR_NOT_READ', message: 'no good', scope: 'session', status: 413 }],
    ['return a function', { code: 'MSRP_ERR_SESSION' }],
  ] as const)('that does "%s" ends its session alone', async (deed, error) => {
    const server = serveHandled({ shards: 1 });
    const other = await handled(server, 'echo');
    const failing = await handled(server, deed);
    await prompt(failing.near);
    expect(await rejectionOf(failing.outcome)).toMatchObject(error);
    expect((await rejectionOf(failing.near.readChunk())).code).toBe('MSRP_ERR_CLOSED');
    await echoes(other.near);
    expect(server.stats()).toMatchObject({ expected: 1, shards: [{ restarts: 0 }] });
  });

  test.each(['handlers', 'broken-handler', 'handled'])('module "%s" loads or is refused by prepare()', async (name) => {
    const server = serve({ shards: 1, handler: built(name) });
    const prepared = server.prepare(here);
    if (name === 'handlers') await prepared;
    else expect(await rejectionOf(prepared)).toMatchObject({ code: 'MSRP_ERR_ARGUMENT' });
  });
});

describe('a URI that a handler is to serve', () => {
  test('is known to every shard, takes one bind: 506 while bound, 481 after, and another when prepared again', async () => {
    const server = serveHandled();
    const { uri, near, outcome } = await handled(server, 'echo');
    // One of these is in the other shard.
    const peers = [await rawConnect(uri), await rawConnect(uri)];
    for (const [at, peer] of peers.entries()) {
      peer.send(emptySend(`aaaa${at}`, uri));
      expect(await peer.until('$\r\n')).toBe(response(`aaaa${at}`, '506 Session already in use', rawPath, uri));
    }
    expect(await rejectionOf(server.prepare(uri))).toMatchObject({ code: 'MSRP_ERR_STATE' });
    await near.close();
    await outcome;
    for (const peer of [await rawConnect(uri), await rawConnect(uri)]) {
      peer.send(emptySend('bbbb', uri));
      expect(await peer.until('$\r\n')).toBe(response('bbbb', '481 No such session', rawPath, uri));
    }
    await server.prepare(uri, { data: { deed: 'echo' } });
    const again = server.complete();
    const next = await bind(uri);
    await echoes(next);
    await next.close();
    expect((await again).chunks).toBe(1);
  });

  test('takes the path that complete() names, and no other, whoever came first', async () => {
    const server = serveHandled();
    const [uri] = await server.prepare(here, { data: { deed: 'echo' } });
    const early = await rawConnect(uri!);
    early.send(emptySend('aaaa', uri!, '', 'msrp://127.0.0.1:9/stranger;tcp'));
    const complete = server.complete([URI.parse(rawPath)], { localUri: uri! });
    expect(await early.until('aaaa$\r\n')).toContain('MSRP aaaa 481');
    const peer = await rawConnect(uri!);
    peer.send(emptySend('bbbb', uri!));
    expect(await peer.until('bbbb$\r\n')).toBe(response('bbbb', '200 OK', rawPath, uri!));
    peer.socket.end();
    expect((await complete).chunks).toBe(0);
  });

  test('is free for another when whoever came before complete() has left', async () => {
    const server = serveHandled();
    const [uri] = await server.prepare(here, { data: { deed: 'echo' } });
    const early = await rawConnect(uri!);
    const guess = String(uri).replace(uri!.sessionId!, 'guess');
    early.send(emptySend('aaaa', uri!) + emptySend('bbbb', guess));
    await early.until('bbbb$\r\n');
    early.socket.end();
    await early.untilClosed();
    const complete = server.complete();
    const near = await bind(uri!);
    await echoes(near);
    await near.close();
    expect((await complete).chunks).toBe(1);
  });

  test('is no longer served after cleanup, or when complete() is given up, by a session that is there either', async () => {
    const server = serveHandled();
    const [uri] = await server.prepare(here, { data: { deed: 'echo' } });
    const waiting = server.complete();
    await server.cleanup(uri!);
    expect(await rejectionOf(waiting)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    expect(await rejectionOf(bind(uri!))).toMatchObject({ status: 481 });
    const [other] = await server.prepare(here, { data: { deed: 'never end' } });
    const abort = new AbortController();
    const running = server.complete(undefined, { signal: abort.signal });
    const near = await bind(other!);
    abort.abort();
    expect(await rejectionOf(running)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    expect((await rejectionOf(near.readChunk())).code).toBe('MSRP_ERR_CLOSED');
    expect(server.stats().expected).toBe(0);
  });
});

test('several sessions share a connection, and so a shard; their handlers get their own', async () => {
  const server = serveHandled();
  const pool = new ConnectionPool({ idleMs: 0 });
  closeAfterTest(() => pool.close());
  const sessions = [];
  for (let count = 0; count < 6; count++) sessions.push(await handled(server, 'echo', { pool }));
  expect(server.stats()).toMatchObject({ connections: 1, expected: 6 });
  await Promise.all(sessions.map(({ near }, at) => echoes(near, 1000 * (at + 1))));
  await Promise.all(sessions.map(({ near }) => near.close()));
  const outcomes = await Promise.all(sessions.map(({ outcome }) => outcome));
  expect(new Set(outcomes.map(({ threadId }) => threadId)).size).toBe(1);
});

test("over TLS the handshake is the shard's, and a certificate is replaced under sessions that go on", async () => {
  const { cert, key } = certificate;
  const server = serveHandled({ tls: { cert, key } });
  const secure = new URI({ host: '127.0.0.1', useTLS: true });
  const open = async (ca: string) => {
    const [uri] = await server.prepare(secure, { data: { deed: 'echo' } });
    const outcome: Promise<Outcome> = server.complete(undefined, { localUri: uri! });
    const near = await bind(uri!, { tls: { ca } });
    return { uri: uri!, near, outcome };
  };
  const before = await open(cert);
  await echoes(before.near, 1_000_000);
  const next = await makeCertificate({ addresses: ['127.0.0.1'], commonName: 'next' });
  expect(() => server.setTLS({ cert: next.cert, key: 'no key' })).toThrow('cannot be used');
  server.setTLS({ cert: next.cert, key: next.key });
  const after = await open(next.cert);
  await echoes(after.near, 1_000_000);
  await echoes(before.near, 1_000_000);
  const raw = connectTLS({ host: '127.0.0.1', port: after.uri.port!, rejectUnauthorized: false });
  closeAfterTest(() => void raw.destroy());
  await once(raw, 'secureConnect');
  expect(raw.getPeerCertificate().subject.CN).toBe('next');
  await Promise.all([before.near.close(), after.near.close()]);
  expect([(await before.outcome).chunks, (await after.outcome).chunks]).toEqual([2, 1]);
});

test('the log of a shard is posted to the logger of the caller', async () => {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const logger = { debug: log, info: log, warn: log, error: log };
  const server = serve<Outcome>({ shards: 1, handler, logger });
  const { uri, near } = await handled(server, 'echo');
  const peer = await rawConnect(uri);
  peer.send('no MSRP at all\r\n');
  await peer.untilClosed();
  await echoes(near);
  expect(lines.some((line) => line.includes('; closing'))).toBe(true);
});
