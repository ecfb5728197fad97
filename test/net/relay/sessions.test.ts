// How long a session of the relay lives, over which connections it goes, and how several relays and several sessions go together.

import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../certificates.ts';
import { areSharded, Scene, type ScriptedEnd } from './scene.ts';

describe('a token', () => {
  test('is good until it expires, for both sides', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice', { expires: 60 });
    const bob = await scene.listener();
    await scene.pass(59_500);
    const early = alice.message(`${alice.token} ${bob.uri}`, 'early');
    await scene.pass(100);
    expect(alice.codesFor(early)).toEqual([200]);
    await scene.pass(1000);
    const late = alice.message(`${alice.token} ${bob.uri}`, 'late');
    const [peer] = bob.accepted;
    const back = peer!.message(`${alice.token} ${alice.uri}`, 'late too');
    await scene.pass();
    expect([alice.codesFor(late), peer!.codesFor(back)]).toEqual([[481], [481]]);
    expect(peer!.sends.map(({ data }) => data.toString())).toEqual(['early']);
  });

  test('that expires within a chunk: an error response, and "#" for the next hop', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice', { expires: 60 });
    const bob = await scene.listener();
    const head = `To-Path: ${alice.token} ${bob.uri}\r\nFrom-Path: ${alice.uri}\r\nMessage-ID: message1\r\nByte-Range: 1-*/20\r\n`;
    await scene.pass(59_000);
    alice.write(`MSRP half0001halfhalf SEND\r\n${head}Content-Type: text/plain\r\n\r\n`, 'hello');
    await scene.pass(2000);
    alice.write('world\r\n-------half0001halfhalf$\r\n');
    await scene.pass();
    expect(alice.responses.at(-1)!.code).toBe(481);
    const [got] = bob.accepted[0]!.sends;
    expect([got!.data.toString(), got!.continuation]).toEqual(['hello', '#']);
  });

  test('dies with its connection, and what has come whole still arrives', async () => {
    const scene = await Scene.open({ faults: ({ port }) => (port === 8145 ? { connectMs: 500 } : {}) });
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'last words');
    await scene.pass(50);
    alice.socket.end();
    await scene.pass();
    expect(scene.relay.stats().sessions).toBe(0);
    expect(bob.accepted[0]!.sends.map(({ data }) => data.toString())).toEqual(['last words']);
    const stranger = await scene.stranger();
    const sent = stranger.message(`${alice.token} ${alice.uri}`, 'hello');
    await scene.pass();
    expect(stranger.codesFor(sent)).toEqual([481]);
  });

  test('is for its connection: the same user on another one may not send with it', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const again = await scene.connect('relay.example.com', '10.0.1.1');
    again.uri = alice.uri;
    const sent = again.message(`${alice.token} msrps://bob.example.net:8145/foo;tcp`, 'hello');
    await scene.pass();
    expect(again.codesFor(sent)).toEqual([403]);
  });
});

