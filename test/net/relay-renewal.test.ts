import { describe, expect, test } from 'vitest';
import { MSRPSession, URI } from '../../index.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { acceptorIn, connectorIn, openWorld, reaches, type RelayWorld, sessionIn, strings } from './relay-world.ts';
import { challenge, dies, granted, refuses, silent } from './scripted-relay.ts';

const minute = 60_000;

describe('renewal', () => {
  /** When AUTHs come from now on, in seconds from now, for so long. */
  async function renewals(world: RelayWorld, until: number): Promise<number[]> {
    const { network, relay } = world;
    const startedAt = network.clock.now();
    const times: number[] = [];
    const before = relay.auths.length;
    while (network.clock.now() < startedAt + until) {
      await network.run(network.clock.now() + 1000);
      while (before + times.length < relay.auths.length) {
        times.push(Math.round((network.clock.now() - startedAt) / 1000) - 1);
      }
    }
    return times;
  }

  test('comes at 80 % of the time, with the next count of the nonce, and the session goes on', async () => {
    const world = await openWorld({ keepsPath: true });
    const changes: unknown[] = [];
    const onPathChange = (path: URI[]): void => void changes.push(path);
    const [near, far] = await sessionIn(world, { near: { onPathChange }, far: { onPathChange } });
    const times = await renewals(world, 30 * minute);
    expect(times).toEqual([480, 480, 960, 960, 1440, 1440]);
    const counts = world.relay.auths.map(({ headers }) => headers.authorization?.parameters.get('nc'));
    expect(counts.slice(4)).toEqual([2, 2, 3, 3, 4, 4].map((count) => `0000000${count}`));
    expect(changes).toEqual([]);
    expect(await reaches(world, near, far, 'after half an hour')).toBe('after half an hour');
  });

  test('ends with the session', async () => {
    const world = await openWorld({ keepsPath: true });
    const [near, far] = await sessionIn(world);
    await world.network.settle(near.close());
    far.destroy();
    expect(await renewals(world, 30 * minute)).toEqual([]);
  });

  test('also comes while the answer of the peer is awaited', async () => {
    const world = await openWorld({ keepsPath: true });
    const connector = connectorIn(world);
    await world.network.settle(connector.prepare());
    expect(await renewals(world, 9 * minute)).toHaveLength(1);
    await connector.cleanup();
    expect(await renewals(world, 30 * minute)).toEqual([]);
  });

  test('with a nonce that is too old by now is done in silence', async () => {
    const world = await openWorld({ keepsPath: true });
    const [near] = await sessionIn(world);
    const isStale = challenge({ nonce: 'new', stale: true });
    const isNotSaid = challenge({ nonce: 'new' });
    for (const again of [isStale, isNotSaid]) {
      world.relay.script.push(again, again);
      expect(await renewals(world, 8 * minute + 1000)).toHaveLength(4);
    }
    expect(world.logged).toEqual([]);
    expect(near.connection.isOpen).toBe(true);
  });

  test('with the shorter time that the relay gives now', async () => {
    const world = await openWorld({ keepsPath: true });
    const connector = connectorIn(world);
    world.relay.script.push(granted({ Expires: '100' }), granted({ Expires: '50' }), granted({ Expires: undefined }));
    await world.network.settle(connector.prepare());
    expect(await renewals(world, 60 * minute)).toEqual([80, 120]);
  });

  test('counts from what was asked for where the relay does not say', async () => {
    const world = await openWorld({ keepsPath: true });
    world.relay.script.push(granted({ Expires: undefined }));
    await world.network.settle(connectorIn(world, { expires: 100 }).prepare());
    expect(await renewals(world, minute + 25_000)).toEqual([80, 80]);
  });

  test('that fails for good before the session is bound has complete() say so', async () => {
    const world = await openWorld({ keepsPath: true });
    const connector = connectorIn(world);
    await world.network.settle(connector.prepare());
    world.relay.script.push(...Array.from({ length: 20 }, () => refuses(403)));
    await renewals(world, 10 * minute);
    const complete = connector.complete([URI.parse('msrps://bob.test:9/bob;tcp')]);
    expect(await rejectionOf(world.network.settle(complete))).toMatchObject({
      code: 'MSRP_ERR_RELAY_AUTH',
      status: 403,
    });
  });

  test('comes once a second at most, whatever the relay grants', async () => {
    const world = await openWorld({ keepsPath: true, expires: 0 });
    await world.network.settle(connectorIn(world).prepare());
    const times = await renewals(world, 20_000);
    expect(times.length).toBeGreaterThan(10);
    expect(times.length).toBeLessThanOrEqual(20);
  });

  test('with another path goes on over the old one until the peer has agreed to the new one', async () => {
    const world = await openWorld();
    const changes: URI[][] = [];
    let agreed = (): void => {};
    const onPathChange = (path: URI[]): Promise<void> => {
      changes.push(path);
      return new Promise((resolve) => {
        agreed = resolve;
      });
    };
    const [near, far] = await sessionIn(world, { near: { onPathChange } });
    const [oldRelay, local] = strings(near.fullLocalPath);
    await renewals(world, 9 * minute);
    expect(changes.map(strings)).toEqual([
      [expect.stringMatching(/^msrps:\/\/relay\.test:2855\/token\d+;tcp$/), local],
    ]);
    const newRelay = String(changes[0]![0]);
    expect(newRelay).not.toBe(oldRelay);
    expect(strings(near.fullLocalPath)).toEqual([oldRelay, local]);
    expect(await reaches(world, near, far, 'still')).toBe('still');
    far.changeRemotePath(changes[0]!);
    expect(await reaches(world, near, far, 'the answer is under way')).toBe('the answer is under way');
    expect(await reaches(world, far, near, 'by the new path')).toBe('by the new path');
    agreed();
    await world.network.run(world.network.clock.now() + 1);
    expect(strings(near.fullLocalPath)).toEqual([newRelay, local]);
    expect(String(near.makeChunk().toPath[0])).toBe(newRelay);
    expect(await reaches(world, near, far, 'agreed')).toBe('agreed');
    expect(await reaches(world, far, near, 'and back')).toBe('and back');
  });

  test.each<[string, ((path: URI[]) => Promise<void>) | undefined, string]>([
    ['nobody can offer', undefined, 'nobody offers it'],
    ['the peer refuses', () => Promise.reject(new Error('488')), 'not agreed on: 488'],
  ])('with another path that %s stays with the old one, and says so', async (_, onPathChange, warning) => {
    const world = await openWorld();
    const [near, far] = await sessionIn(world, onPathChange && { near: { onPathChange }, far: { onPathChange } });
    const before = strings(near.fullLocalPath);
    await renewals(world, 9 * minute);
    expect(strings(near.fullLocalPath)).toEqual(before);
    expect(world.logged.filter((line) => line.includes(warning))).toHaveLength(2);
    expect(await reaches(world, near, far, 'still')).toBe('still');
    expect(await reaches(world, far, near, 'and back')).toBe('and back');
  });

  test('with another path has the messages of a session take it', async () => {
    const world = await openWorld();
    const [near, far] = await sessionIn(world, { near: { onPathChange: () => {} } });
    const session = new MSRPSession(near);
    const firstHop = async (): Promise<string> => {
      await world.network.settle(Promise.all([session.send('hello').delivered, far.readChunk()]));
      return String(world.relay.requests.findLast(({ method }) => method === 'SEND')!.toPath[0]);
    };
    const before = String(near.fullLocalPath[0]);
    expect(await firstHop()).toBe(before);
    await renewals(world, 9 * minute);
    expect(await firstHop()).toBe(String(near.fullLocalPath[0]));
    expect(String(near.fullLocalPath[0])).not.toBe(before);
  });

  test('with another path, before the peer has come, takes the peer by the new one', async () => {
    const world = await openWorld();
    let answer: URI[] = [];
    const acceptor = acceptorIn(world, { onPathChange: (path) => void (answer = path) });
    const connector = connectorIn(world);
    const old = await world.network.settle(acceptor.prepare());
    await renewals(world, 9 * minute);
    expect(strings(answer)).not.toEqual(strings(old));
    const offer = await world.network.settle(connector.prepare());
    const ends = await world.network.settle(Promise.all([connector.complete(answer), acceptor.complete(offer)]));
    for (const end of ends) closeAfterTest(() => end.destroy());
    expect(await reaches(world, ...ends, 'hello')).toBe('hello');
    expect(await reaches(world, ends[1], ends[0], 'and back')).toBe('and back');
  });

  test('that fails is tried again before the time is over, and then the session has failed', async () => {
    const world = await openWorld({ keepsPath: true });
    const connector = connectorIn(world);
    await world.network.settle(connector.prepare());
    const complete = connector.complete([URI.parse('msrps://bob.test:9/bob;tcp')]);
    const transport = await world.network.settle(complete);
    world.relay.script.push(...Array.from({ length: 20 }, () => refuses(403)));
    const read = rejectionOf(transport.readChunk());
    const times = await renewals(world, 20 * minute);
    expect(times).toEqual([480, 540, 570, 585, 592]);
    expect(await read).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status: 403 });
    await world.network.run();
    expect(world.relay.connections[0]!.endpoint.ended).toBe(true);
  });

  test('that works the second time is as good', async () => {
    const world = await openWorld({ keepsPath: true });
    const [near, far] = await sessionIn(world);
    world.relay.script.push(silent, refuses(403));
    expect(await renewals(world, 9.5 * minute)).toHaveLength(4);
    expect(world.logged).toHaveLength(2);
    expect(await reaches(world, near, far, 'still')).toBe('still');
  });

  test('in which the relay goes ends the session', async () => {
    const world = await openWorld({ keepsPath: true });
    const [near] = await sessionIn(world);
    const read = rejectionOf(near.readChunk());
    world.relay.script.push(dies);
    await renewals(world, 9 * minute);
    expect((await read).code).toBe('MSRP_ERR_CLOSED');
  });

  test('does not show to who reads the session', async () => {
    const world = await openWorld({ keepsPath: true });
    const [near, far] = await sessionIn(world);
    const abort = new AbortController();
    const read = near.readChunk({ signal: abort.signal });
    read.catch(() => {});
    await renewals(world, 9 * minute);
    abort.abort();
    await expect(read).rejects.toThrow();
    expect(await reaches(world, far, near, 'the first')).toBe('the first');
  });
});
