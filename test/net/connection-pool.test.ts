import { beforeAll, describe, expect, test } from 'vitest';
import {
  ConnectionPool,
  type ConnectOptions,
  ConnectorDirect,
  MSRPServer,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { OpenCount } from './open-count.ts';
import { bind, carries, here, kept, serve, session } from './serve.ts';

let authority: Certificate;
let good: Certificate;
let ours: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('tests');
  good = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
  ours = await makeCertificate({ commonName: 'client', issuer: authority });
});

function pool(o?: { idleMs?: number }): ConnectionPool {
  const made = new ConnectionPool(o);
  closeAfterTest(() => made.close());
  return made;
}

describe('a pool', () => {
  test('shares one connection between sessions, and closing one leaves the others', async () => {
    const server = serve();
    const shared = pool();
    const pairs = await Promise.all([1, 2, 3].map(() => session(server, { pool: shared })));
    expect([shared.size, server.stats().connections]).toEqual([1, 1]);
    await pairs[0]![0].close();
    pairs[1]![0].destroy();
    await carries(...pairs[2]!, 'still');
    await carries(pairs[2]![1], pairs[2]![0], 'still');
    expect([shared.size, server.stats().connections]).toEqual([1, 1]);
  });

  test('keeps an idle connection for the next session, and with idleMs 0 closes it', async () => {
    const server = serve();
    for (const [idleMs, expected] of [
      [60_000, 1],
      [0, 2],
    ] as const) {
      const shared = pool({ idleMs });
      const ports = new Set<number>();
      for (let round = 0; round < 2; round++) {
        const [near, far] = await session(server, { pool: shared });
        ports.add(far.peer.port);
        await near.close();
      }
      expect(ports.size).toBe(expected);
    }
  });

  test('does not give out a connection that the peer has ended, nor forget the new one when the old one is gone', async () => {
    const server = serve();
    const shared = pool();
    const [near, far] = await session(server, { pool: shared });
    far.destroy();
    await rejectionOf(near.readChunk());
    const [again, other] = await session(server, { pool: shared });
    await carries(again, other, 'new');
    expect(shared.size).toBe(1);
    const [third, fourth] = await session(server, { pool: shared });
    expect(fourth.peer.port).toBe(other.peer.port);
    await carries(third, fourth, 'shared');
  });

  test('does not share where another certificate or another authority counts', async () => {
    const server = serve({ tls: { ...good, ca: authority.cert, requestClientCertificate: 'unchecked' } });
    const shared = pool();
    const open = async (tls: ConnectOptions['tls']): Promise<number> => {
      const [uri] = await server.prepare(new URI({ host: '127.0.0.1', useTLS: true }));
      const [, far] = await Promise.all([
        bind(uri!, { pool: shared, tls: tls! }),
        server.complete(undefined, { localUri: uri! }),
      ]);
      return kept(far).peer.port;
    };
    const first = await open({ ca: authority.cert });
    expect(await open({ ca: authority.cert })).toBe(first);
    const others = [await open({ ca: authority.cert, ...ours }), await open({ ca: [authority.cert, good.cert] })];
    expect(new Set([first, ...others]).size).toBe(3);
    const strict = bind((await server.prepare(new URI({ host: '127.0.0.1', useTLS: true })))[0]!, { pool: shared });
    expect(await rejectionOf(strict)).toMatchObject({ code: 'MSRP_ERR_TLS' });
  });
});

/** Sessions that share a pool, on a network with these faults. */
async function simulated(faults: LinkFaults, idleMs: number) {
  const network = new SimulatedNetwork({ seed: 1, faults: () => faults });
  const { clock, random } = network;
  const open = new OpenCount(network);
  const options: ConnectOptions = { network, clock, random, timeouts: { connectMs: 10_000 } };
  const server = new MSRPServer(options);
  const shared = new ConnectionPool({ idleMs });
  /** Prepares a session. What it gives begins to connect at once, and ends both ends when it is given up. */
  const want = async (): Promise<(signal?: AbortSignal) => Promise<MSRPTransport[]>> => {
    const [uri] = await server.prepare(here);
    const near = new ConnectorDirect({ ...options, pool: shared });
    await near.prepare(here);
    return (signal) => {
      const complete = near.complete([uri!], signal && { signal });
      const far = server.complete(undefined, { localUri: uri! });
      far.catch(() => {});
      complete.catch(() => server.cleanup(uri!));
      const bound = Promise.all([complete, far]);
      bound.catch(() => {});
      return bound;
    };
  };
  const end = async (bound: Promise<MSRPTransport[]>): Promise<void> => {
    const ends = await network.settle(bound);
    await network.settle(Promise.all(ends.map((transport) => transport.close())));
  };
  /** That nothing is left, though the server is open. */
  const over = async (): Promise<void> => {
    await network.run(clock.now() + 100);
    expect([shared.size, open.sockets]).toEqual([0, 0]);
    await shared.close();
    await server.close();
    await network.run();
    expect([clock.pending, server.stats().connections]).toEqual([0, 0]);
  };
  return { network, clock, open, shared, want, end, over };
}

