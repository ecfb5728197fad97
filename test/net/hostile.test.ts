// What peers do that are broken or mean no good. Each costs its own connection at most: beside it, sessions on connections of their own
// and on a shared one go on exchanging messages, and in the end nothing is left.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTLS } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MSRPServer, MSRPSession, URI } from '../../index.ts';
import { coarseTimersOf } from '../../net/coarse-timers.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { standstill } from '../support/standstill.ts';
import { GoodSessions, until } from './good-sessions.ts';
import { closeAfterTest } from './open.ts';
import { emptySend, rawConnect, rawPath, type RawPeer, response, textSend } from './raw-peer.ts';

const own = 10;
const here = new URI({ host: '127.0.0.1' });
// Of the server alone: its clients have their own.
const clock = new SimulatedClock();
const server = new MSRPServer({ clock });
let good: GoodSessions;
let anywhere: URI;

beforeAll(async () => {
  good = await GoodSessions.open(server, own);
  [anywhere] = (await server.prepare(here)) as [URI];
  await server.cleanup(anywhere);
});

beforeEach(() => {
  good.start();
  closeAfterTest(async () => {
    await good.stop();
    // Only the good ones are left.
    await until(() => server.stats().connections === own + 1);
    expect(server.stats()).toMatchObject({ listeners: 1, connections: own + 1, expected: 2 * own });
  });
});

afterAll(async () => {
  await good.shutdown();
  await server.close();
  clock.advance(30_250);
  await until(() => server.stats().connections === 0);
  expect(server.stats()).toMatchObject({ listeners: 0, connections: 0, expected: 0 });
  expect(coarseTimersOf(clock).pending).toBe(0);
});

/** A raw peer with a session of its own on the server, which reads what comes. */
async function bound(read = true): Promise<{ peer: RawPeer; uri: URI; session: MSRPSession }> {
  const [uri] = await server.prepare(here);
  const complete = server.complete(undefined, { localUri: uri! });
  const peer = await rawConnect(uri!);
  peer.send(emptySend('bind', uri!));
  await peer.until('bind$\r\n');
  const session = new MSRPSession(await complete);
  if (read) void readAll(session);
  closeAfterTest(async () => {
    peer.socket.destroy();
    await session.closed;
  });
  return { peer, uri: uri!, session };
}

async function readAll(session: MSRPSession): Promise<void> {
  try {
    for await (const message of session.messages()) message.bytes().catch(() => {});
  } catch {
    // The session failed, as it should.
  }
}

test('what was good before garbage in the same read is answered', async () => {
  const { peer, uri } = await bound();
  peer.send(`${textSend('good', uri, 'hello')}GET / HTTP/1.1\r\n\r\n`);
  expect(await peer.until('good$\r\n')).toMatch(/^MSRP good 200 OK\r\n/);
  await peer.untilClosed();
});

