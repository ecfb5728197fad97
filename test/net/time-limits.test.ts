import { describe, expect, test } from 'vitest';
import {
  AcceptorDirect,
  ConnectionPool,
  type ConnectOptions,
  ConnectorDirect,
  MSRPServer,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { Endpoint } from './endpoint.ts';
import { rejectionOf } from './open.ts';
import { emptySend, textSend } from './raw-peer.ts';

const here = new URI({ host: '127.0.0.1' });

/** `bindMs` is short and `incomingMs` long, so that it shows which of them counts. */
function simulated(timeouts: ConnectOptions['timeouts'] = {}) {
  const network = new SimulatedNetwork({ seed: 1 });
  const { clock, random } = network;
  const options: ConnectOptions = {
    network,
    clock,
    random,
    timeouts: { bindMs: 2000, incomingMs: 10_000, idleMs: 5000, ...timeouts },
  };
  return { network, clock, options };
}

async function rawEnd(network: SimulatedNetwork, { port }: URI): Promise<Endpoint> {
  return new Endpoint(await network.settle(network.connect({ host: '127.0.0.1', port: port! })));
}

function send(end: Endpoint, text: string): void {
  end.socket.write([Buffer.from(text)]);
}

function guess(uri: URI): string {
  return String(uri).replace(uri.sessionId!, 'guess');
}

async function acceptor(options: ConnectOptions): Promise<[AcceptorDirect, URI]> {
  const made = new AcceptorDirect(options);
  const [uri] = await made.prepare(here);
  return [made, uri!];
}

describe('an acceptor', () => {
  const strays: [string, (end: Endpoint, uri: URI) => void][] = [
    ['sends garbage', (end) => send(end, 'GET / HTTP/1.1\r\n\r\n')],
    ['is refused', (end, uri) => send(end, emptySend('aaaa', guess(uri)))],
    ['leaves', (end) => end.socket.end()],
    ['breaks off', (end) => end.socket.destroy()],
  ];

  test.each([...strays, ['is silent', () => {}] as const])(
    'waits on for its peer when a stray %s',
    async (_name, act) => {
      const { network, clock, options } = simulated();
      const [far, uri] = await acceptor(options);
      const complete = far.complete();
      act(await rawEnd(network, uri), uri);
      await network.run(9900);
      const peer = await rawEnd(network, uri);
      await network.run(11_500);
      send(peer, emptySend('bbbb', uri));
      (await network.settle(complete)).destroy();
      await network.run();
      expect(clock.pending).toBe(0);
    },
  );

  test.each(strays)('gives up after incomingMs when nobody else comes than a stray that %s', async (_name, act) => {
    const { network, clock, options } = simulated();
    const [far, uri] = await acceptor(options);
    const complete = far.complete();
    complete.catch(() => {});
    act(await rawEnd(network, uri), uri);
    await network.run(9000);
    act(await rawEnd(network, uri), uri);
    const error = await rejectionOf(network.settle(complete));
    expect(error).toMatchObject({ name: 'MSRPIncomingConnectTimeout', seconds: 10 });
    expect(clock.now()).toBeGreaterThanOrEqual(10_000);
    expect(clock.now()).toBeLessThanOrEqual(10_250);
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test.each([
    [0, 10_000],
    [9000, 11_000],
  ])('ends in MSRPBindSessionTimeout when somebody connects after %i ms and is silent', async (at, ends) => {
    const { network, clock, options } = simulated();
    const [far, uri] = await acceptor(options);
    const complete = far.complete();
    complete.catch(() => {});
    await network.run(at);
    await rawEnd(network, uri);
    await network.run(ends - 1);
    const error = await rejectionOf(network.settle(complete));
    expect(error).toMatchObject({ name: 'MSRPBindSessionTimeout', seconds: 2 });
    expect(clock.now()).toBeGreaterThanOrEqual(ends);
    expect(clock.now()).toBeLessThanOrEqual(ends + 251);
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('waits for 30 s by default', async () => {
    const { network, options } = simulated();
    const [far] = await acceptor({ ...options, timeouts: {} });
    const complete = far.complete();
    let isSettled = false;
    complete.catch(() => (isSettled = true));
    await network.run(29_999);
    expect(isSettled).toBe(false);
    await network.run(30_250);
    expect(await rejectionOf(complete)).toMatchObject({ name: 'MSRPIncomingConnectTimeout', seconds: 30 });
  });

  test('lets its connection go with the session', async () => {
    const { network, clock, options } = simulated();
    const [far, uri] = await acceptor(options);
    const complete = far.complete();
    const peer = await rawEnd(network, uri);
    send(peer, emptySend('aaaa', uri));
    await network.settle((await network.settle(complete)).close());
    await network.run(100);
    expect(peer.ended).toBe(true);
    peer.socket.end();
    await network.run(200);
    expect(clock.pending).toBe(0);
  });
});

describe('a connection without a session is closed after bindMs', () => {
  test.each<[string, (uri: URI) => string[]]>([
    ['when nothing comes', () => []],
    ['when a head is begun and not ended', (uri) => [emptySend('aaaa', uri).slice(0, 30)]],
    ['when a head comes octet by octet', (uri) => emptySend('aaaa', uri).slice(0, 4).split('')],
    ['when a refused chunk is not ended', (uri) => [textSend('aaaa', guess(uri), 'x').slice(0, -9)]],
    [
      'when requests are refused all the time',
      (uri) => ['a', 'b', 'c'].map((id) => emptySend(id.repeat(4), guess(uri))),
    ],
  ])('%s', async (_name, pieces) => {
    const { network, clock, options } = simulated();
    const server = new MSRPServer(options);
    const [uri] = await server.prepare(here);
    const peer = await rawEnd(network, uri!);
    const begun = clock.now();
    for (const piece of pieces(uri!)) {
      send(peer, piece);
      await network.run(Math.min(clock.now() + 500, begun + 1990));
    }
    await network.run(begun + 1990);
    expect([peer.ended, server.stats().connections]).toEqual([false, 1]);
    await network.run(begun + 2260);
    expect([peer.ended || peer.closed, server.stats().connections]).toEqual([true, 0]);
    peer.socket.end();
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });
});

describe('a server', () => {
  async function shared(timeouts: ConnectOptions['timeouts'] = {}) {
    const { network, clock, options } = simulated(timeouts);
    const server = new MSRPServer(options);
    const pool = new ConnectionPool({ idleMs: 60_000 });
    /** Both ends of a session on the connection of the pool. */
    const session = async (): Promise<[MSRPTransport, MSRPTransport]> => {
      const [uri] = await server.prepare(here);
      const near = new ConnectorDirect({ ...options, pool });
      await near.prepare(here);
      return network.settle(Promise.all([near.complete([uri!]), server.complete(undefined, { localUri: uri! })]));
    };
    return { network, clock, server, pool, session };
  }

  /** Ends a session at both ends. */
  async function end(...ends: MSRPTransport[]): Promise<void> {
    await Promise.all(ends.map((transport) => transport.close()));
  }

  test('keeps an idle connection for the next session until idleMs have passed', async () => {
    const { network, clock, server, pool, session } = await shared();
    const [near, far] = await session();
    await network.settle(end(near, far));
    await network.run(4900);
    const [again, other] = await session();
    expect(other.peer.port).toBe(far.peer.port);
    // That it once was idle does not count against it.
    await network.run(20_000);
    expect(server.stats().connections).toBe(1);
    await network.settle(end(again, other));
    const idleAt = clock.now();
    await network.run(idleAt + 4999);
    expect([server.stats().connections, pool.size]).toEqual([1, 1]);
    await network.run(idleAt + 5300);
    expect([server.stats().connections, pool.size]).toEqual([0, 0]);
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['leaves it to the pool of its peer to close an idle connection', {}, 300_000],
    ['closes it itself soon after', { idleMs: Number.POSITIVE_INFINITY }, 330_000],
  ])('by default %s', async (_what, pool, ms) => {
    const network = new SimulatedNetwork({ seed: 1 });
    const { clock, random } = network;
    const server = new MSRPServer({ network, clock, random });
    const near = new ConnectorDirect({ network, clock, random, pool: new ConnectionPool(pool) });
    const [uri] = await server.prepare(here);
    await near.prepare(here);
    const ends = await network.settle(Promise.all([near.complete([uri!]), server.complete()]));
    await network.settle(end(...ends));
    const idleAt = clock.now();
    await network.run(idleAt + ms - 10);
    expect(server.stats().connections).toBe(1);
    await network.run(idleAt + ms + 260);
    expect(server.stats().connections).toBe(0);
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('takes another session on a connection whose last one it has just ended', async () => {
    const { network, server, session } = await shared();
    const [near, far] = await session();
    const ended = far.close();
    const [again, other] = await session();
    await ended;
    expect(other.peer.port).toBe(far.peer.port);
    await network.settle(end(near, again, other));
    await server.close();
  });

  test.each([
    ['with idleMs 0', 0],
    ['that is closed', 5000],
  ])('%s keeps no idle connection', async (_name, idleMs) => {
    const { network, clock, server, pool, session } = await shared({ idleMs });
    const [near, far] = await session();
    if (idleMs !== 0) await server.close();
    await network.settle(end(near, far));
    await network.run(100);
    expect([server.stats().connections, pool.size]).toEqual([0, 0]);
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('closes its idle connections when it is closed', async () => {
    const { network, clock, server, pool, session } = await shared();
    await network.settle(end(...(await session())));
    expect(server.stats().connections).toBe(1);
    await server.close();
    await network.run(100);
    expect([server.stats().connections, pool.size]).toEqual([0, 0]);
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('does not keep a connection whose only bind was refused in the end', async () => {
    const { network, clock, options } = simulated();
    const server = new MSRPServer(options);
    const [uri] = await server.prepare(here);
    const peer = await rawEnd(network, uri!);
    send(peer, emptySend('aaaa', uri!));
    await network.run(1000);
    await server.cleanup(uri!);
    await network.run(1100);
    expect([peer.ended, peer.data.toString()]).toEqual([true, expect.stringContaining('MSRP aaaa 481')]);
    peer.socket.end();
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });
});
