// A relay over worker threads, on real sockets with TLS: sessions whose ends are in different threads, what is asked of the main thread, and
// a thread that is lost.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  AcceptorRelay,
  ConnectorRelay,
  type IncomingMessage,
  MSRPRelay,
  MSRPRelaySettings,
  MSRPSession,
  type RelayOptions,
  URI,
} from '../../../index.ts';
import { nodeNetwork } from '../../../net/node-network.ts';
import { type Certificate, makeCertificate } from '../certificates.ts';
import { closeAfterTest, rejectionOf } from '../open.ts';

let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'], names: ['localhost'] });
});

async function openRelay(options: Partial<RelayOptions> = {}): Promise<{ relay: MSRPRelay; uri: URI }> {
  const credentials = (): { password: string } => ({ password: 'wonderland' });
  const relay = new MSRPRelay({ credentials, tls: certificate, shards: 2, ...options });
  closeAfterTest(async () => void (await relay.close()));
  return { relay, uri: await relay.listen(new URI({ host: '127.0.0.1', useTLS: true })) };
}

function settingsFor({ port }: URI, username: string, password = 'wonderland'): MSRPRelaySettings {
  return new MSRPRelaySettings({ domain: '127.0.0.1', host: '127.0.0.1', port, username, password });
}

/** Both ends are clients of the relay; of two that follow each other each is in a shard of its own. */
async function sessionThrough(uri: URI): Promise<[near: MSRPSession, far: MSRPSession]> {
  const tls = { ca: certificate.cert };
  const connector = new ConnectorRelay(settingsFor(uri, 'alice'), { tls });
  const acceptor = new AcceptorRelay(settingsFor(uri, 'bob'), { tls });
  const offer = await connector.prepare();
  const answer = await acceptor.prepare();
  const [near, far] = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
  closeAfterTest(() => near.destroy());
  closeAfterTest(() => far.destroy());
  return [new MSRPSession(near), new MSRPSession(far)];
}

async function carries(from: MSRPSession, to: MSRPSession, body: Buffer): Promise<void> {
  const messages = to.messages()[Symbol.asyncIterator]();
  const sending = from.send(body, { successReport: 'yes' });
  const { value } = (await messages.next()) as { value: IncomingMessage };
  expect((await value.bytes()).equals(body)).toBe(true);
  await sending.delivered;
}

const shardOf = (session: MSRPSession): string => session.transport.fullLocalPath[0]!.sessionId!.slice(0, 2);

test('sessions cross from one shard to the other, both ways, and their ends are told apart by the token', async () => {
  const { relay, uri } = await openRelay();
  const [near, far] = await sessionThrough(uri);
  expect([shardOf(near), shardOf(far)].toSorted()).toEqual(['00', '01']);
  await carries(near, far, Buffer.alloc(3_000_000, 'up'));
  await carries(far, near, Buffer.alloc(3_000_000, 'down'));
  expect(relay.stats()).toMatchObject({ sessions: 2, connections: 2, authSuccesses: 2, reports: 0, bufferedBytes: 0 });
  expect(relay.stats().bytes).toBeGreaterThanOrEqual(6_000_000);
  await near.shutdown();
  await far.shutdown();
});

describe('the main thread is asked', () => {
  test('who may use the relay, by callbacks that may be slow, and anew after a reload', async () => {
    const asked: string[] = [];
    const options: Partial<RelayOptions> = {
      credentials: async (username) => {
        asked.push(username);
        return username === 'alice' ? { password: 'wonderland' } : undefined;
      },
      authorize: ({ address }) => address === '127.0.0.1',
    };
    const { relay, uri } = await openRelay(options);
    const tls = { ca: certificate.cert };
    const prepare = (name: string): Promise<URI[]> => {
      const connector = new ConnectorRelay(settingsFor(uri, name), { tls });
      closeAfterTest(() => connector.cleanup());
      return connector.prepare();
    };
    expect(await prepare('alice')).toHaveLength(2);
    expect(await rejectionOf(prepare('bob'))).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH' });
    relay.reload({ credentials: () => ({ password: 'wonderland' }), authorize: () => false });
    expect(await rejectionOf(prepare('alice'))).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status: 403 });
    relay.reload({ credentials: () => ({ password: 'wonderland' }) });
    expect(await prepare('bob')).toHaveLength(2);
    expect(asked).toEqual(['alice', 'bob']);
  });

  test('where a callback throws, that AUTH is refused and no other', async () => {
    const { uri } = await openRelay({
      credentials: (username) => {
        if (username === 'bob') throw new Error('no database');
        return { password: 'wonderland' };
      },
    });
    const tls = { ca: certificate.cert };
    const bob = new ConnectorRelay(settingsFor(uri, 'bob'), { tls });
    expect(await rejectionOf(bob.prepare())).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status: 403 });
    const alice = new ConnectorRelay(settingsFor(uri, 'alice'), { tls });
    expect(await alice.prepare()).toHaveLength(2);
    await alice.cleanup();
  });
});