describe('a connection that is being opened for a pool', () => {
  test('is given up with the last who waits for it, and not before', async () => {
    const { network, shared, want, end, over } = await simulated({ connectMs: 1000 }, 0);
    const aborts = [new AbortController(), new AbortController()];
    const sessions = [await want(), await want(), await want()];
    const [one, two, three] = [sessions[0]!(aborts[0]!.signal), sessions[1]!(aborts[1]!.signal), sessions[2]!()];
    await network.run(500);
    for (const abort of aborts) abort.abort();
    for (const bound of [one, two]) expect(await rejectionOf(bound)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    expect(shared.size).toBe(1);
    await end(three);
    await over();
  });

  test('is never there when nobody waits any more', async () => {
    const { network, open, shared, want, over } = await simulated({ connectMs: 1000 }, 0);
    const abort = new AbortController();
    const bound = (await want())(abort.signal);
    await network.run(500);
    abort.abort();
    expect(await rejectionOf(bound)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    expect(shared.size).toBe(0);
    await network.run(2000);
    expect(open.connections).toBe(0);
    await over();
  });

  test('for ever ends with the time limits of those who wait', async () => {
    const { network, shared, want, over } = await simulated({ connectMs: Number.POSITIVE_INFINITY }, 0);
    const first = (await want())();
    await network.run(5000);
    const second = (await want())();
    await network.run(10_300);
    expect(await rejectionOf(first)).toMatchObject({ name: 'MSRPConnectTimeout' });
    expect(shared.size).toBe(1);
    await network.run(15_300);
    expect(await rejectionOf(second)).toMatchObject({ name: 'MSRPConnectTimeout' });
    await over();
  });

  test("and was given up stands in nobody's way", async () => {
    const { network, want, end, over } = await simulated({ connectMs: 1000 }, 0);
    const abort = new AbortController();
    const [first, second] = [await want(), await want()];
    const bound = first(abort.signal);
    await network.run(500);
    abort.abort();
    await end(second());
    expect(await rejectionOf(bound)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await over();
  });

  test('is closed when it comes at the moment in which it is given up', async () => {
    const { network, want, over } = await simulated({}, 5000);
    const abort = new AbortController();
    const connect = network.connect.bind(network);
    network.connect = async (target, signal) => {
      const socket = await connect(target, signal);
      abort.abort();
      return socket;
    };
    const bound = (await want())(abort.signal);
    expect(await rejectionOf(network.settle(bound))).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await over();
  });

  test('is left to those who wait when the pool is closed, and goes with them', async () => {
    const { shared, want, end, over } = await simulated({ connectMs: 1000 }, 5000);
    const bound = (await want())();
    await shared.close();
    await end(bound);
    await over();
  });

  test('and fails is forgotten, and tried again for the next', async () => {
    const { network, want, over } = await simulated({ refuse: true }, 5000);
    const sessions = [await want(), await want(), await want()];
    const [one, two] = [sessions[0]!(), sessions[1]!()];
    for (const bound of [one, two]) {
      expect(await rejectionOf(network.settle(bound))).toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    }
    expect(await rejectionOf(network.settle(sessions[2]!()))).toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    expect(network.trace.lines.filter((line) => / connect \S+:\d+$/.test(line))).toHaveLength(2);
    await over();
  });
});

test('an idle connection of a pool is closed in time, though somebody wanted it and gave up', async () => {
  const { network, clock, shared, want, end, over } = await simulated({}, 5000);
  await end((await want())());
  const abort = new AbortController();
  const bound = (await want())(abort.signal);
  abort.abort();
  expect(await rejectionOf(network.settle(bound))).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
  expect(shared.size).toBe(1);
  await network.run(clock.now() + 5300);
  await over();
});
