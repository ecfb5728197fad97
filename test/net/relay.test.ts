import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import {
  AcceptorDirect,
  AcceptorRelay,
  ConnectorDirect,
  ConnectorRelay,
  getAcceptor,
  getConnector,
  type IncomingMessage,
  MSRPBindSessionTimeout,
  MSRPRelaySettings,
  MSRPSession,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import { Connection } from '../../net/connection.ts';
import { settingsOf } from '../../net/options.ts';
import { RelayLeg } from '../../net/relay-leg.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { emptySend } from './raw-peer.ts';
import {
  acceptorIn,
  alice,
  connectorIn,
  openWorld,
  reaches,
  type RelayWorld,
  sessionIn,
  strings,
} from './relay-world.ts';
import type { ScriptedRelay } from './scripted-relay.ts';

const minute = 60_000;

/** A raw request to the client behind the first connection. */
function sendRaw({ relay }: RelayWorld, frame: string, connection = 0): void {
  relay.connections[connection]!.endpoint.socket.write([Buffer.from(frame)]);
}

function receivedBy(relay: ScriptedRelay, connection = 0): string {
  return relay.connections[connection]!.endpoint.data.toString();
}

describe('a session through the relays of both sides', () => {
  test.each([0, 1])('carries messages and REPORTs from side %i', async (side) => {
    const world = await openWorld();
    const [near, far] = (await sessionIn(world)).map((transport) => new MSRPSession(transport));
    const [from, to] = side === 0 ? [near!, far!] : [far!, near!];
    const messages = to.messages();
    for (const body of ['hello', 'x'.repeat(200_000)]) {
      const sent = from.send(body, { successReport: 'yes' });
      const next = await world.network.settle(messages.next());
      const message = next.value as IncomingMessage;
      expect(await world.network.settle(message.text())).toBe(body);
      await world.network.settle(sent.delivered);
    }
  });

  test('has the paths that the RFC asks for', async () => {
    const world = await openWorld();
    const [near, far] = await sessionIn(world);
    const [nearRelay, nearUri] = strings(near.fullLocalPath);
    const [farRelay, farUri] = strings(far.fullLocalPath);
    expect(strings(near.fullRemotePath)).toEqual([farRelay, farUri]);
    expect(strings(far.fullRemotePath)).toEqual([nearRelay, nearUri]);
    const bind = world.relay.requests.find(({ method }) => method === 'SEND');
    expect(strings(bind!.toPath)).toEqual([nearRelay, farRelay, farUri]);
    expect(strings(bind!.fromPath)).toEqual([nearUri]);
    const answer = far.makeChunk({ data: 'x' });
    expect(strings(answer.toPath)).toEqual([farRelay, nearRelay, nearUri]);
    expect(await reaches(world, near, far, 'there')).toBe('there');
    expect(await reaches(world, far, near, 'and back')).toBe('and back');
  });

  test('takes no chunk that came by another way', async () => {
    const world = await openWorld();
    const [near, far] = await sessionIn(world);
    const [relay, uri] = strings(near.fullLocalPath);
    for (const [path, status] of [
      [`${far.fullLocalPath[0]!} ${relay!} ${uri!}`, undefined],
      [`${relay!} ${uri!}`, 481],
      [uri!, 481],
    ] as const) {
      sendRaw(world, emptySend('raw1', far.localUri, 'Failure-Report: no\r\n', path), 1);
      const chunk = await world.network.settle(far.readChunk());
      expect(far.checkIncomingSendChunk(chunk)?.status).toBe(status);
    }
  });

  test('ends with its connection to the relay, which has no other use', async () => {
    const world = await openWorld();
    const [near, far] = await sessionIn(world);
    await world.network.settle(near.close());
    far.destroy();
    await world.network.run();
    expect(world.relay.connections.map(({ endpoint }) => endpoint.ended)).toEqual([true, true]);
    expect(world.network.clock.now()).toBeLessThan(minute);
  });

  test('fails when the relay goes', async () => {
    const world = await openWorld();
    const [near] = await sessionIn(world);
    const read = near.readChunk();
    world.relay.connections[0]!.endpoint.socket.destroy();
    expect((await rejectionOf(world.network.settle(read))).code).toBe('MSRP_ERR_CLOSED');
  });
});

describe('a connector', () => {
  async function prepared(world: RelayWorld): Promise<{ connector: ConnectorRelay; local: URI[]; remote: URI[] }> {
    const connector = connectorIn(world);
    const local = await world.network.settle(connector.prepare());
    return { connector, local, remote: [URI.parse('msrps://bob.test:9/bob;tcp')] };
  }

  test('whose relay refuses the binding is MSRP_ERR_BIND_REFUSED with its code', async () => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    world.relay.binding = 481;
    expect(await rejectionOf(world.network.settle(connector.complete(remote)))).toMatchObject({
      code: 'MSRP_ERR_BIND_REFUSED',
      status: 481,
    });
    await world.network.run();
    expect(world.relay.connections[0]!.endpoint.ended).toBe(true);
  });

  test('whose relay does not answer the binding is an MSRPBindSessionTimeout', async () => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    world.relay.binding = undefined;
    const error = await rejectionOf(world.network.settle(connector.complete(remote)));
    expect(error).toBeInstanceOf(MSRPBindSessionTimeout);
  });

  test.each(['before', 'while'])('whose relay goes %s it completes is MSRP_ERR_CLOSED', async (when) => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    const [connection] = world.relay.connections;
    world.relay.binding = undefined;
    if (when === 'before') {
      connection!.endpoint.socket.destroy();
      await world.network.run(() => connection!.endpoint.closed);
      await world.network.run(world.network.clock.now() + 10);
    }
    const complete = connector.complete(remote);
    complete.catch(() => {});
    await world.network.run(() => when === 'before' || receivedBy(world.relay).includes(' SEND'));
    connection!.endpoint.socket.destroy();
    expect((await rejectionOf(world.network.settle(complete))).code).toBe('MSRP_ERR_CLOSED');
  });

  test('refuses a request that comes before it completes, and goes on', async () => {
    const world = await openWorld();
    const { connector, local, remote } = await prepared(world);
    sendRaw(world, emptySend('early1', local[1]!, '', `${local[0]!} ${remote[0]!}`));
    sendRaw(world, `MSRP early2 200 OK\r\nTo-Path: ${local[1]!}\r\nFrom-Path: ${local[0]!}\r\n-------early2$\r\n`);
    await world.network.run(() => receivedBy(world.relay).includes('-------early1$'));
    expect(receivedBy(world.relay)).toContain('MSRP early1 481');
    closeAfterTest(await destroyer(world.network.settle(connector.complete(remote))));
  });

  test.each([[[]], [undefined]])('without the path of the peer, %j, is MSRP_ERR_ARGUMENT', async (path) => {
    const world = await openWorld();
    const { connector } = await prepared(world);
    expect((await rejectionOf(connector.complete(path))).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('is prepared once and completed once', async () => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    expect((await rejectionOf(connector.prepare())).code).toBe('MSRP_ERR_STATE');
    closeAfterTest(await destroyer(world.network.settle(connector.complete(remote))));
    expect((await rejectionOf(connector.complete(remote))).code).toBe('MSRP_ERR_STATE');
    expect((await rejectionOf(connectorIn(world).complete(remote))).code).toBe('MSRP_ERR_STATE');
  });

  test.each(['signal', 'cleanup'])('gives up by %s while it binds, and leaves nothing', async (how) => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    world.relay.binding = undefined;
    const abort = new AbortController();
    const complete = connector.complete(remote, { signal: abort.signal });
    await world.network.run(() => receivedBy(world.relay).includes(' SEND'));
    if (how === 'signal') abort.abort();
    else await connector.cleanup();
    expect((await rejectionOf(complete)).code).toBe('MSRP_ERR_ABORTED');
    await world.network.run();
    expect(world.relay.connections[0]!.endpoint.ended).toBe(true);
  });

  test('cleanup() after success leaves the session alone', async () => {
    const world = await openWorld();
    const { connector, remote } = await prepared(world);
    const transport = await world.network.settle(connector.complete(remote));
    await connector.cleanup();
    await world.network.settle(transport.writeChunk(transport.makeChunk({ data: 'still' })));
    closeAfterTest(() => transport.destroy());
  });
});

