import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test, vi } from 'vitest';
import { AcceptorDirect, ConnectorDirect, type Head, MSRPSession, type MSRPTransport, URI } from '../../index.ts';
import type { Connection } from '../../net/connection.ts';
import { channels } from '../../net/diagnostics.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { here } from './serve.ts';

interface Event {
  readonly channel: string;
  readonly connection?: Connection;
  readonly transport?: MSRPTransport;
  readonly head?: Head;
  readonly error?: Error;
}

/** What is published until the test ends. */
function watch(): Event[] {
  const events: Event[] = [];
  for (const { name } of Object.values(channels)) {
    const listen = (message: unknown): void => {
      events.push({ channel: String(name), ...(message as object) });
    };
    subscribe(name, listen);
    closeAfterTest(() => void unsubscribe(name, listen));
  }
  return events;
}

function endsOn(network: SimulatedNetwork): [ConnectorDirect, AcceptorDirect] {
  const { clock, random } = network;
  const options = { network, clock, random, timeouts: { bindMs: 1000, incomingMs: 1000 } };
  return [new ConnectorDirect(options), new AcceptorDirect(options)];
}

async function pair(faults: LinkFaults = {}) {
  const network = new SimulatedNetwork({ seed: 1, faults: () => faults });
  const [connector, acceptor] = endsOn(network);
  const [answer] = await acceptor.prepare(here);
  await connector.prepare(here);
  const [near, far] = await network.settle(Promise.all([connector.complete([answer!]), acceptor.complete()]));
  return { network, near, far };
}

function named(events: Event[], name: string): Event[] {
  return events.filter(({ channel }) => channel === `msrp.${name}`);
}

/** The heads of chunks that one end of a connection saw. */
function heads(events: Event[], name: string, { connection }: MSRPTransport): string[] {
  return named(events, name)
    .filter((event) => event.connection === connection)
    .map(({ head }) => `${head!.method ?? head!.code} ${head!.transactionId}`);
}

describe('diagnostics', () => {
  test('show each connection and each session of it, once as it comes and once as it goes', async () => {
    const events = watch();
    const { network, near, far } = await pair();
    const connections = [near.connection, far.connection];
    expect(new Set(named(events, 'connection.open').map(({ connection }) => connection))).toEqual(new Set(connections));
    expect(new Set(named(events, 'session.bound').map(({ transport }) => transport))).toEqual(new Set([near, far]));
    expect([...named(events, 'connection.close'), ...named(events, 'session.ended')]).toEqual([]);
    await network.settle(near.close());
    await network.run();
    expect(new Set(named(events, 'session.ended').map(({ transport }) => transport))).toEqual(new Set([near, far]));
    expect(new Set(named(events, 'connection.close').map(({ connection }) => connection))).toEqual(
      new Set(connections),
    );
    for (const name of ['connection.open', 'connection.close', 'session.bound', 'session.ended']) {
      expect(named(events, name)).toHaveLength(2);
    }
    for (const { error } of events) expect(error).toBeUndefined();
  });

  test('say what a connection and its session broke of', async () => {
    const events = watch();
    const { network, near, far } = await pair({ toServer: { resetAfterBytes: 2000 } });
    near.writeChunk(near.makeChunk({ data: Buffer.alloc(5000) })).catch(() => {});
    await network.run();
    for (const name of ['connection.close', 'session.ended']) {
      const broken = named(events, name);
      expect(broken).toHaveLength(2);
      for (const { error } of broken) expect(error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    }
    far.destroy();
  });

  test.each([1, 7, 65_536])(
    'show the head of each chunk at both ends, with responses, in reads of %i octets',
    async (readBytes) => {
      const events = watch();
      const { network, near, far } = await pair({ toServer: { readBytes }, toClient: { readBytes } });
      const [one, other] = [new MSRPSession(near, { chunkSize: 2000 }), new MSRPSession(far)];
      const reading = (async () => {
        for await (const message of other.messages()) return message.text();
        return undefined;
      })();
      const sending = one.send('x'.repeat(5000), { successReport: 'yes' });
      const [text] = await network.settle(Promise.all([reading, sending.delivered]));
      expect(text).toHaveLength(5000);
      const sent = heads(events, 'chunk.sent', near);
      expect(sent.length).toBeGreaterThan(1);
      expect(heads(events, 'chunk.received', far)).toEqual(sent);
      const back = heads(events, 'chunk.sent', far);
      expect(heads(events, 'chunk.received', near)).toEqual(back);
      expect(back.filter((head) => head.startsWith('200'))).toHaveLength(sent.length);
      expect(back.some((head) => head.startsWith('REPORT'))).toBe(true);
      await network.settle(Promise.all([one.shutdown(), other.shutdown()]));
    },
  );

  test('leave out what is written and is no chunk', async () => {
    const { network, near, far } = await pair();
    const events = watch();
    await network.settle(near.write(Buffer.from('no chunk\r\n')));
    await network.run();
    expect([...named(events, 'chunk.sent'), ...named(events, 'chunk.received')]).toEqual([]);
    far.destroy();
  });

  test('know of no session that was refused', async () => {
    const events = watch();
    const network = new SimulatedNetwork({ seed: 1 });
    const [connector, acceptor] = endsOn(network);
    const [answer] = await acceptor.prepare(here);
    await connector.prepare(here);
    const complete = acceptor.complete([new URI({ host: '127.0.0.1', port: 9, sessionId: 'another' })]);
    complete.catch(() => {});
    expect(await rejectionOf(network.settle(connector.complete([answer!])))).toMatchObject({ status: 481 });
    await rejectionOf(network.settle(complete));
    await network.run();
    expect([named(events, 'session.bound'), named(events, 'session.ended')]).toEqual([[], []]);
    expect([named(events, 'connection.open').length, named(events, 'connection.close').length]).toEqual([2, 2]);
  });

  test('compute nothing for nobody', async () => {
    const publish = Object.values(channels).map((channel) => vi.spyOn(channel, 'publish'));
    closeAfterTest(() => void vi.restoreAllMocks());
    const { network, near, far } = await pair();
    const writing = near.writeChunk(near.makeChunk({ data: 'hello' }));
    await network.settle(Promise.all([writing, far.readChunk()]));
    await network.settle(near.close());
    await network.run();
    for (const published of publish) expect(published).not.toHaveBeenCalled();
  });
});