describe('connections', () => {
  test.skipIf(areSharded())('to a next hop are shared by sessions', async () => {
    const scene = await Scene.open();
    const bob = await scene.listener();
    for (const name of ['alice', 'carol']) {
      const end = await scene.client(name);
      end.message(`${end.token} ${bob.uri}`, name);
    }
    await scene.pass();
    expect(bob.accepted).toHaveLength(1);
    expect(bob.accepted[0]!.sends.map(({ data }) => data.toString())).toEqual(['alice', 'carol']);
  });

  test('that are good for nothing are closed after 30 s, others after an hour without a session', async () => {
    const scene = await Scene.open();
    const idle = await scene.stranger({ from: '10.6.6.6' });
    const wrong = await scene.stranger({ from: '10.6.6.7' });
    wrong.message('msrps://relay.example.com:2855/unknown;tcp msrps://bob.example.net:8145/foo;tcp', 'hello');
    const alice = await scene.client('alice', { expires: 60 });
    await scene.pass(29_000);
    expect([idle.isClosed, wrong.isClosed, alice.isClosed]).toEqual([false, false, false]);
    await scene.pass(1500);
    expect([idle.isClosed, wrong.isClosed, alice.isClosed]).toEqual([true, true, false]);
    await scene.pass(3_600_000);
    expect(alice.isClosed).toBe(false);
    await scene.pass(60_000);
    expect([alice.isEnded, scene.relay.stats().connections]).toEqual([true, 0]);
  });

  test.skipIf(areSharded())('of one address are limited', async () => {
    const scene = await Scene.open({ limits: { connectionsPerAddress: 2 } });
    const [first, , third] = [await scene.stranger(), await scene.stranger(), await scene.stranger()];
    const other = await scene.stranger({ from: '10.7.7.7' });
    await scene.pass();
    expect([first.isClosed, third.isClosed, other.isClosed]).toEqual([false, true, false]);
    first.socket.end();
    await scene.pass();
    const again = await scene.stranger();
    await scene.pass();
    expect([again.isClosed, scene.relay.stats().limited]).toEqual([false, 1]);
  });

  test('that a peer has opened are the way back to it, though nobody could connect there', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const stranger = await scene.stranger();
    stranger.message(`${alice.token} ${alice.uri}`, 'knock');
    await scene.pass();
    const sent = alice.message(`${alice.token} ${stranger.uri}`, 'yes?');
    await scene.pass();
    expect([alice.codesFor(sent), stranger.sends[0]!.data.toString()]).toEqual([[200], 'yes?']);
  });
});

describe('two clients of one relay', () => {
  test('reach each other inside it, with both tokens in the path', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice');
    const carol = await scene.client('carol', { from: '10.0.1.2' });
    const sent = alice.message(`${alice.token} ${carol.token} ${carol.uri}`, 'hello');
    await scene.pass();
    const [arrived] = carol.sends;
    expect(alice.codesFor(sent)).toEqual([200]);
    expect(arrived!.toPath.join(' ')).toBe(carol.uri);
    expect(arrived!.fromPath.join(' ')).toBe(`${carol.token} ${alice.token} ${alice.uri}`);
    carol.request('REPORT', arrived!.fromPath.join(' '), [
      ['Message-ID', arrived!.messageId!],
      ['Byte-Range', '1-5/5'],
      ['Status', '000 200 OK'],
    ]);
    const asked = carol.request('PONDER', arrived!.fromPath.join(' '));
    await scene.pass();
    expect(alice.reports[0]!.fromPath.join(' ')).toBe(`${alice.token} ${carol.token} ${carol.uri}`);
    alice.respond(alice.requests.at(-1)!, 501);
    await scene.pass();
    const response = await scene.answerTo(carol, asked);
    expect(response.fromPath.join(' ')).toBe(`${carol.token} ${alice.token} ${alice.uri}`);
    expect(scene.relay.stats().nextHops).toBe(0);
  });

  test('cannot use the token of the other to send elsewhere', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice');
    const carol = await scene.client('carol', { from: '10.0.1.2' });
    const sent = alice.message(`${alice.token} ${carol.token} msrps://bob.example.net:8145/foo;tcp`, 'hello');
    await scene.pass();
    expect(alice.codesFor(sent)).toEqual([403]);
  });

  test('a path that goes round in circles is refused', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice');
    const sent = alice.message(Array.from({ length: 60 }, () => alice.token).join(' '), 'hello');
    await scene.pass();
    expect([alice.codesFor(sent), alice.sends]).toEqual([[481], []]);
  });

  test('when one goes, the other is told', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice');
    const carol = await scene.client('carol', { from: '10.0.1.2' });
    const path = `${alice.token} ${carol.token} ${carol.uri}`;
    alice.message(path, 'hello');
    await scene.pass();
    carol.socket.end();
    await scene.pass();
    const sent = alice.message(path, 'hello?');
    await scene.pass();
    expect(alice.codesFor(sent)).toEqual([481]);
  });
});

