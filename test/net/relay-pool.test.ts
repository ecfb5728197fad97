import { describe, expect, test } from 'vitest';
import { ConnectionPool, MSRPAuthTimeout, URI } from '../../index.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { connectorIn, openWorld, reaches, sessionIn } from './relay-world.ts';
import { silent } from './scripted-relay.ts';

const minute = 60_000;

describe('a pool of connections to relays', () => {
  function pool(idleMs?: number): ConnectionPool {
    const made = new ConnectionPool(idleMs === undefined ? {} : { idleMs });
    closeAfterTest(() => made.close());
    return made;
  }

  test('has sessions share the connection to the relay, each with a path of its own', async () => {
    const world = await openWorld();
    const shared = pool(0);
    const options = { near: { pool: shared }, far: { pool: shared } };
    const pairs = [await sessionIn(world, options), await sessionIn(world, options)];
    expect(world.relay.connections).toHaveLength(1);
    const paths = pairs.flat().map(({ fullLocalPath }) => String(fullLocalPath[0]));
    expect(new Set(paths).size).toBe(4);
    await world.network.settle(pairs[0]![0].close());
    pairs[0]![1].destroy();
    expect(await reaches(world, ...pairs[1]!, 'still')).toBe('still');
    for (const end of pairs[1]!) await world.network.settle(end.close());
    await world.network.run();
    expect([shared.size, world.relay.connections[0]!.endpoint.ended]).toEqual([0, true]);
  });

  test('keeps the connection while a path is held on it, and for a while after', async () => {
    const world = await openWorld({ expires: 36_000 });
    const shared = pool(minute);
    const connector = connectorIn(world, {}, { pool: shared });
    await world.network.settle(connector.prepare());
    await world.network.run(world.network.clock.now() + 60 * minute);
    expect(shared.size).toBe(1);
    await connector.cleanup();
    const again = connectorIn(world, {}, { pool: shared });
    await world.network.settle(again.prepare());
    expect(world.relay.connections).toHaveLength(1);
    await again.cleanup();
    await world.network.run();
    expect(shared.size).toBe(0);
  });

  test('reads on for the others when a session that stopped it has ended', async () => {
    const world = await openWorld();
    const shared = pool();
    const limits = { unreadBytes: 1000 };
    const pairs = [
      await sessionIn(world, { far: { pool: shared, limits } }),
      await sessionIn(world, { far: { pool: shared, limits } }),
    ];
    const [from, to] = pairs[0]!;
    const large = from.makeChunk({ data: 'x'.repeat(5000), failureReport: 'no' });
    await world.network.settle(from.writeChunk(large));
    await world.network.run(world.network.clock.now() + 100);
    to.destroy();
    expect(await reaches(world, ...pairs[1]!, 'the other')).toBe('the other');
  });

  test('forgets the connection to a relay that did not answer', async () => {
    const world = await openWorld();
    const shared = pool();
    world.relay.script.push(silent);
    const prepare = connectorIn(world, {}, { pool: shared }).prepare();
    expect(await rejectionOf(world.network.settle(prepare))).toBeInstanceOf(MSRPAuthTimeout);
    expect(shared.size).toBe(0);
  });

  test('does not take the relay of one domain for that of another, though it be the same', async () => {
    const world = await openWorld();
    const shared = pool();
    for (const domain of ['relay.test', 'other.test']) {
      await world.network.settle(connectorIn(world, { domain, host: '127.0.0.1' }, { pool: shared }).prepare());
    }
    expect(world.relay.connections.map(({ endpoint }) => endpoint.socket.tls?.serverName)).toEqual([
      'relay.test',
      'other.test',
    ]);
  });

  test('refuses one URI twice on a connection, and leaves the first alone', async () => {
    const world = await openWorld();
    const shared = pool();
    const uri = new URI({ host: 'alice.test', port: 9, sessionId: 'mine' });
    await world.network.settle(connectorIn(world, {}, { pool: shared }).prepare(uri));
    const second = connectorIn(world, {}, { pool: shared }).prepare(uri);
    expect((await rejectionOf(world.network.settle(second))).code).toBe('MSRP_ERR_STATE');
    expect(shared.size).toBe(1);
  });
});
