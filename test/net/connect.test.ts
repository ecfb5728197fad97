import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { AcceptorDirect, ConnectionPool, type ConnectOptions, ConnectorDirect, MSRPServer, URI } from '../../index.ts';
import { fingerprintOf, formatFingerprint } from '../../net/fingerprint.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { emptySend, rawConnect, rawListen, rawPath, response, textSend } from './raw-peer.ts';
import { here, kept } from './serve.ts';

const hereTLS = new URI({ host: '127.0.0.1', useTLS: true });

let authority: Certificate;
let good: Certificate;
let elsewhere: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('tests');
  good = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
  elsewhere = await makeCertificate({ names: ['bob.example'], issuer: authority });
});

async function acceptor(uri = here, options: ConnectOptions = {}): Promise<[AcceptorDirect, URI]> {
  const made = new AcceptorDirect(options);
  closeAfterTest(() => made.cleanup());
  const [local] = await made.prepare(uri);
  return [made, local!];
}

async function connector(uri = here, options: ConnectOptions = {}): Promise<[ConnectorDirect, URI]> {
  const made = new ConnectorDirect(options);
  const [local] = await made.prepare(uri);
  return [made, local!];
}

function fingerprint({ cert }: Certificate): string {
  return formatFingerprint(fingerprintOf(new X509Certificate(cert).raw));
}

/** A connector that has reached a raw peer and waits for its binding to be answered. */
async function binding(options: ConnectOptions = {}) {
  const listening = await rawListen();
  const [near, local] = await connector(here, options);
  const remote = new URI({ host: '127.0.0.1', port: listening.port, sessionId: 'raw' });
  const complete = near.complete([remote]);
  complete.catch(() => {});
  const peer = await listening.accepted();
  const request = await peer.request();
  return { near, local, remote, complete, peer, request };
}

describe('a connector and an acceptor', () => {
  test.each([
    ['TCP', here, () => ({}), () => ({})],
    ['TLS', hereTLS, () => ({ ca: authority.cert }), () => ({ cert: good.cert, key: good.key })],
  ])('exchange chunks in both directions over %s', async (_name, uri, nearTLS, farTLS) => {
    const [far, answer] = await acceptor(uri, { tls: farTLS() });
    const [near, offer] = await connector(uri, { tls: nearTLS() });
    const ends = (await Promise.all([near.complete([answer]), far.complete([offer])])).map(kept);
    for (const [from, to] of [ends, ends.toReversed()]) {
      await from!.writeChunk(from!.makeChunk({ data: 'hello' }));
      const chunk = await to!.readChunk();
      expect([chunk.data.toString(), to!.checkIncomingSendChunk(chunk)]).toEqual(['hello', undefined]);
      await to!.writeChunk(to!.makeResponse(chunk, 200)!);
      expect(await from!.readChunk()).toMatchObject({ code: 200, transactionId: chunk.transactionId });
      expect(from!.peer.tls !== undefined).toBe(uri.useTLS);
    }
    expect(ends[1]!.fullRemotePath.map(String)).toEqual([String(offer)]);
    expect(ends[0]!.fullLocalPath.map(String)).toEqual([String(offer)]);
  });

  test('a certificate for another name is MSRP_ERR_TLS, and its fingerprint makes it good', async () => {
    const tls = { cert: elsewhere.cert, key: elsewhere.key };
    const [far, answer] = await acceptor(hereTLS, { tls });
    const complete = far.complete();
    const [wrong] = await connector(hereTLS, { tls: { ca: authority.cert } });
    expect(await rejectionOf(wrong.complete([answer]))).toMatchObject({
      code: 'MSRP_ERR_TLS',
      message: expect.stringContaining('does not name 127.0.0.1'),
    });
    const [other] = await connector(hereTLS, { tls: { fingerprints: [fingerprint(good)] } });
    expect(await rejectionOf(other.complete([answer]))).toMatchObject({ code: 'MSRP_ERR_TLS' });
    const [right] = await connector(hereTLS, { tls: { fingerprints: [fingerprint(elsewhere)] } });
    const near = kept(await right.complete([answer]));
    kept(await complete);
    expect(near.peer.tls).toMatchObject({ authorized: true, peerFingerprint: fingerprint(elsewhere) });
  });

  test('leave the URI given to prepare as it is, and keep its session-id, user and parameters', async () => {
    const given = URI.parse('msrp://alice@127.0.0.1:2855/abcdefghijklmnopqrst;tcp;x=y');
    const before = String(given);
    const [, near] = await connector(given);
    expect([String(given), String(near)]).toEqual([before, before]);
    const free = new URI({ host: '127.0.0.1', port: 0, sessionId: 'abcdefghijklmnopqrst' });
    const [, far] = await acceptor(free);
    expect([free.port, far.sessionId, far.port! > 0]).toEqual([undefined, 'abcdefghijklmnopqrst', true]);
  });
});