describe('a chain of relays', () => {
  async function chain(): Promise<{ scene: Scene; alice: ScriptedEnd; carol: ScriptedEnd; path: string }> {
    const scene = new Scene();
    await scene.relayAt('relay.example.com');
    await scene.relayAt('outer.example.net');
    const alice = await scene.client('alice');
    const carol = await scene.client('carol', { host: 'outer.example.net', from: '10.0.1.2' });
    return { scene, alice, carol, path: `${alice.token} ${carol.token} ${carol.uri}` };
  }

  test('carries messages both ways, over one connection between the relays', async () => {
    const { scene, alice, carol, path } = await chain();
    const sent = alice.message(path, 'hello');
    await scene.pass();
    const [arrived] = carol.sends;
    expect([alice.codesFor(sent), arrived!.data.toString()]).toEqual([[200], 'hello']);
    const back = carol.message(arrived!.fromPath.join(' '), 'hello yourself');
    await scene.pass();
    expect([carol.codesFor(back), alice.sends[0]!.data.toString()]).toEqual([[200], 'hello yourself']);
    expect(scene.relays.map((relay) => relay.stats().nextHops)).toEqual([1, 0]);
    await scene.pass(60_000);
    expect([...alice.reports, ...carol.reports]).toEqual([]);
  });

  test.each([413, 415, 481])('carries the REPORT about a %d at its far end back to the sender, once', async (code) => {
    const { scene, alice, carol, path } = await chain();
    carol.answers = code;
    alice.message(path, 'hello', [], 'message1');
    await scene.pass(60_000);
    expect(alice.toldAbout('message1')).toEqual([`${code} 1-5/5`]);
  });

  test('reports silence at its far end once, after 30 s', async () => {
    const { scene, alice, carol, path } = await chain();
    carol.answers = undefined;
    alice.message(path, 'hello', [], 'message1');
    await scene.pass(120_000);
    expect(alice.toldAbout('message1')).toEqual(['408 1-5/5']);
  });

  test.each([
    [
      'looks for the relay before it, to report a failure, when that has gone',
      'msrps://relay.example.com:2855/inner;tcp ',
      1,
    ],
    ['looks for no endpoint that has gone', '', 0],
  ])('%s', async (_, inner, found) => {
    const scene = new Scene();
    await scene.relayAt('outer.example.net');
    const carol = await scene.client('carol', { host: 'outer.example.net', from: '10.0.1.2' });
    const before = await scene.listener({ host: 'relay.example.com', port: 2855 });
    const end = await scene.connect('outer.example.net', '10.0.0.1');
    end.uri = `${inner}msrps://relay.example.com:2855/98cjs;tcp`;
    carol.answers = undefined;
    end.message(`${carol.token} ${carol.uri}`, 'hello', [], 'message1');
    await scene.pass();
    end.socket.destroy();
    await scene.pass();
    carol.respond(carol.sends[0]!, 415);
    await scene.pass();
    expect(before.accepted.map((each) => each.toldAbout('message1'))).toEqual(
      Array.from({ length: found }, () => ['415 1-5/5']),
    );
  });

  test('whose second relay goes away is reported once', async () => {
    const { scene, alice, carol, path } = await chain();
    alice.message(path, 'hello');
    await scene.pass();
    void scene.relays[1]!.close();
    await scene.pass();
    alice.message(path, 'hello?', [], 'message2');
    await scene.pass(120_000);
    expect(carol.isEnded).toBe(true);
    expect(alice.toldAbout('message2')).toEqual(['408 1-6/6']);
  });
});

