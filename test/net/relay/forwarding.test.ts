// How chunks pass through the relay: while they come, in turns, and never more of them than it may hold.

import { describe, expect, test } from 'vitest';
import { Chunk, encodeChunk } from '../../../codec/index.ts';
import { areSharded, Scene, type ScriptedEnd } from './scene.ts';

/** The head of a SEND, up to its body. */
function headOf(end: ScriptedEnd, id: string, toPath: string, total: number | '*', messageId = `m-${id}`): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${toPath}\r\nFrom-Path: ${end.uri}\r\nMessage-ID: ${messageId}\r\nByte-Range: 1-*/${total}\r\nContent-Type: text/plain\r\n\r\n`;
}

const ident = (letter: string): string => letter.repeat(16);

describe('a message', () => {
  test('goes through to a peer with all its fields as they came', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const sent = alice.request(
      'SEND',
      `${alice.token} ${bob.uri}`,
      [
        ['Message-ID', 'message1'],
        ['Byte-Range', '1-8/8'],
        ['Success-Report', 'yes'],
        ['X-Colour', 'grün'],
        ['Content-Disposition', 'inline'],
      ],
      'h\u00e9llo w',
    );
    await scene.pass();
    const [arrived] = bob.accepted[0]!.sends;
    expect(arrived!.transactionId).not.toBe(sent.transactionId);
    expect([...arrived!.headers].slice(2)).toEqual([...sent.headers].slice(2));
    expect(arrived!.data).toEqual(sent.data);
  });

  test.each([
    ['a short id', 'abcd', 'hello'],
    ['an id of 16', ident('a'), 'hello'],
    ['an id of 32', ident('a') + ident('b'), 'hello'],
    ['an empty body', ident('a'), ''],
    ['what looks like its own end-line', ident('a'), `hello\r\n-------${ident('a')}`],
  ])('with %s arrives, with an id that nobody can guess', async (_, id, body) => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.write(headOf(alice, id, `${alice.token} ${bob.uri}`, body.length, 'message1'), body, `\r\n-------${id}$\r\n`);
    await scene.pass();
    const [arrived] = bob.accepted[0]!.sends;
    expect(arrived!.data.toString()).toBe(body);
    expect(arrived!.transactionId).toMatch(/^[A-Za-z0-9]{16,32}$/);
    expect(arrived!.transactionId.slice(0, 16)).not.toBe(id);
  });

  test('without body goes through, as for a keep-alive', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const sent = alice.request('SEND', `${alice.token} ${bob.uri}`, [['Message-ID', 'message1']]);
    await scene.pass();
    expect([alice.codesFor(sent), bob.accepted[0]!.sends[0]!.hasBody]).toEqual([[200], false]);
  });

  test('is the same however it is cut into reads', async () => {
    for (const readBytes of [1, 2, 3, 7, 16, 100, 65_536]) {
      const scene = await Scene.open({ faults: ({ port }) => (port === 2855 ? { toServer: { readBytes } } : {}) });
      const alice = await scene.client();
      const bob = await scene.listener();
      const path = `${alice.token} ${bob.uri}`;
      const bodies = ['one', 'two'.repeat(100), '', '-------', 'four\r\n-------abc', 'x'.repeat(3000)];
      for (const [index, body] of bodies.entries()) alice.message(path, body, [], `message${index}`);
      await scene.pass(10_000);
      const joined = new Map<string, string>();
      for (const { messageId = '', data } of bob.accepted[0]!.sends) {
        joined.set(messageId, (joined.get(messageId) ?? '') + data.toString());
      }
      expect([...joined.values()]).toEqual(bodies);
      expect(alice.responses.filter(({ code }) => code === 200)).toHaveLength(bodies.length + 1);
      expect(bob.accepted[0]!.sends.filter(({ continuation }) => continuation === '$')).toHaveLength(bodies.length);
    }
  });
});

describe('a chunk that is coming', () => {
  async function half(total: number | '*' = 10) {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.write(headOf(alice, ident('a'), `${alice.token} ${bob.uri}`, total), 'hello');
    await scene.pass();
    return { scene, alice, bob: bob.accepted[0]! };
  }

  test('has begun to leave, in a chunk that may be interrupted', async () => {
    const { alice, bob } = await half();
    expect(bob.heads[0]!.headers.get('Byte-Range')).toBe('1-*/10');
    expect(bob.received).toBeGreaterThan(200);
    expect(alice.responses.at(-1)!.method).toBeUndefined();
    expect(alice.codesFor(new Chunk({ transactionId: ident('a'), method: 'SEND' }))).toEqual([]);
  });

  test('ends as one chunk where nothing comes between', async () => {
    const { scene, alice, bob } = await half();
    alice.write('world', `\r\n-------${ident('a')}$\r\n`);
    await scene.pass();
    expect(bob.sends.map(({ data, continuation }) => [data.toString(), continuation])).toEqual([['helloworld', '$']]);
  });

  test.each(['+', '#'])('ends with %s as it came', async (flag) => {
    const { scene, alice, bob } = await half();
    alice.write('wor', `\r\n-------${ident('a')}${flag}\r\n`);
    await scene.pass();
    expect(bob.sends.map(({ data, continuation }) => [data.toString(), continuation])).toEqual([['hellowor', flag]]);
  });

  test('is ended with "#" when its sender is lost', async () => {
    const { scene, alice, bob } = await half();
    alice.socket.destroy();
    await scene.pass();
    expect(bob.sends.map(({ continuation }) => continuation)).toEqual(['#']);
    expect(bob.isClosed).toBe(false);
  });

  test('makes way for a response, and goes on as another chunk from where it was', async () => {
    const { scene, alice, bob } = await half();
    alice.answers = undefined;
    bob.message(bob.heads[0]!.fromPath.join(' '), 'meanwhile');
    await scene.pass();
    expect(bob.responses.map(({ code }) => code)).toEqual([200]);
    alice.write('world', `\r\n-------${ident('a')}$\r\n`);
    await scene.pass();
    const parts = bob.sends.map(({ data, continuation, headers }) => [
      data.toString(),
      continuation,
      headers.get('Byte-Range'),
    ]);
    expect(parts).toEqual([
      ['hell', '+', '1-*/10'],
      ['oworld', '$', '5-10/10'],
    ]);
    expect(alice.codesFor(new Chunk({ transactionId: ident('a'), method: 'SEND' }))).toEqual([200]);
  });

  test('cannot be ended by a guess: the id of its frame in its body makes another frame', async () => {
    const { scene, alice, bob } = await half('*');
    const { transactionId } = bob.heads[0]!;
    const forged = `\r\n-------${transactionId}$\r\nMSRP forged01 SEND\r\nTo-Path: ${bob.uri}\r\n`;
    for (const piece of [forged.slice(0, 20), forged.slice(20)]) {
      alice.write(piece);
      await scene.pass();
    }
    alice.write(`\r\n-------${ident('a')}$\r\n`);
    await scene.pass();
    expect(bob.sends.map(({ data }) => data.toString()).join('')).toBe(`hello${forged}`);
    expect(bob.sends.map(({ continuation }) => continuation).join('')).toMatch(/^\++\$$/);
  });

  test('is swallowed when the next hop wants no more of it, and so is the rest of its message', async () => {
    const { scene, alice, bob } = await half('*');
    bob.answers = undefined;
    bob.respond(bob.heads[0]!, 413, 'Enough');
    await scene.pass();
    alice.write('x'.repeat(1000), `\r\n-------${ident('a')}+\r\n`);
    const path = bob.heads[0]!.toPath;
    alice.write(
      headOf(alice, ident('b'), `${alice.token} ${path.join(' ')}`, '*', `m-${ident('a')}`),
      'more',
      `\r\n-------${ident('b')}$\r\n`,
    );
    await scene.pass();
    expect(alice.codesFor(new Chunk({ transactionId: ident('a'), method: 'SEND' }))).toEqual([200]);
    expect(alice.codesFor(new Chunk({ transactionId: ident('b'), method: 'SEND' }))).toEqual([413]);
    expect(alice.toldAbout(`m-${ident('a')}`)).toEqual(['413 1-4/*']);
    expect(bob.sends.map(({ data, continuation }) => [data.toString(), continuation])).toEqual([['hell', '#']]);
    const other = alice.message(`${alice.token} ${path.join(' ')}`, 'another');
    await scene.pass();
    expect([alice.codesFor(other), bob.sends.at(-1)!.data.toString()]).toEqual([[200], 'another']);
  });
});

describe('several sessions on one connection', () => {
  test.skipIf(areSharded()).each([200_000, 40_000])(
    'take turns: a small message waits for no large one of %d octets',
    async (bytes) => {
      const scene = await Scene.open();
      const alice = await scene.client('alice');
      const carol = await scene.client('carol', { from: '10.0.1.2' });
      const bob = await scene.listener();
      // Both wait while the relay connects: the large one first.
      alice.write(
        headOf(alice, ident('a'), `${alice.token} ${bob.uri}`, bytes),
        Buffer.alloc(bytes, 'a'),
        `\r\n-------${ident('a')}$\r\n`,
      );
      carol.message(`${carol.token} ${bob.uri}`, 'small');
      await scene.pass(5000);
      const [peer] = bob.accepted;
      const before = peer!.sends.slice(
        0,
        peer!.sends.findIndex(({ data }) => data.toString() === 'small'),
      );
      expect(before.map(({ size }) => size)).toEqual([16_384]);
      const large = peer!.sends.filter(({ messageId }) => messageId === `m-${ident('a')}`);
      expect(Buffer.concat(large.map(({ data }) => data))).toHaveLength(bytes);
      expect(large.map(({ continuation }) => continuation).join('')).toMatch(/^\++\$$/);
      expect([...alice.reports, ...carol.reports]).toEqual([]);
    },
  );

  test('a response overtakes a large message', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'first');
    await scene.pass();
    const [peer] = bob.accepted;
    alice.write(
      headOf(alice, ident('a'), `${alice.token} ${bob.uri}`, 500_000),
      Buffer.alloc(500_000, 'a'),
      `\r\n-------${ident('a')}$\r\n`,
    );
    const asked = peer!.message(`${alice.token} ${alice.uri}`, 'and you?');
    await scene.pass(5000);
    expect(peer!.codesFor(asked)).toEqual([200]);
    const ahead = peer!.frames.slice(
      0,
      peer!.frames.findIndex(({ code }) => code !== undefined),
    );
    expect(ahead.length).toBeLessThan(peer!.frames.length - 1);
    expect(Buffer.concat(peer!.sends.slice(1).map(({ data }) => data))).toHaveLength(500_000);
  });
});

describe('a peer that does not read', () => {
  const megabyte = Buffer.alloc(1_048_576, 'a');

  test('stops the sender, and the relay holds no more than its bound', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'hello');
    await scene.pass();
    const [peer] = bob.accepted;
    peer!.socket.pause();
    let most = 0;
    for (let count = 0; count < 10; count++) {
      const id = `${count}`.repeat(16);
      alice.write(headOf(alice, id, `${alice.token} ${bob.uri}`, megabyte.length), megabyte, `\r\n-------${id}$\r\n`);
      await scene.pass(1000);
      most = Math.max(most, scene.relay.stats().bufferedBytes);
    }
    expect(most).toBeGreaterThan(200_000);
    expect(most).toBeLessThan(262_144 + 65_536 + 10_000);
    expect(alice.socket.bufferedBytes).toBeGreaterThan(9 * megabyte.length);
    // It may sleep for as long as it likes: nobody else waits.
    await scene.pass(60_000);
    peer!.socket.resume();
    await scene.pass(60_000);
    const bytes = peer!.sends.reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBe(10 * megabyte.length + 5);
    expect(alice.responses.filter(({ code }) => code === 200)).toHaveLength(12);
    expect([alice.reports, scene.relay.stats().bufferedBytes]).toEqual([[], 0]);
  });

  test('stops those who share the connection of its sender for 20 s, then it alone is given up', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const [slow, quick] = [await scene.listener(), await scene.listener({ port: 8146 })];
    const first = alice.token;
    alice.uri = 'msrps://alice.example.com:9892/second12;tcp';
    const second = await scene.authenticate(alice, 'alice', 'wonderland');
    alice.message(`${first} ${slow.uri}`, 'hello');
    await scene.pass();
    slow.accepted[0]!.socket.pause();
    alice.write(
      headOf(alice, ident('a'), `${first} ${slow.uri}`, megabyte.length),
      megabyte,
      `\r\n-------${ident('a')}$\r\n`,
    );
    const waiting = alice.message(`${second} ${quick.uri}`, 'and me?');
    await scene.pass(19_000);
    expect(alice.codesFor(waiting)).toEqual([]);
    await scene.pass(2000);
    expect(alice.codesFor(waiting)).toEqual([200]);
    expect(alice.codesFor(new Chunk({ transactionId: ident('a'), method: 'SEND' }))).toEqual([408]);
    const again = alice.message(`${first} ${slow.uri}`, 'once more');
    await scene.pass();
    expect(alice.codesFor(again)).toEqual([408]);
    expect(scene.relay.stats()).toMatchObject({ stalls: 1, bufferedBytes: 0 });
  });

  test.skipIf(areSharded())('stops all senders at the bound of the whole relay', async () => {
    const scene = await Scene.open({ limits: { bufferedBytes: 300_000 } });
    const bob = await scene.listener();
    const senders = [await scene.client('alice'), await scene.client('carol'), await scene.client('dave')];
    for (const sender of senders) sender.message(`${sender.token} ${bob.uri}`, 'hello');
    await scene.pass();
    bob.accepted[0]!.socket.pause();
    for (const sender of senders) {
      sender.write(headOf(sender, ident('a'), `${sender.token} ${bob.uri}`, megabyte.length), megabyte);
    }
    await scene.pass(10_000);
    expect(scene.relay.stats().bufferedBytes).toBeLessThan(300_000 + 3 * 65_536);
    bob.accepted[0]!.socket.resume();
    for (const sender of senders) sender.write(`\r\n-------${ident('a')}$\r\n`);
    await scene.pass(60_000);
    const bytes = bob.accepted[0]!.sends.reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBe(3 * megabyte.length + 15);
  });

  test('that reads but never answers holds the sender back at the bound of unanswered requests', async () => {
    const scene = await Scene.open({ limits: { unansweredRequests: 10 } });
    const alice = await scene.client();
    const bob = await scene.listener();
    bob.answers = undefined;
    for (let count = 0; count < 25; count++) alice.message(`${alice.token} ${bob.uri}`, 'hello', [], `message${count}`);
    await scene.pass();
    expect(bob.accepted[0]!.sends).toHaveLength(10);
    await scene.pass(30_300);
    expect(bob.accepted[0]!.sends).toHaveLength(20);
    await scene.pass(120_000);
    expect(alice.reports.map(({ messageId }) => messageId!).toSorted()).toEqual(
      Array.from({ length: 25 }, (_, count) => `message${count}`).toSorted(),
    );
  });
});

test('frames that leave as they came decode to what came', async () => {
  const scene = await Scene.open();
  const alice = await scene.client();
  const bob = await scene.listener();
  const path = `${alice.token} ${bob.uri}`;
  const chunks = Array.from(
    { length: 50 },
    (_, index) =>
      new Chunk({
        transactionId: `${index}`.padStart(20, 'x'),
        method: 'SEND',
        headers: [
          ['To-Path', path],
          ['From-Path', alice.uri],
          ['Message-ID', `message${index % 3}`],
          ['Byte-Range', `${index + 1}-*/*`],
          ...(index % 4 === 0 ? ([['Failure-Report', 'no']] as const) : []),
          ['Content-Type', 'application/octet-stream'],
        ],
        data: Buffer.alloc(index * 7, index),
        continuation: '+',
      }),
  );
  alice.write(Buffer.concat(chunks.flatMap(encodeChunk)));
  await scene.pass();
  const arrived = bob.accepted[0]!.sends;
  expect(arrived.map(({ messageId, byteRange, data }) => [messageId, byteRange!.start, data.toString('hex')])).toEqual(
    chunks.map(({ messageId, byteRange, data }) => [messageId, byteRange!.start, data.toString('hex')]),
  );
  expect(new Set(arrived.map(({ transactionId }) => transactionId)).size).toBe(50);
});