describe('octets that are no MSRP close their connection without a word', () => {
  const cases: [string, () => Buffer][] = [
    ['random octets', () => Buffer.concat([Buffer.from([0]), randomBytes(100_000)])],
    ['an HTTP request', () => Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['the wrong version of the wrong protocol', () => Buffer.from('SIP/2.0 200 OK\r\n\r\n')],
    ['a start-line without an end', () => Buffer.from(`MSRP abcd SEND${' '.repeat(20_000)}`)],
    ['bare line feeds', () => Buffer.from(`MSRP abcd SEND\nTo-Path: ${String(anywhere)}\n`)],
    ['zeros', () => Buffer.alloc(65_536)],
  ];

  test.each(cases)('%s', async (_, octets) => {
    const peer = await rawConnect(anywhere);
    peer.socket.write(octets());
    await peer.untilClosed();
    expect(peer.text).toBe('');
  });

  test.each(cases)('%s, in a session', async (_, octets) => {
    const { peer, session } = await bound();
    peer.socket.write(octets());
    await peer.untilClosed();
    expect(await session.closed).toBeInstanceOf(Error);
  });

  test('a TLS handshake', async () => {
    const socket = connectTLS({ port: anywhere.port!, host: '127.0.0.1' });
    closeAfterTest(() => void socket.destroy());
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });
});

describe('a head that does not end closes its connection', () => {
  const gibibyte = 1_073_741_824;
  const lines: [string, string][] = [
    ['one line', 'x'.repeat(65_536)],
    ['header lines', 'X-More: and more\r\n'.repeat(4096)],
    ['URIs in To-Path', ` msrp://a.example:1/abcd;tcp`.repeat(2048)],
  ];

  test.each(lines)('of %s', async (_, piece) => {
    const peer = await rawConnect(anywhere);
    peer.send(`MSRP abcd SEND\r\nTo-Path:`);
    let written = 0;
    while (written < gibibyte && !peer.socket.destroyed) {
      written += piece.length;
      if (!peer.socket.write(piece)) await until(() => peer.socket.destroyed || !peer.socket.writableNeedDrain);
    }
    await peer.untilClosed();
    // What the system had taken before it knew.
    expect(written).toBeLessThan(gibibyte / 32);
  });
});

describe('requests that are for nobody, or wrong', () => {
  test.each([
    ['to a session that does not exist', () => String(anywhere)],
    ['to two URIs', () => `${String(anywhere)} msrp://a.example:1/abcd;tcp`],
    ['to a URI of another host', () => 'msrp://a.example:1/abcd;tcp'],
  ])('%s: 481, and more than ten close the connection', async (_, to) => {
    const peer = await rawConnect(anywhere);
    for (let count = 0; count < 10; count++) {
      peer.send(emptySend(`aaaa${count}`, to()));
      const first = to().split(' ')[0]!;
      expect(await peer.until(`aaaa${count}$\r\n`)).toBe(
        response(`aaaa${count}`, '481 No such session', rawPath, first),
      );
    }
    peer.send(emptySend('last', to()));
    await peer.untilClosed();
  });

  test('malformed ones: 400, and more than ten close the connection', async () => {
    const { peer, uri, session } = await bound();
    for (let count = 0; count < 10; count++) {
      peer.send(emptySend(`aaaa${count}`, uri, 'Byte-Range: x\r\n'));
      expect(await peer.until(`aaaa${count}$\r\n`)).toContain(`MSRP aaaa${count} 400 `);
    }
    peer.send(emptySend('last', uri, 'Byte-Range: x\r\n'));
    await peer.untilClosed();
    expect(await session.closed).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test('unknown methods: 501, as often as they come', async () => {
    const { peer, uri } = await bound();
    for (let count = 0; count < 50; count++) {
      peer.send(emptySend(`aaaa${count}`, uri).replace('SEND', 'FROBNICATE'));
      expect(await peer.until(`aaaa${count}$\r\n`)).toContain(`MSRP aaaa${count} 501 `);
    }
  });

  test('to a session of somebody else: 506, and that session does not see it', async () => {
    const victim = await bound(false);
    const arrived = victim.session.messages().next();
    const peer = await rawConnect(anywhere);
    peer.send(textSend('aaaa', victim.uri, 'not for you'));
    expect(await peer.until('aaaa$\r\n')).toContain('MSRP aaaa 506 ');
    victim.peer.send(textSend('bbbb', victim.uri, 'for you'));
    const { value } = await arrived;
    expect(await (value as { text(): Promise<string> }).text()).toBe('for you');
  });

  test('responses and REPORTs that nobody asked for are ignored', async () => {
    const { peer, uri } = await bound();
    for (let count = 0; count < 1000; count++) {
      peer.send(response(`aaaa${count}`, '200 OK', uri, rawPath));
      peer.send(emptySend(`bbbb${count}`, uri, 'Status: 000 200 OK\r\n').replace('SEND', 'REPORT'));
    }
    peer.send(emptySend('last', uri));
    expect(await peer.until('last$\r\n')).toBe(response('last', '200 OK', rawPath, uri));
  });
});

describe('peers that stop', () => {
  const half = (uri: URI): string => textSend('aaaa', uri, 'x'.repeat(1000)).slice(0, -200);

  test('in mid-chunk and keep silent: without a session they are closed after 30 s', async () => {
    const peers = await Promise.all([rawConnect(anywhere), rawConnect(anywhere)]);
    peers[0].send(half(anywhere).slice(0, 30));
    await until(() => server.stats().connections === own + 3);
    await good.stop();
    clock.advance(30_250);
    await Promise.all(peers.map((peer) => peer.untilClosed()));
  });

  test('in mid-chunk and keep silent: with a session it waits, alone', async () => {
    const { peer, uri, session } = await bound();
    peer.send(half(uri));
    const before = good.rounds;
    await until(() => good.rounds > before + 2);
    peer.send(textSend('aaaa', uri, 'x'.repeat(1000)).slice(-200));
    expect(await peer.until('aaaa$\r\n')).toContain('MSRP aaaa 200 OK');
    peer.socket.destroy();
    expect(await session.closed).toBeUndefined();
  });

  test('and reset the connection in mid-body: message and session fail', async () => {
    const { peer, uri, session } = await bound(false);
    peer.send(half(uri));
    const { value } = await session.messages().next();
    peer.socket.resetAndDestroy();
    await expect((value as { bytes(): Promise<Buffer> }).bytes()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    expect(await session.closed).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test('and end the connection in mid-body: message and session fail', async () => {
    const { peer, uri, session } = await bound(false);
    peer.send(half(uri));
    const { value } = await session.messages().next();
    peer.socket.end();
    await expect((value as { bytes(): Promise<Buffer> }).bytes()).rejects.toBeInstanceOf(Error);
    expect(await session.closed).toBeInstanceOf(Error);
  });

  test('as soon as they are connected, two hundred of them', async () => {
    const peers = await Promise.all(Array.from({ length: 200 }, () => rawConnect(anywhere)));
    for (const [index, { socket }] of peers.entries()) {
      if (index % 3 === 0) socket.resetAndDestroy();
      else if (index % 3 === 1) socket.end();
      else socket.destroy();
    }
    await Promise.all(peers.map((peer) => peer.untilClosed()));
  });
});

describe('a peer that does not read', () => {
  test('gets the responses to 100,000 requests when it does, and is not read from meanwhile', {
    timeout: 60_000,
  }, async () => {
    const { peer, uri } = await bound();
    const { socket } = peer;
    socket.pause();
    const count = 100_000;
    for (let sent = 0; sent < count; sent += 1000) {
      const frames = Array.from({ length: 1000 }, (_, index) => emptySend(`tran${sent + index}`, uri));
      peer.send(frames.join(''));
    }
    await standstill(() => socket.writableLength);
    expect(socket.writableLength).toBeGreaterThan(0);
    let responses = 0;
    socket.removeAllListeners('data');
    let rest = '';
    socket.on('data', (data) => {
      const lines = (rest + data.toString('latin1')).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('MSRP ')) expect(line).toBe(`MSRP tran${responses++} 200 OK`);
    });
    socket.resume();
    await until(() => responses === count);
  });
});