describe('a relay that shows a certificate', () => {
  let cert = '';
  beforeAll(async () => {
    ({ cert } = await makeCertificate({ names: ['relay.example.com'] }));
    expect(new X509Certificate(cert).checkHost('relay.example.com')).toBeDefined();
  });

  test('may come over any connection of its own with the tokens that it asked for', async () => {
    const scene = new Scene();
    await scene.relayAt('outer.example.net', { tls: { cert: 'outer', key: 'key', ca: cert } });
    const connect = async (): Promise<ScriptedEnd> => {
      const end = await scene.connect('outer.example.net', '10.0.0.1', { cert });
      end.uri = 'msrps://relay.example.com:2855/inner;tcp msrps://alice.example.com:1/98cjs;tcp';
      return end;
    };
    const first = await connect();
    const usePath = await scene.authenticate(first, 'alice', 'wonderland');
    const token = usePath!.split(' ').at(-1)!;
    first.socket.end();
    await scene.pass();
    const second = await connect();
    const bob = await scene.listener();
    const sent = second.message(`${token} ${bob.uri}`, 'hello');
    await scene.pass();
    expect([second.codesFor(sent), bob.accepted[0]!.sends[0]!.data.toString()]).toEqual([[200], 'hello']);
    const inner = await scene.listener({ host: 'relay.example.com', port: 2855 });
    second.socket.end();
    await scene.pass();
    bob.accepted[0]!.message(
      `${token} msrps://relay.example.com:2855/inner;tcp msrps://alice.example.com:1/98cjs;tcp`,
      'back',
    );
    await scene.pass();
    expect(inner.accepted[0]!.sends[0]!.data.toString()).toBe('back');
  });

  test('is looked for by its name when it is gone: nobody can take its place by saying so', async () => {
    const scene = new Scene();
    await scene.relayAt('outer.example.net', { tls: { cert: 'outer', key: 'key', ca: cert } });
    const inner = await scene.listener({ host: 'relay.example.com', port: 2855 });
    const end = await scene.connect('outer.example.net', '10.0.0.1', { cert });
    const back = 'msrps://relay.example.com:2855/inner;tcp';
    end.uri = `${back} msrps://alice.example.com:1/98cjs;tcp`;
    const token = (await scene.authenticate(end, 'alice', 'wonderland'))!.split(' ').at(-1)!;
    const mallory = await scene.connect('outer.example.net', '10.6.6.6');
    mallory.uri = back;
    mallory.message(`${token} ${end.uri}`, 'knock');
    await scene.pass();
    end.socket.end();
    await scene.pass();
    const bob = await scene.connect('outer.example.net', '10.0.3.3');
    bob.uri = 'msrps://bob.example.net:8145/foo;tcp';
    bob.message(`${token} ${end.uri}`, 'hello');
    await scene.pass();
    expect([mallory.sends, inner.accepted[0]!.sends[0]!.data.toString()]).toEqual([[], 'hello']);
  });

  test('of another name than it speaks for is refused, and all that it sends', async () => {
    const scene = new Scene();
    await scene.relayAt('outer.example.net', { tls: { cert: 'outer', key: 'key', ca: cert } });
    const end = await scene.connect('outer.example.net', '10.0.0.1', { cert });
    end.uri = 'msrps://other.example.com:2855/inner;tcp msrps://alice.example.com:1/98cjs;tcp';
    const answer = await scene.answerTo(end, end.request('AUTH', end.relayUri));
    expect(answer.code).toBe(403);
    const carol = await scene.client('carol', { host: 'outer.example.net', from: '10.0.1.2' });
    const sent = end.message(`${carol.token} ${carol.uri}`, 'hello');
    await scene.pass();
    expect([end.codesFor(sent), carol.sends]).toEqual([[403], []]);
  });
});

describe('closing', () => {
  test('ends sessions, tells peers of chunks that are not whole, and leaves nothing behind', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'hello');
    await scene.pass();
    const closed = scene.relay.close();
    expect(await scene.network.settle(closed)).toBe(1);
    await scene.pass();
    expect([alice.isEnded, bob.accepted[0]!.isEnded]).toEqual([true, true]);
    expect(scene.relay.stats()).toMatchObject({ connections: 0, nextHops: 0, sessions: 0, bufferedBytes: 0 });
    await scene.network.run();
    expect(scene.network.clock.pending).toBe(0);
  });

  test('waits for no answers that nobody is there to be told of', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    bob.answers = undefined;
    alice.message(`${alice.token} ${bob.uri}`, 'hello');
    await scene.pass();
    void scene.relay.close();
    await scene.pass();
    expect([alice.isEnded, bob.accepted[0]!.isEnded]).toEqual([true, true]);
  });

  test('waits for sessions that are drained, and refuses new ones', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const late = await scene.connect('relay.example.com', '10.0.1.2');
    late.uri = 'msrps://late.example.com:1/12345;tcp';
    const closed = scene.relay.close({ drain: 60_000 });
    expect(await scene.authenticate(late, 'carol', 'christmas')).toBeUndefined();
    const stranger = scene.stranger();
    await expect(stranger).rejects.toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    alice.socket.end();
    expect(await scene.network.settle(closed)).toBe(0);
  });
});
