// Those who want to use the relay for what it is not for.

import { describe, expect, test } from 'vitest';
import { isSpecialAddress } from '../../../net/relay/next-hops.ts';
import { Scene, type SceneOptions } from './scene.ts';

describe('a stranger', () => {
  test.each(['SEND', 'REPORT', 'AUTH', 'NICKNAME', 'PONDER'])(
    'cannot make the relay pass a %s on, whatever the path',
    async (method) => {
      const scene = await Scene.open();
      const alice = await scene.client();
      const bob = await scene.listener();
      const fields =
        {
          SEND: [['Message-ID', 'message1']] as const,
          REPORT: [
            ['Message-ID', 'message1'],
            ['Status', '000 200 OK'],
          ] as const,
          NICKNAME: [['Use-Nickname', '"x"']] as const,
        }[method] ?? [];
      const before = alice.frames.length;
      for (const path of [
        `${alice.token} ${bob.uri}`,
        `${alice.token} ${alice.token} ${bob.uri}`,
        `msrps://relay.example.com:2855/forged;tcp ${bob.uri}`,
        `${alice.token.replace(/.;tcp/, ';tcp')} ${alice.uri}`,
        alice.token,
      ]) {
        const mallory = await scene.stranger({ from: '10.6.6.6' });
        mallory.request(method, path, fields);
        await scene.pass();
      }
      expect([bob.accepted, alice.frames.length - before]).toEqual([[], 0]);
    },
  );

  test('learns the same of a token that there never was as of one that has expired', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice', { expires: 60 });
    await scene.pass(61_000);
    const mallory = await scene.stranger();
    const answers = [alice.token, 'msrps://relay.example.com:2855/none;tcp'].map((token) =>
      mallory.message(`${token} ${alice.uri}`, 'hello'),
    );
    await scene.pass();
    expect(answers.map((sent) => mallory.codesFor(sent))).toEqual([[481], [481]]);
  });

  test('that tries many tokens is cut off', async () => {
    const scene = await Scene.open();
    const mallory = await scene.stranger();
    for (let count = 0; count < 20; count++) {
      mallory.message(`msrps://relay.example.com:2855/guess${count};tcp msrps://x.example:1/x;tcp`, 'hello');
    }
    await scene.pass();
    expect(mallory.isClosed).toBe(true);
  });

  test.each([
    ['a head that dribbles', 30_000, 'MSRP abcd1234 SE', 'N'],
    ['a body that stops', 120_000, '', ''],
  ])('with %s is cut off', async (_, ms, start, more) => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const mallory = await scene.stranger();
    mallory.message(`${alice.token} ${alice.uri}`, 'hello');
    const body = `MSRP abcd1234 SEND\r\nTo-Path: ${alice.token} ${alice.uri}\r\nFrom-Path: ${mallory.uri}\r\nMessage-ID: message1\r\nContent-Type: text/plain\r\n\r\nhel`;
    mallory.write(start === '' ? body : start);
    await scene.pass(ms - 1000);
    if (more !== '') mallory.write(more);
    expect(mallory.isClosed).toBe(false);
    await scene.pass(1500);
    expect(mallory.isClosed).toBe(true);
    if (start === '') expect(alice.sends.at(-1)!.continuation).toBe('#');
  });

  test.each(['GET / HTTP/1.1\r\n\r\n', 'MSRP \0\r\n', `MSRP abcd1234 SEND\r\nX: ${'x'.repeat(20_000)}`])(
    'that speaks another protocol is cut off: %j',
    async (text) => {
      const scene = await Scene.open();
      const mallory = await scene.stranger();
      mallory.write(text);
      await scene.pass();
      expect(mallory.isClosed).toBe(true);
    },
  );

  test.each([
    ['REPORT', 'Status: 000 200 OK\r\n'],
    ['SEND', 'Failure-Report: no\r\n'],
  ])('may flood the owner of a token with empty %ss only as fast as that reads', async (method, field) => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const mallory = await scene.stranger();
    alice.socket.pause();
    const fields = `To-Path: ${alice.token} ${alice.uri}\r\nFrom-Path: ${mallory.uri}\r\nMessage-ID: message1\r\n${field}`;
    const flood = Array.from(
      { length: 10_000 },
      (_, count) => `MSRP flood${count} ${method}\r\n${fields}-------flood${count}$\r\n`,
    );
    mallory.write(flood.join(''));
    await scene.pass(10_000);
    expect(scene.relay.stats().bufferedBytes).toBeLessThan(2 * (262_144 + 65_536));
    expect(mallory.socket.bufferedBytes).toBeGreaterThan(1_000_000);
    alice.socket.resume();
    await scene.pass(60_000);
    const arrived = alice.requests.filter((request) => request.method === method);
    expect([arrived.length, scene.relay.stats().bufferedBytes]).toEqual([10_000, 0]);
  });
});

