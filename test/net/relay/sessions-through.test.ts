// A session of ours behind a relay: its peer is a client of that relay.

import { expect, test } from 'vitest';
import { AcceptorDirect, type IncomingMessage, MSRPSession, parsePath, URI } from '../../../index.ts';
import { Scene } from './scene.ts';

test('a session gets messages through a relay, answers, and reports on them', async () => {
  const scene = await Scene.open();
  const alice = await scene.client();
  const acceptor = new AcceptorDirect({
    network: scene.network.host('10.0.0.9'),
    clock: scene.network.clock,
    random: scene.network.random,
    tls: { cert: 'bob', key: 'key' },
  });
  const [uri] = await acceptor.prepare(new URI({ host: 'bob.example.net', useTLS: true }));
  const completing = acceptor.complete(parsePath(`${alice.token} ${alice.uri}`));
  const path = `${alice.token} ${String(uri)}`;
  alice.request(
    'SEND',
    path,
    [
      ['Message-ID', 'binding1'],
      ['Byte-Range', '1-0/0'],
    ],
    '',
  );
  const session = new MSRPSession(await scene.network.settle(completing));
  const body = 'x'.repeat(100_000);
  alice.message(path, body, [['Success-Report', 'yes']], 'message1');
  const incoming = await scene.network.settle(session.messages().next());
  expect(await scene.network.settle((incoming.value as IncomingMessage).text())).toBe(body);
  await scene.pass();
  expect(alice.toldAbout('message1')).toEqual(['200 1-100000/100000']);
  await scene.network.settle(session.send('y'.repeat(50_000)).delivered);
  await scene.pass();
  expect(Buffer.concat(alice.sends.map(({ data }) => data)).toString()).toBe('y'.repeat(50_000));
  await scene.network.settle(session.shutdown());
});