async function destroyer(transport: Promise<MSRPTransport>): Promise<() => void> {
  const made = await transport;
  return () => made.destroy();
}

describe('an acceptor', () => {
  /** An acceptor, and a connector of the same relay that is to be its peer. */
  async function both(world: RelayWorld) {
    const acceptor = acceptorIn(world);
    const connector = connectorIn(world);
    const answer = await world.network.settle(acceptor.prepare());
    const offer = await world.network.settle(connector.prepare());
    return { acceptor, connector, answer, offer };
  }

  test('without the path of the peer takes whoever knows its own, and learns it', async () => {
    const world = await openWorld();
    const { acceptor, connector, answer, offer } = await both(world);
    const ends = await world.network.settle(Promise.all([connector.complete(answer), acceptor.complete()]));
    for (const end of ends) closeAfterTest(() => end.destroy());
    expect(strings(ends[1].fullRemotePath)).toEqual(strings(offer));
    expect(await reaches(world, ends[1], ends[0], 'hello')).toBe('hello');
  });

  test('takes a peer that binds before it completes', async () => {
    const world = await openWorld();
    const { acceptor, connector, answer, offer } = await both(world);
    const near = await world.network.settle(connector.complete(answer));
    await world.network.run(world.network.clock.now() + 1000);
    const far = await world.network.settle(acceptor.complete(offer));
    for (const end of [near, far]) closeAfterTest(() => end.destroy());
    expect(await reaches(world, near, far, 'hello')).toBe('hello');
  });

  test.each(['before', 'while'])('refuses another peer %s it waits for the right one', async (when) => {
    const world = await openWorld();
    const { acceptor, connector, answer, offer } = await both(world);
    const stray = emptySend('stray1', answer[1]!, '', `${answer[0]!} msrps://mallory.test:9/m;tcp`);
    if (when === 'before') {
      sendRaw(world, stray);
      await world.network.run(world.network.clock.now() + 10);
    }
    const complete = acceptor.complete(offer);
    if (when === 'while') sendRaw(world, stray);
    await world.network.run(() => receivedBy(world.relay).includes('-------stray1$'));
    expect(receivedBy(world.relay)).toContain('MSRP stray1 481');
    const [near, far] = await world.network.settle(Promise.all([connector.complete(answer), complete]));
    for (const end of [near, far]) closeAfterTest(() => end.destroy());
    expect(await reaches(world, near, far, 'hello')).toBe('hello');
  });

  test.each([
    ['by another relay', 'msrps://other.test:2855/token1;tcp msrps://mallory.test:9/m;tcp'],
    ['from our relay itself', undefined],
  ])('refuses who comes %s', async (_, path) => {
    const world = await openWorld();
    const { acceptor, answer } = await both(world);
    const complete = acceptor.complete();
    complete.catch(() => {});
    sendRaw(world, emptySend('stray1', answer[1]!, '', path ?? String(answer[0])));
    await world.network.run(() => receivedBy(world.relay).includes('-------stray1$'));
    expect(receivedBy(world.relay)).toContain('MSRP stray1 481');
  });

  test('whose session is over at once has left the relay', async () => {
    const world = await openWorld();
    const { acceptor, connector, answer } = await both(world);
    const onBound = (event: unknown): void => {
      const { transport } = event as { transport: MSRPTransport };
      if (transport.localUri === answer[1]) transport.destroy();
    };
    subscribe('msrp.session.bound', onBound);
    const ends = await world.network.settle(Promise.all([connector.complete(answer), acceptor.complete()]));
    unsubscribe('msrp.session.bound', onBound);
    await world.network.run(world.network.clock.now() + 10_000);
    expect(world.relay.connections[0]!.endpoint.ended).toBe(true);
    for (const end of ends) closeAfterTest(() => end.destroy());
  });

  test('to whom nobody comes is an MSRPBindSessionTimeout, and leaves nothing', async () => {
    const world = await openWorld();
    const { acceptor, offer, connector } = await both(world);
    await connector.cleanup();
    const error = await rejectionOf(world.network.settle(acceptor.complete(offer)));
    expect(error).toBeInstanceOf(MSRPBindSessionTimeout);
    await world.network.run();
    expect(world.relay.connections.map(({ endpoint }) => endpoint.ended)).toEqual([true, true]);
  });

  test.each(['before', 'while'])('whose relay goes %s it waits is MSRP_ERR_CLOSED', async (when) => {
    const world = await openWorld();
    const { acceptor, offer } = await both(world);
    const close = async (): Promise<void> => {
      world.relay.connections[0]!.endpoint.socket.destroy();
      await world.network.run(world.network.clock.now() + 10);
    };
    if (when === 'before') await close();
    const complete = acceptor.complete(offer);
    complete.catch(() => {});
    if (when === 'while') await close();
    expect((await rejectionOf(world.network.settle(complete))).code).toBe('MSRP_ERR_CLOSED');
  });

  test.each(['signal', 'cleanup'])('gives up by %s, and leaves nothing', async (how) => {
    const world = await openWorld();
    const { acceptor, offer, connector } = await both(world);
    const abort = new AbortController();
    const complete = acceptor.complete(offer, { signal: abort.signal });
    await connector.cleanup();
    if (how === 'signal') abort.abort();
    else await acceptor.cleanup();
    expect((await rejectionOf(complete)).code).toBe('MSRP_ERR_ABORTED');
    await world.network.run();
    expect(world.relay.connections.map(({ endpoint }) => endpoint.ended)).toEqual([true, true]);
  });
});

test('a connection that has closed meanwhile takes no AUTH', async () => {
  const world = await openWorld();
  const settings = settingsOf(world.options);
  const target = { host: 'relay.test', port: 2855, tls: {} };
  const connection = new Connection(await world.network.settle(world.network.connect(target)), settings, {
    admit: () => 481,
  });
  connection.destroy();
  await world.network.run();
  const uri = URI.parse('msrps://alice.test:9/mine;tcp');
  const leg = new RelayLeg(connection, uri, [new MSRPRelaySettings(alice)], settings, {});
  const startedAt = world.network.clock.now();
  const error = await rejectionOf(world.network.settle(leg.authenticate(new AbortController().signal)));
  expect([error.code, world.network.clock.now()]).toEqual(['MSRP_ERR_CLOSED', startedAt]);
});

test.each([
  [getConnector, undefined, ConnectorDirect],
  [getAcceptor, undefined, AcceptorDirect],
  [getConnector, new MSRPRelaySettings(alice), ConnectorRelay],
  [getAcceptor, [new MSRPRelaySettings(alice)], AcceptorRelay],
])('%o with the relay %j gives the right kind', (get, relay, kind) => {
  expect(get({ relay })).toBeInstanceOf(kind);
});