describe('a user', () => {
  const nowhere: SceneOptions = { allowPrivateNextHops: false };

  test('cannot reach private addresses through the relay, by number or by name', async () => {
    const scene = await Scene.open({ ...nowhere, resolve: async () => ['10.0.0.9', '169.254.169.254'] });
    const alice = await scene.client();
    const bob = await scene.listener();
    for (const uri of [
      bob.uri,
      'msrps://10.0.0.9:8145/foo;tcp',
      'msrp://127.0.0.1:22/x;tcp',
      'msrp://[::1]:22/x;tcp',
    ]) {
      alice.message(`${alice.token} ${uri}`, 'hello', [], 'message1');
    }
    await scene.pass();
    expect([bob.accepted, alice.toldAbout('message1'), scene.relay.stats().connectFailures]).toEqual([
      [],
      Array.from({ length: 4 }, () => '408 1-5/5'),
      4,
    ]);
  });

  test('reaches the address that was found to be a public one', async () => {
    const scene = await Scene.open({ ...nowhere, resolve: async () => ['10.0.0.8', '192.0.2.9'] });
    scene.network.names.set('bob.example.net', '192.0.2.9');
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'hello');
    await scene.pass();
    expect(bob.accepted[0]!.socket.tls!.serverName).toBe('bob.example.net');
    expect(bob.accepted[0]!.sends).toHaveLength(1);
  });

  test('has so many next hops in a session', async () => {
    const scene = await Scene.open({ limits: { nextHopsPerSession: 2 } });
    const alice = await scene.client();
    const sent = [1, 2, 3].map((port) => alice.message(`${alice.token} msrps://10.0.0.9:${port}/x;tcp`, 'hello'));
    await scene.pass(0);
    await scene.pass(10);
    expect(sent.map((each) => alice.codesFor(each))).toEqual([[200], [200], [403]]);
  });

  test('cannot use a transport that the relay does not speak', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    alice.message(`${alice.token} msrps://bob.example.net:8145/foo;ws`, 'hello', [], 'message1');
    await scene.pass();
    expect(alice.toldAbout('message1')).toEqual(['408 1-5/5']);
  });
});

test('requests of a session that is over are refused while its last ones wait for their answers', async () => {
  const scene = await Scene.open();
  const alice = await scene.client('alice', { expires: 60 });
  const bob = await scene.listener();
  bob.answers = undefined;
  await scene.pass(55_000);
  alice.message(`${alice.token} ${bob.uri}`, 'hello', [], 'message1');
  await scene.pass(6000);
  const late = alice.message(`${alice.token} ${bob.uri}`, 'late');
  const back = bob.accepted[0]!.message(`${alice.token} ${alice.uri}`, 'back');
  await scene.pass();
  expect([alice.codesFor(late), bob.accepted[0]!.codesFor(back)]).toEqual([[481], [481]]);
  await scene.pass(30_000);
  expect(alice.toldAbout('message1')).toEqual(['408 1-5/5']);
});

describe('addresses that are not of the open network', () => {
  test.each([
    '10.1.2.3',
    '127.0.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
  ])('%s', (address) => {
    expect(isSpecialAddress(address)).toBe(true);
  });

  test.each(['192.0.2.1', '8.8.8.8', '172.32.0.1', '2001:db8::1', '::ffff:8.8.8.8'])('%s is', (address) => {
    expect(isSpecialAddress(address)).toBe(false);
  });
});
