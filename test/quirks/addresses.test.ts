// Who a peer says it is, where it comes from, and whom it thinks it talks to.

import { describe, expect, test } from 'vitest';
import { AcceptorDirect, type ConnectOptions, MSRPServer, MSRPSession, URI } from '../../index.ts';
import { Endpoint } from '../net/endpoint.ts';
import { emptySend } from '../net/raw-peer.ts';
import { ourUri, peerUri } from '../session/scripted-peer.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { bindWith, modes, play, readAll, requestOn } from './play.ts';

const id = 'tran0';
const message = ['Message-ID: mmmm', 'Content-Type: text/plain'];

function send(to: string, from: string): string {
  return requestOn(`To-Path: ${to}\r\nFrom-Path: ${from}\r\n`, 'SEND', id, message, 'hi');
}

describe('paths with another host or port than ours', () => {
  const rewritten = (uri: string): string => uri.replace(/\/\/[^/]+/, '//203.0.113.7:40001');
  const matches: [ConnectOptions['match'], number][] = [
    [undefined, 481],
    ['path', 481],
    ['session-id', 200],
  ];

  test.each(matches)('with match %s: %d', async (match, code) => {
    const connect = match === undefined ? {} : { match };
    const others: [string, string][] = [
      [rewritten(ourUri), peerUri],
      [ourUri, rewritten(peerUri)],
      [rewritten(ourUri), rewritten(peerUri)],
    ];
    for (const [to, from] of others) {
      const bound = await bindWith(send(to, from), connect, peerUri);
      expect([bound.frames, bound.isBound, bound.bodies]).toEqual(
        code === 200 ? [[`200 ${id}`], true, ['hi']] : [[`481 ${id}`], false, []],
      );
      expect((await play(send(to, from), {}, connect)).frames).toEqual([`${code} ${id}`]);
    }
  });

  test.each(matches)('with match %s another session-id is refused', async (match) => {
    const connect = match === undefined ? {} : { match };
    const other = ourUri.replace('eeee', 'eeef');
    expect(await bindWith(send(other, peerUri), connect, peerUri)).toMatchObject({
      frames: [`481 ${id}`],
      isBound: false,
    });
    expect(await play(send(other, peerUri), {}, connect)).toEqual({ frames: [`481 ${id}`], bodies: [], isOpen: true });
    const stranger = peerUri.replace('aaaa', 'aaab');
    expect(await bindWith(send(ourUri, stranger), connect, peerUri)).toMatchObject({ isBound: false });
  });
});

describe('URIs with anything that the grammar leaves room for', () => {
  const uris = [
    'msrp://x.example.com/aaaa;tcp',
    'msrp://x.example.com:2855;tcp',
    'msrp://alice@x.example.com:2855/aaaa;tcp',
    'msrp://alice%20b@x.example.com:2855/aaaa;tcp',
    'msrp://x.example.com:2855/aaaa;tcp;name;other=value',
    'msrp://x.example.com:2855/aaaa;ws',
    'msrps://x.example.com:2855/aaaa;tls',
    'MSRP://X.EXAMPLE.COM:2855/aaaa;TCP',
    'msrp://[2001:db8::1]:2855/aaaa;tcp',
    'msrp://192.0.2.1:2855/a+b/c=.d~e_f-g;tcp',
    `msrp://x.example.com:2855/${'a'.repeat(1000)};tcp`,
  ];
  for (const [mode, tolerant] of modes) {
    test.each(uris)(`%s is answered as it is written, ${mode}`, async (uri) => {
      const { isBound, bodies } = await bindWith(send(ourUri, uri), { tolerant }, uri);
      expect([isBound, bodies]).toEqual([true, ['hi']]);
      expect(String(URI.parse(uri))).toBe(uri);
    });
  }

  test.each([
    'msrp://:2855/aaaa;tcp',
    'msrp://x.example.com:/aaaa;tcp',
    'msrp://x.example.com:0/aaaa;tcp',
    'msrp://192.0.2.1/aaaa;tcp',
    'msrp://2001:db8::1:2855/aaaa;tcp',
    'msrp://x.example.com:2855/a%20b;tcp',
    'http://x.example.com:2855/aaaa;tcp',
  ])('%s is none, in any mode (D-URI-2)', async (uri) => {
    for (const [, tolerant] of modes) expect((await bindWith(send(ourUri, uri), { tolerant })).isBound).toBe(false);
  });
});

describe('connections from other addresses, and connections that never bind', () => {
  test.each(['acceptor', 'server'] as const)('an %s lets them come and go', async (kind) => {
    const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
    const o = { network, clock: network.clock, random: network.random };
    const listening = kind === 'server' ? new MSRPServer(o) : new AcceptorDirect(o);
    const uri = URI.parse('msrp://127.0.0.1:2855/eeeeFFFFggggHHHH;tcp');
    await network.settle(listening.prepare(uri));
    const complete = listening.complete([URI.parse(peerUri)]);
    const from = async (host: string): Promise<Endpoint> =>
      new Endpoint(await network.settle(network.host(host).connect({ host: '127.0.0.1', port: 2855 })));
    const idle = await from('192.0.2.1');
    const stranger = await from('192.0.2.2');
    stranger.socket.write([Buffer.from(emptySend('other', 'msrp://127.0.0.1:2855/other;tcp', '', peerUri))]);
    const peer = await from('192.0.2.3');
    peer.socket.write([Buffer.from(emptySend('bind', String(uri), '', peerUri))]);
    const transport = await network.settle(complete);
    expect(transport.peer.address).toBe('192.0.2.3');
    const bodies = readAll(new MSRPSession(transport));
    await network.run(network.clock.now() + 31_000);
    expect([idle.ended, stranger.ended, peer.ended]).toEqual([true, true, false]);
    peer.socket.write([Buffer.from(send(String(uri), peerUri))]);
    await network.run(network.clock.now() + 100);
    expect(bodies).toEqual(['hi']);
    transport.destroy();
    for (const { socket } of [idle, stranger, peer]) socket.destroy();
    await (listening instanceof MSRPServer ? listening.close() : listening.cleanup());
    await network.run();
  });
});
