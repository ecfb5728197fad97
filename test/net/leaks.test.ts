import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { AcceptorDirect, ConnectionPool, type ConnectOptions, ConnectorDirect, MSRPServer, URI } from '../../index.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { rejectionOf } from './open.ts';
import { OpenCount } from './open-count.ts';
import { here } from './serve.ts';

const timeouts = { connectMs: 1000, bindMs: 2000, incomingMs: 3000, idleMs: 0 };

/** Who sets a session up, and how it is given up. */
const ways: [string, (o: ConnectOptions) => Ends][] = [
  ['a connector', (o) => ({ near: new ConnectorDirect(o), far: new AcceptorDirect(o) })],
  [
    'a connector with a pool',
    (o) => ({
      near: new ConnectorDirect({ ...o, pool: new ConnectionPool({ idleMs: 0 }) }),
      far: new AcceptorDirect(o),
    }),
  ],
  ['a server', (o) => ({ near: new ConnectorDirect(o), far: new MSRPServer(o) })],
];

interface Ends {
  near: ConnectorDirect;
  far: AcceptorDirect | MSRPServer;
}

/** Both ends, prepared, and what is open besides. */
async function prepared(make: (o: ConnectOptions) => Ends, faults: LinkFaults = {}) {
  const network = new SimulatedNetwork({ seed: 1, faults: () => faults });
  const { clock, random } = network;
  const open = new OpenCount(network);
  const { near, far } = make({ network, clock, random, timeouts });
  const [answer] = await far.prepare(here);
  await near.prepare(here);
  const abort = new AbortController();
  const { signal } = abort;
  const complete = (nearSignal?: AbortSignal, farSignal?: AbortSignal) =>
    Promise.allSettled([
      near.complete([answer!], nearSignal && { signal: nearSignal }),
      far.complete(undefined, farSignal && { signal: farSignal }),
    ]);
  /** Ends a session that came about. Where one end has failed, the other one has to go by itself. */
  const nothingIsLeft = async (ended: Awaited<ReturnType<typeof complete>>): Promise<void> => {
    const [one, other] = ended;
    if (one.status === 'fulfilled' && other.status === 'fulfilled') one.value.destroy();
    await network.run(clock.now() + 100);
    expect([open.sockets, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
    if (far instanceof MSRPServer) {
      expect(far.stats()).toMatchObject({ listeners: 1, connections: 0, expected: 0 });
      await far.close();
    }
    expect([open.listeners, clock.pending]).toEqual([0, 0]);
  };
  return { network, clock, open, near, far, answer: answer!, abort, signal, complete, nothingIsLeft };
}

describe.each(ways)('%s leaves nothing', (_name, make) => {
  test.each<[string, LinkFaults]>([
    ['refused', { refuse: true }],
    ['never there', { connectMs: Number.POSITIVE_INFINITY }],
    ['there after the time limit', { connectMs: 1500 }],
    ['silent towards the server', { toServer: { delayMs: 60_000 } }],
    ['silent towards the client', { toClient: { delayMs: 60_000 } }],
    ['reset at once', { toServer: { resetAfterBytes: 0 } }],
    ['reset in the middle of the binding request', { toServer: { resetAfterBytes: 40 } }],
    ['reset before the response', { toClient: { resetAfterBytes: 0 } }],
    ['ended in the middle of the binding request', { toServer: { endAfterBytes: 40 } }],
    ['ended before the response', { toClient: { endAfterBytes: 0 } }],
  ])('of a connection that is %s', async (_fault, faults) => {
    const { network, clock, complete, nothingIsLeft } = await prepared(make, faults);
    const ended = await network.settle(complete());
    expect(ended[0].status).toBe('rejected');
    // What is under way for ever is not left by us.
    await network.run(clock.now() + 120_000);
    await nothingIsLeft(ended);
  });

  test.each(['near', 'far', 'both'])('when it is given up at any moment by: %s', async (who) => {
    const seen = new Set<string>();
    for (let events = 0; events < 14; events++) {
      for (let turns = 0; turns < 16; turns++) {
        const { network, clock, abort, signal, complete, nothingIsLeft } = await prepared(make);
        const completing = complete(who === 'far' ? undefined : signal, who === 'near' ? undefined : signal);
        let run = 0;
        await network.run(() => run++ >= events);
        clock.runNext();
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        abort.abort();
        const ended = await network.settle(completing);
        for (const { status } of ended) seen.add(status);
        await nothingIsLeft(ended);
      }
    }
    expect(seen.size).toBe(2);
  });

  test('when it is cleaned up at any moment', async () => {
    for (let events = 0; events < 14; events++) {
      const { network, near, far, answer, complete, nothingIsLeft } = await prepared(make);
      const completing = complete();
      let run = 0;
      await network.run(() => run++ >= events);
      await Promise.all([near.cleanup(), far.cleanup(answer)]);
      await nothingIsLeft(await network.settle(completing));
    }
  });

  test('when the peer wants another one', async () => {
    const { network, near, far, answer, nothingIsLeft } = await prepared(make);
    const other = new URI({ host: '127.0.0.1', port: 9, sessionId: 'other' });
    const ended = await network.settle(Promise.allSettled([near.complete([answer]), far.complete([other])]));
    for (const { status } of ended) expect(status).toBe('rejected');
    await nothingIsLeft(ended);
  });
});

test('an acceptor that cannot make its URI does not go on listening', async () => {
  const network = new SimulatedNetwork({ seed: 1 });
  const open = new OpenCount(network);
  const far = new AcceptorDirect({ network, clock: network.clock, host: 'no host' });
  expect(await rejectionOf(far.prepare(here))).toMatchObject({ code: 'MSRP_ERR_BAD_URI' });
  expect([open.listeners, network.clock.pending]).toEqual([0, 0]);
});