describe('a connector', () => {
  test('binds with an empty SEND and sends nothing else', async () => {
    const { local, remote, complete, peer, request } = await binding();
    expect([request.from, request.to]).toEqual([String(local), String(remote)]);
    peer.send(response(request.id, '200 OK', local, remote));
    kept(await complete);
    expect(peer.text).toBe('');
  });

  test.each([
    [481, 'No such session'],
    [403, 'Forbidden'],
    [506, 'In use'],
  ])('refused with %i rejects with it, and closes', async (status, comment) => {
    const { local, remote, complete, peer, request } = await binding();
    peer.send(response(request.id, `${status} ${comment}`, local, remote));
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_BIND_REFUSED', status });
    await peer.untilEnded();
  });

  test('answers the binding of a peer that is active too, while its own is pending', async () => {
    const { local, remote, complete, peer, request } = await binding();
    peer.send(emptySend('theirs', local, '', String(remote)));
    expect(await peer.until('theirs$\r\n')).toBe(response('theirs', '200 OK', remote, local));
    peer.send(response(request.id, '200 OK', local, remote));
    kept(await complete);
  });

  test('answers such a binding with an empty body as well, and keeps a message for its reader', async () => {
    const { local, remote, complete, peer, request } = await binding();
    peer.send(textSend('theirs', local, '', '', String(remote)));
    expect(await peer.until('theirs$\r\n')).toBe(response('theirs', '200 OK', remote, local));
    const ok = response(request.id, '200 OK', local, remote);
    const [head, rest] = textSend('early', local, 'h|i', '', String(remote)).split('|') as [string, string];
    peer.send(ok + head);
    const transport = kept(await complete);
    peer.send(rest);
    expect((await transport.readChunk()).data.toString()).toBe('hi');
  });

  test('loses nothing of a message whose head comes together with the answer to its binding', async () => {
    const { local, remote, complete, peer, request } = await binding();
    const message = textSend('early', local, 'hi', '', String(remote));
    const bodyAt = message.indexOf('hi');
    peer.send(response(request.id, '200 OK', local, remote) + message.slice(0, bodyAt));
    const transport = kept(await complete);
    peer.send(message.slice(bodyAt));
    expect((await transport.readChunk()).data.toString()).toBe('hi');
  });

  test('keeps for its reader what comes before its binding is answered', async () => {
    const { local, remote, complete, peer, request } = await binding();
    peer.send(textSend('early', local, 'hi', '', String(remote)) + response(request.id, '200 OK', local, remote));
    expect((await kept(await complete).readChunk()).data.toString()).toBe('hi');
    expect(peer.text).toBe('');
  });

  test('is closed by a peer that ends the connection instead of answering', async () => {
    const { complete, peer } = await binding();
    peer.socket.end();
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    await peer.untilEnded();
  });

  test.each(['signal', 'cleanup'])('leaves nothing when a %s comes while it binds', async (how) => {
    const listening = await rawListen();
    const [near] = await connector();
    const abort = new AbortController();
    const path = [new URI({ host: '127.0.0.1', port: listening.port, sessionId: 'raw' })];
    const complete = near.complete(path, { signal: abort.signal });
    const peer = await listening.accepted();
    await peer.request();
    if (how === 'signal') abort.abort();
    else await near.cleanup();
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await peer.untilEnded();
  });

  test('rejects with MSRP_ERR_CONNECT where nobody listens', async () => {
    const [far, uri] = await acceptor();
    await far.cleanup();
    const [near] = await connector();
    expect(await rejectionOf(near.complete([uri]))).toMatchObject({ code: 'MSRP_ERR_CONNECT' });
  });

  test('does not begin with a signal that is aborted already', async () => {
    const [near] = await connector();
    const path = [new URI({ host: '127.0.0.1', port: 9, sessionId: 'raw' })];
    const error = await rejectionOf(near.complete(path, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
  });

  test.each([[[]], [[new URI({ host: '127.0.0.1', sessionId: 'x' })]]])('needs a path with a port', async (path) => {
    const [near] = await connector();
    expect(await rejectionOf(near.complete(path))).toMatchObject({ code: 'MSRP_ERR_ARGUMENT' });
  });
});

describe('an acceptor', () => {
  test.each([
    ['', true],
    ['Failure-Report: yes\r\n', true],
    ['Failure-Report: partial\r\n', false],
    ['Failure-Report: no\r\n', false],
  ])('answers an empty binding request with "%s": %s', async (fields, isAnswered) => {
    const [far, uri] = await acceptor();
    const complete = far.complete();
    const peer = await rawConnect(uri);
    peer.send(emptySend('bind', uri, fields));
    const transport = kept(await complete);
    await transport.close();
    await peer.untilEnded();
    expect(peer.text).toBe(isAnswered ? response('bind', '200 OK', rawPath, uri) : '');
    expect((await rejectionOf(transport.readChunk())).code).toBe('MSRP_ERR_CLOSED');
  });

  test('answers a binding request with an empty body as it does one without', async () => {
    const [far, uri] = await acceptor();
    const complete = far.complete();
    const peer = await rawConnect(uri);
    peer.send(textSend('bind', uri, '') + textSend('more', uri, 'first'));
    const transport = kept(await complete);
    expect(await peer.until('bind$\r\n')).toBe(response('bind', '200 OK', rawPath, uri));
    expect((await transport.readChunk()).data.toString()).toBe('first');
  });

  test('delivers a first chunk without an octet that is not the last of its message', async () => {
    const [far, uri] = await acceptor();
    const complete = far.complete();
    const peer = await rawConnect(uri);
    peer.send(textSend('bind', uri, '', 'Byte-Range: 1-*/5\r\n').replace('bind$', 'bind+'));
    const transport = kept(await complete);
    expect(await transport.readChunk()).toMatchObject({ transactionId: 'bind', size: 0, continuation: '+' });
  });

  test('delivers the data of a binding request, and leaves it to the reader to answer', async () => {
    const [far, uri] = await acceptor();
    const complete = far.complete();
    const peer = await rawConnect(uri);
    peer.send(textSend('bind', uri, 'hello'));
    const transport = kept(await complete);
    expect((await transport.readChunk()).data.toString()).toBe('hello');
    await transport.close();
    await peer.untilEnded();
    expect(peer.text).toBe('');
  });

  test('refuses another From-Path and another session-id with 481, closes on garbage, and goes on waiting', async () => {
    const [far, uri] = await acceptor();
    const complete = far.complete([URI.parse(rawPath)]);
    const garbage = await rawConnect(uri);
    garbage.send('GET / HTTP/1.1\r\n\r\n');
    await garbage.untilClosed();
    const peer = await rawConnect(uri);
    const stranger = 'msrp://127.0.0.1:9/other;tcp';
    peer.send(emptySend('path', uri, '', stranger));
    expect(await peer.until('path$\r\n')).toBe(response('path', '481 No such session', stranger, uri));
    const guess = String(uri).replace(uri.sessionId!, 'guess');
    peer.send(emptySend('guess', guess));
    expect(await peer.until('guess$\r\n')).toBe(response('guess', '481 No such session', rawPath, guess));
    peer.send(emptySend('bind', uri));
    expect(await peer.until('bind$\r\n')).toContain('200 OK');
    kept(await complete);
  });

  test('with match session-id takes a peer whose addresses were rewritten', async () => {
    const [far, uri] = await acceptor(here, { match: 'session-id' });
    const complete = far.complete([URI.parse(rawPath)]);
    const peer = await rawConnect(uri);
    const to = `msrp://192.0.2.1:1000/${uri.sessionId};tcp`;
    peer.send(emptySend('bind', to, '', 'msrp://192.0.2.2:77/peer;tcp'));
    expect(await peer.until('bind$\r\n')).toContain('200 OK');
    const transport = kept(await complete);
    peer.send(textSend('more', to, 'hi', '', 'msrp://192.0.2.3:88/peer;tcp'));
    const chunk = await transport.readChunk();
    expect([chunk.data.toString(), transport.checkIncomingSendChunk(chunk)]).toEqual(['hi', undefined]);
  });

  test('takes one session only', async () => {
    const [far, uri] = await acceptor();
    const complete = far.complete();
    const [peer, late] = [await rawConnect(uri), await rawConnect(uri)];
    peer.send(emptySend('bind', uri));
    kept(await complete);
    late.send(emptySend('late', uri));
    await late.untilClosed();
    expect(late.text).not.toContain('200');
  });

  test('lets nothing in that comes behind what closed the connection', async () => {
    const [far, uri] = await acceptor(here, { limits: { badRequests: 1 } });
    const complete = far.complete();
    const stranger = await rawConnect(uri);
    const guess = emptySend('guess', String(uri).replace(uri.sessionId!, 'guess'));
    stranger.send(guess + guess + emptySend('bind', uri));
    await stranger.untilClosed();
    const peer = await rawConnect(uri);
    peer.send(emptySend('bind', uri));
    await peer.until('200 OK');
    kept(await complete);
  });

  test('gives up a session that was bound at the moment of the abort', async () => {
    const [far, uri] = await acceptor();
    const [near] = await connector();
    const bound = near.complete([uri]);
    const [witness] = await connector();
    expect(await rejectionOf(witness.complete([uri]))).toMatchObject({ status: 506 });
    const abort = new AbortController();
    const complete = far.complete(undefined, { signal: abort.signal });
    abort.abort();
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    const outcome = await bound.then(
      (transport) => rejectionOf(kept(transport).readChunk()),
      (error: unknown) => error,
    );
    expect(outcome).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test.each(['signal', 'cleanup'])('leaves nothing when a %s comes while somebody is connected', async (how) => {
    const [far, uri] = await acceptor();
    const abort = new AbortController();
    const complete = far.complete(undefined, { signal: abort.signal });
    const peer = await rawConnect(uri);
    peer.send(emptySend('guess', String(uri).replace(uri.sessionId!, 'guess')));
    await peer.until('481');
    if (how === 'signal') abort.abort();
    else await far.cleanup();
    expect(await rejectionOf(complete)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await peer.untilClosed();
  });

  test('cleaned up while it prepares is aborted', async () => {
    const made = new AcceptorDirect();
    const prepared = made.prepare(here);
    await made.cleanup();
    expect(await rejectionOf(prepared)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
  });

  test('cleaned up after success does not touch the session', async () => {
    const [far, uri] = await acceptor();
    const [near] = await connector();
    const ends = (await Promise.all([near.complete([uri]), far.complete()])).map(kept);
    await Promise.all([far.cleanup(), far.cleanup(), near.cleanup()]);
    await ends[0]!.writeChunk(ends[0]!.makeChunk({ data: 'still' }));
    expect((await ends[1]!.readChunk()).data.toString()).toBe('still');
  });

  test('whose port is taken is MSRP_ERR_LISTEN', async () => {
    const [, uri] = await acceptor();
    await expect(acceptor(new URI({ host: '127.0.0.1', port: uri.port! }))).rejects.toMatchObject({
      code: 'MSRP_ERR_LISTEN',
    });
  });
});

describe.each([
  ['a connector', () => new ConnectorDirect()],
  ['an acceptor', () => new AcceptorDirect()],
])('%s used out of order is MSRP_ERR_STATE', (_name, make) => {
  test.each<[string, (end: ConnectorDirect | AcceptorDirect) => Promise<unknown>]>([
    ['complete() first', (end) => end.complete([])],
    ['prepare() twice', (end) => end.prepare(here).then(() => end.prepare(here))],
    ['prepare() after cleanup()', (end) => end.cleanup().then(() => end.prepare(here))],
    [
      'complete() after cleanup()',
      (end) =>
        end
          .prepare(here)
          .then(() => end.cleanup())
          .then(() => end.complete([])),
    ],
  ])('%s', async (_case, use) => {
    await using end = make();
    expect(await rejectionOf(use(end))).toMatchObject({ code: 'MSRP_ERR_STATE' });
  });

  test('complete() twice', async () => {
    await using end = make();
    await end.prepare(here);
    const first = end.complete([]);
    first.catch(() => {});
    expect(await rejectionOf(end.complete([]))).toMatchObject({ code: 'MSRP_ERR_STATE' });
  });
});

test('a limit or a time that cannot be is MSRP_ERR_ARGUMENT at once', () => {
  const wrong = expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' });
  for (const options of [
    { limits: { badRequests: 0 } },
    { limits: { headBytes: -1 } },
    { timeouts: { bindMs: Number.NaN } },
    { timeouts: { idleMs: -1 } },
  ]) {
    for (const End of [ConnectorDirect, AcceptorDirect, MSRPServer]) expect(() => new End(options)).toThrow(wrong);
  }
  for (const idleMs of [-1, Number.NaN]) expect(() => new ConnectionPool({ idleMs })).toThrow(wrong);
});

test('an acceptor whose prepare() is not done is not ready for complete()', async () => {
  await using far = new AcceptorDirect();
  const prepared = far.prepare(here);
  expect(await rejectionOf(far.complete())).toMatchObject({ code: 'MSRP_ERR_STATE' });
  await prepared;
});

describe('in simulated time', () => {
  /** Both ends on a network with these faults, and with these limits. */
  async function ends(faults: LinkFaults, clock = new SimulatedClock()) {
    const network = new SimulatedNetwork({ seed: 1, clock, faults: () => faults });
    const options: ConnectOptions = { network, clock, timeouts: { connectMs: 1000, bindMs: 2000, incomingMs: 3000 } };
    const near = new ConnectorDirect(options);
    const far = new AcceptorDirect(options);
    const [answer] = await far.prepare(here);
    await near.prepare(here);
    return { network, clock, near, far, path: [answer!] };
  }

  /** That `promise` is rejected with this class, not before `ms` and at most 250 ms after. */
  async function timesOut(network: SimulatedNetwork, promise: Promise<unknown>, name: string, ms: number) {
    const begun = network.clock.now();
    let isSettled = false;
    const mark = (): boolean => (isSettled = true);
    promise.then(mark, mark);
    await network.run(begun + ms - 1);
    expect(isSettled).toBe(false);
    const error = await network.settle(promise).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name, code: 'MSRP_ERR_TIMEOUT', seconds: ms / 1000 });
    expect(network.clock.now() - begun).toBeLessThanOrEqual(ms + 250);
  }

  test('a connection that comes at the moment of the abort is closed', async () => {
    const { network, clock, far, path } = await ends({});
    const abort = new AbortController();
    const connect: SimulatedNetwork['connect'] = async (target, signal) => {
      const socket = await network.connect(target, signal);
      abort.abort();
      return socket;
    };
    const host = network.host('127.0.0.1');
    const near = new ConnectorDirect({ network: { ...host, connect }, clock });
    await near.prepare(here);
    const complete = near.complete(path, { signal: abort.signal });
    expect(await rejectionOf(network.settle(complete))).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    // Long before the acceptor would close it.
    await network.run(500);
    expect(network.trace.lines.filter((line) => line.endsWith(' close'))).toHaveLength(2);
    await far.cleanup();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('a connection that does not come about ends in MSRPConnectTimeout', async () => {
    const { network, near, far, path, clock } = await ends({ connectMs: Number.POSITIVE_INFINITY });
    await timesOut(network, near.complete(path), 'MSRPConnectTimeout', 1000);
    await far.cleanup();
    expect(clock.pending).toBe(0);
  });

  test('nobody connecting ends in MSRPIncomingConnectTimeout', async () => {
    const { network, far, clock } = await ends({});
    await timesOut(network, far.complete(), 'MSRPIncomingConnectTimeout', 3000);
    expect(clock.pending).toBe(0);
  });

  test('a connection on which nothing is bound ends in MSRPBindSessionTimeout at both ends', async () => {
    const { network, near, far, path, clock } = await ends({ toServer: { delayMs: 60_000 } });
    const theirs = far.complete();
    theirs.catch(() => {});
    const name = 'MSRPBindSessionTimeout';
    await timesOut(network, near.complete(path), name, 2000);
    // Somebody else may still come.
    expect(await rejectionOf(network.settle(theirs))).toMatchObject({ name, seconds: 2 });
    expect(clock.now()).toBeGreaterThanOrEqual(3000);
    expect(clock.now()).toBeLessThanOrEqual(3250);
    await network.run();
    expect(clock.pending).toBe(0);
  });
});
