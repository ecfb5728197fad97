import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AcceptorDirect,
  AcceptorRelay,
  ConnectionPool,
  type ConnectOptions,
  type Connector,
  ConnectorDirect,
  ConnectorRelay,
  type IncomingMessage,
  type MSRPRelayInit,
  MSRPRelaySettings,
  MSRPSession,
  URI,
} from '../../index.ts';
import { rejectionOf } from '../net/open.ts';
import { hasKamailio, type Kamailio, startKamailio } from './kamailio.ts';
import { capture } from './tshark.ts';

const here = new URI({ host: '127.0.0.1' });

describe.skipIf(!hasKamailio)('Kamailio as our relay', { timeout: 60_000 }, () => {
  let kamailio: Kamailio;
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'msrp-kamailio-capture-'));
    kamailio = await startKamailio();
  }, 60_000);

  afterAll(async () => {
    await kamailio.close();
    rmSync(folder, { recursive: true });
  });

  function user(username: 'alice' | 'bob', useTLS: boolean, more: Partial<MSRPRelayInit> = {}): MSRPRelaySettings {
    const password = { alice: 'secret1', bob: 'secret2' }[username];
    const port = useTLS ? kamailio.tlsPort : kamailio.port;
    return new MSRPRelaySettings({ domain: '127.0.0.1', port, username, password, useTLS, ...more });
  }

  function trusting(): ConnectOptions {
    return { tls: { ca: kamailio.certificate.cert } };
  }

  async function open(connector: Connector, acceptor: Connector): Promise<[MSRPSession, MSRPSession]> {
    const offer = await connector.prepare(here);
    const answer = await acceptor.prepare(here);
    const ends = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
    return [new MSRPSession(ends[0]), new MSRPSession(ends[1])];
  }

  /** A message, and the REPORT on it. */
  async function carries(from: MSRPSession, to: MSRPSession, body: Buffer): Promise<void> {
    const messages = to.messages();
    const sent = from.send(body, { successReport: 'yes' });
    const { value } = await messages.next();
    expect((await (value as IncomingMessage).bytes()).equals(body)).toBe(true);
    await sent.delivered;
    await messages.return?.();
  }

  const bodies = [Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(100_000, 'kamailio')];

  async function talks([alice, bob]: readonly [MSRPSession, MSRPSession]): Promise<void> {
    for (const body of bodies) {
      await carries(alice, bob, body);
      await carries(bob, alice, body);
    }
    await alice.shutdown();
    await bob.shutdown();
  }

  test.each([
    ['TCP', false],
    ['TLS', true],
  ])('serves both sides over %s: AUTH, SEND both ways, REPORT', async (_, useTLS) => {
    const connector = new ConnectorRelay(user('alice', useTLS), trusting());
    const acceptor = new AcceptorRelay(user('bob', useTLS), trusting());
    await talks(await open(connector, acceptor));
  });

  test('serves the connecting side alone', async () => {
    await talks(await open(new ConnectorRelay(user('alice', false)), new AcceptorDirect()));
  });

  // To a peer that does not listen it finds no way back: nothing goes in the other direction.
  test('serves the accepting side alone', async () => {
    const [alice, bob] = await open(new ConnectorDirect(), new AcceptorRelay(user('bob', false)));
    const messages = bob.messages();
    for (const body of bodies) {
      await alice.send(body).delivered;
      const { value } = await messages.next();
      expect((await (value as IncomingMessage).bytes()).equals(body)).toBe(true);
    }
    await alice.shutdown();
    await bob.shutdown();
  });

  test('serves several sessions on one connection', async () => {
    const options = { pool: new ConnectionPool({ idleMs: 0 }) };
    const sessions = [
      await open(new ConnectorRelay(user('alice', false), options), new AcceptorRelay(user('bob', false), options)),
      await open(new ConnectorRelay(user('bob', false), options), new AcceptorRelay(user('alice', false), options)),
    ] as const;
    expect(new Set(sessions.flat().map(({ transport }) => transport.connection)).size).toBe(1);
    for (const pair of sessions) await talks(pair);
  });

  test('refuses a wrong password with 401', async () => {
    const connector = new ConnectorRelay(user('alice', false, { password: 'secret2' }));
    expect(await rejectionOf(connector.prepare(here))).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status: 401 });
  });

  test.each([5, 86_400])('an Expires of %i is put right by its 423', async (expires) => {
    const connector = new ConnectorRelay(user('alice', false, { expires }));
    expect(await connector.prepare(here)).toHaveLength(2);
    await connector.cleanup();
  });

  test('whose certificate names another is refused', async () => {
    const relay = user('alice', true, { domain: 'relay.example', host: '127.0.0.1' });
    const connector = new ConnectorRelay(relay, trusting());
    expect((await rejectionOf(connector.prepare(here))).code).toBe('MSRP_ERR_TLS');
  });

  test('tshark recognises every frame of a session through it', async () => {
    const captured = await capture(kamailio.port, join(folder, 'relay.pcap'));
    const [alice, bob] = await open(new ConnectorRelay(user('alice', false)), new AcceptorDirect());
    await carries(alice, bob, Buffer.from('hello'));
    await bob.send(Buffer.alloc(2000, 'x')).delivered;
    await alice.shutdown();
    await bob.shutdown();
    await captured.ended(2);
    const frames = await captured.dissect();
    expect(frames.map(({ method, code }) => `${method}${code}`).join(' ')).toBe(
      'AUTH 401 AUTH 200 SEND 200 SEND 200 REPORT SEND 200',
    );
    expect(frames.filter(({ fault }) => fault !== '')).toEqual([]);
  });

  test('tshark recognises every frame of a session whose both sides are clients of it', async () => {
    const captured = await capture(kamailio.port, join(folder, 'relays.pcap'));
    const [alice, bob] = await open(new ConnectorRelay(user('alice', false)), new AcceptorRelay(user('bob', false)));
    await carries(alice, bob, Buffer.from('hello'));
    await carries(bob, alice, Buffer.alloc(2000, 'x'));
    await alice.shutdown();
    await bob.shutdown();
    await captured.ended(4);
    const frames = await captured.dissect();
    expect(frames.filter(({ fault }) => fault !== '')).toEqual([]);
    const count = (text: string): number => frames.filter((each) => `${each.method} ${each.range}` === text).length;
    expect(count('AUTH ')).toBe(4);
    // From Alice, from Kamailio to itself, to Bob.
    for (const range of ['1-0/0', '1-5/5', '1-2000/2000']) expect(count(`SEND ${range}`)).toBe(3);
    // One leaves in one piece with the 200 before it, which tshark sees alone.
    for (const range of ['1-5/5', '1-2000/2000']) expect(count(`REPORT ${range}`)).toBeGreaterThanOrEqual(2);
  });
});
