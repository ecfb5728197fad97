// What tshark makes of our relay, whose clients are scripted octet by octet: of what is on the wire, and of each frame that they get.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MSRPRelay, URI } from '../../index.ts';
import { closeAfterTest } from '../net/open.ts';
import { RawClient, type RawFrame } from './raw-client.ts';
import { capture, type Dissected, dissectEach } from './tshark.ts';

const passwords: Readonly<Record<string, string>> = { alice: 'wonderland', bob: 'builder' };
let folder = '';
let uri: URI;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-relay-capture-'));
  const relay = new MSRPRelay({ credentials: (name) => ({ password: passwords[name]! }), allowPlainAuth: true });
  uri = await relay.listen(new URI({ host: '127.0.0.1', useTLS: false }));
  closeAfterTest(async () => void (await relay.close()));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function client(name: string): Promise<RawClient> {
  const made = await RawClient.connect(uri, name);
  expect(await made.authenticate(uri, name, passwords[name]!)).toEqual(['401', '200']);
  return made;
}

const path = (from: RawClient, to: RawClient): string => `${from.token} ${to.token} ${to.uri}`;

/** A SEND of `from` and all that comes of it: 200 of the relay, and the SEND that `to` gets and accepts. */
async function passes(from: RawClient, to: RawClient, send: () => string): Promise<RawFrame> {
  const id = send();
  expect(await from.frame()).toMatchObject({ id, what: '200 OK' });
  const forwarded = await to.frame();
  to.accept(forwarded);
  return forwarded;
}

/** A message both ways, one with a REPORT, and empty SENDs. */
async function talk(alice: RawClient, bob: RawClient): Promise<void> {
  const empty = 'Message-ID: empty-1\r\nByte-Range: 1-0/0\r\n';
  await passes(alice, bob, () => alice.request('SEND', path(alice, bob), empty));
  const hello = { messageId: 'hello-1', body: 'hello', fields: 'Success-Report: yes\r\n' };
  const { text } = await passes(alice, bob, () => alice.send(path(alice, bob), hello));
  expect(text).toContain(`\r\n\r\nhello\r\n`);
  bob.request('REPORT', path(bob, alice), 'Message-ID: hello-1\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n');
  expect(await alice.frame()).toMatchObject({ what: 'REPORT', text: expect.stringContaining('Status: 000 200 OK') });
  await passes(bob, alice, () => bob.send(path(bob, alice), { messageId: 'back-1', body: 'x'.repeat(2000) }));
  await passes(bob, alice, () => bob.request('SEND', path(bob, alice), 'Message-ID: empty-2\r\n'));
}

/** A chunk that the relay cuts in two, since a response to Bob cannot wait for its end. Returns the parts. */
async function rechunks(alice: RawClient, bob: RawClient): Promise<RawFrame[]> {
  const half = 'x'.repeat(40_000);
  const id = alice.begin(path(alice, bob), 'Message-ID: large-1\r\nByte-Range: 1-*/80000\r\n', half);
  await bob.peer.seen(half.slice(20_000));
  const sent = bob.send(path(bob, alice), { messageId: 'between-1', body: 'between' });
  const between = await alice.frame();
  const first = await bob.frame();
  expect(await bob.frame()).toMatchObject({ id: sent, what: '200 OK' });
  alice.end(id, half);
  expect(await alice.frame()).toMatchObject({ id, what: '200 OK' });
  alice.accept(between);
  const rest = await bob.frame();
  for (const part of [first, rest]) bob.accept(part);
  return [first, rest];
}

async function left(...clients: RawClient[]): Promise<void> {
  for (const { peer } of clients) peer.socket.end();
  await Promise.all(clients.map(({ peer }) => peer.untilClosed()));
}

const bodyOf = ({ text }: RawFrame): string =>
  text.slice(text.indexOf('\r\n\r\n') + 4, text.lastIndexOf('\r\n-------'));

const shown = ({ method, code, range, flag }: Dissected): string => `${method}${code} ${range} ${flag}`.trim();

test('tshark recognises each frame through the relay: AUTH, SEND both ways, REPORT, empty SENDs', async () => {
  const captured = await capture(uri.port!, join(folder, 'relay.pcap'));
  const alice = await client('alice');
  const bob = await client('bob');
  await talk(alice, bob);
  await left(alice, bob);
  await captured.ended(4);
  const frames = await captured.dissect();
  expect(frames.filter(({ fault }) => fault !== '')).toEqual([]);
  const count = (text: string): number => frames.filter((frame) => shown(frame) === text).length;
  expect(frames).toHaveLength(26);
  expect({ AUTH: count('AUTH  $'), 401: count('401  $'), 200: count('200  $') }).toEqual({ AUTH: 4, 401: 2, 200: 10 });
  for (const each of ['SEND 1-0/0 $', 'SEND  $', 'SEND 1-5/5 $', 'SEND 1-2000/2000 $', 'REPORT 1-5/5 $']) {
    expect([each, count(each)]).toEqual([each, 2]);
  }
});

test('tshark recognises the frames that the relay makes of a long chunk, and what goes between them', async () => {
  const captured = await capture(uri.port!, join(folder, 'relay.pcap'));
  const alice = await client('alice');
  const bob = await client('bob');
  const parts = await rechunks(alice, bob);
  await left(alice, bob);
  await captured.ended(4);
  const wire = await captured.dissect();
  expect(wire.filter(({ fault }) => fault !== '')).toEqual([]);
  const bodies = parts.map(bodyOf);
  expect(bodies.join('')).toBe('x'.repeat(80_000));
  const large = wire.filter(({ range }) => range.endsWith('/80000')).map(shown);
  const [first = ''] = bodies;
  expect(large.toSorted()).toEqual(
    ['SEND 1-*/80000 $', 'SEND 1-*/80000 +', `SEND ${first.length + 1}-*/80000 $`].toSorted(),
  );
  const got = [...alice.got, ...bob.got];
  const each = await dissectEach(
    got.map(({ text }) => text),
    join(folder, 'each.pcap'),
  );
  expect(each.filter(({ fault }) => fault !== '')).toEqual([]);
  expect(each.map(shown).map((text) => text.split(' ')[0])).toEqual(got.map(({ what }) => what.split(' ')[0]));
  expect(each.map(({ flag }) => flag)).toEqual(got.map(({ flag }) => flag));
});