describe('limits hold for all shards together', () => {
  test('tokens of a user', async () => {
    const { uri } = await openRelay({ limits: { sessionsPerUser: 3 } });
    const outcomes: unknown[] = [];
    for (let index = 0; index < 4; index++) {
      const connector = new ConnectorRelay(settingsFor(uri, 'alice'), { tls: { ca: certificate.cert } });
      closeAfterTest(() => connector.cleanup());
      outcomes.push(
        await connector.prepare().then(
          () => 'given',
          (error: unknown) => (error as { status: number }).status,
        ),
      );
    }
    expect(outcomes).toEqual(['given', 'given', 'given', 403]);
  });

  test('connections of an address', async () => {
    const { relay, uri } = await openRelay({ limits: { connectionsPerAddress: 2 } });
    const target = { host: '127.0.0.1', port: uri.port!, tls: { ca: certificate.cert } };
    for (let index = 0; index < 2; index++) {
      const socket = await nodeNetwork.connect(target);
      closeAfterTest(() => socket.destroy());
    }
    await rejectionOf(nodeNetwork.connect(target));
    expect(relay.stats()).toMatchObject({ limited: 1, connections: 2 });
  });
});

/** Those that begin from now on. */
function watchThreads(): Set<Worker> {
  const threads = new Set<Worker>();
  const watch = (message: unknown): void => void threads.add((message as { worker: Worker }).worker);
  subscribe('worker_threads', watch);
  closeAfterTest(() => void unsubscribe('worker_threads', watch));
  return threads;
}

test('when a thread is lost, its clients are told at once, those of the others go on, and another takes its place', async () => {
  const threads = watchThreads();
  const { relay, uri } = await openRelay();
  const sessions: [MSRPSession, MSRPSession][] = [];
  for (let index = 0; index < 5; index++) sessions.push(await sessionThrough(uri));
  await [...threads][0]!.terminate();
  // Each has one end there.
  await Promise.all(sessions.map(([near, far]) => Promise.race([near.closed, far.closed])));
  const [near, far] = await sessionThrough(uri);
  await carries(near, far, Buffer.from('hello'));
  expect(relay.stats().connections).toBe(7);
});

describe('what a reload does not give stays as it was', () => {
  const credentials = (): { password: string } => ({ password: 'wonderland' });

  test('such as the addresses of next hops', async () => {
    const server = createServer((socket) => void socket.destroy());
    closeAfterTest(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { relay, uri } = await openRelay({ resolve: async () => ['127.0.0.1'] });
    relay.reload({ credentials });
    const connector = new ConnectorRelay(settingsFor(uri, 'alice'), { tls: { ca: certificate.cert } });
    closeAfterTest(() => connector.cleanup());
    await connector.prepare();
    const { port } = server.address() as { port: number };
    const connected = once(server, 'connection');
    const transport = await connector.complete([new URI({ host: 'peer.invalid', port, sessionId: 'x' })]);
    closeAfterTest(() => transport.destroy());
    await connected;
  });

  test('such as its names, in a thread that takes the place of another', async () => {
    const threads = watchThreads();
    const { relay, uri } = await openRelay({ shards: 1, domains: ['localhost'] });
    relay.reload({ credentials });
    const { port } = uri;
    const init = { domain: 'localhost', host: '127.0.0.1', port, username: 'alice', password: 'wonderland' };
    const prepare = (): Promise<URI[]> => {
      const connector = new ConnectorRelay(new MSRPRelaySettings(init), { tls: { ca: certificate.cert } });
      closeAfterTest(() => connector.cleanup());
      return connector.prepare();
    };
    expect(await prepare()).toHaveLength(2);
    await [...threads][0]!.terminate();
    while (relay.stats().connections > 0) await nextTurn();
    expect(await prepare()).toHaveLength(2);
  });
});

test.each([0, 2])(
  'a relay of %d shards that is told to close while it drains closes at once, and both who told it learn when',
  async (shards) => {
    const { relay, uri } = await openRelay({ shards });
    await sessionThrough(uri);
    const draining = relay.close({ drain: 60_000 });
    const closing = relay.close();
    expect(await Promise.all([draining, closing])).toHaveLength(2);
  },
);

test('a relay that drains lets sessions go on until they end, and gives no new tokens', async () => {
  const { relay, uri } = await openRelay();
  const [near, far] = await sessionThrough(uri);
  const closing = relay.close({ drain: 60_000 });
  await carries(near, far, Buffer.from('still here'));
  await near.shutdown();
  await far.shutdown();
  expect(await closing).toBe(0);
  expect(relay.stats()).toMatchObject({ sessions: 0, connections: 0 });
});

test('a relay that is closed ends its sessions, and says how many', async () => {
  const { relay, uri } = await openRelay();
  const [near, far] = await sessionThrough(uri);
  expect(await relay.close()).toBe(2);
  expect(await Promise.all([near.closed, far.closed])).toHaveLength(2);
});

test.each([0.5, -1, 1001, Number.NaN])('there are not %d shards', (shards) => {
  expect(() => new MSRPRelay({ credentials: () => undefined, shards })).toThrow(/no number of shards/);
});
