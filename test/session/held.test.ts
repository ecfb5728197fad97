// What a session holds for its application: counted to the octet, bounded whatever comes, and no reason to stop for ever.

import { describe, expect, test } from 'vitest';
import { AcceptorDirect, type Chunk, ConnectorDirect, type IncomingMessage, MSRPSession, URI } from '../../index.ts';
import { IncomingMessage as Incoming } from '../../session/incoming-message.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { headOf } from '../support/heads.ts';
import { part, watch } from './script-frames.ts';
import { ourUri, peerUri, withScript } from './scripted-peer.ts';

function small(id: string, body: string, flag = '$'): string {
  const range = `1-${body.length}/${flag === '$' ? body.length : '*'}`;
  return part(id, '', range, body, flag).replace('mmmm', id);
}

const idOf = (index: number): string => `tran${index}`;
const codes = (frames: readonly Chunk[], code: number): number => frames.filter((frame) => frame.code === code).length;

describe('messages that nobody takes', () => {
  for (const body of ['', 'x']) {
    test(`stop the peer, also when they are of ${body.length} octets`, async () => {
      await withScript(async (peer) => {
        for (let index = 0; index < 5000; index++) peer.send(small(idOf(index), body));
        await peer.pass(1000);
        const answered = codes(peer.take(), 200);
        expect(answered).toBeGreaterThan(200);
        expect(answered).toBeLessThan(1500);
        let taken = 0;
        const take = async (): Promise<void> => {
          for await (const message of peer.session.messages()) taken += (await message.bytes()).length + 1;
        };
        void take();
        await peer.pass(1000);
        expect(taken).toBe(5000 * (1 + body.length));
      });
    });
  }

  test('stop the peer where the session was made only after many had come', async () => {
    const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
    const options = { network, clock: network.clock, random: network.random };
    const connector = new ConnectorDirect(options);
    const acceptor = new AcceptorDirect(options);
    const offer = await connector.prepare(new URI({ host: 'near.example' }));
    const answer = await acceptor.prepare(new URI({ host: '127.0.0.1' }));
    const [near, far] = await network.settle(Promise.all([connector.complete(answer), acceptor.complete(offer)]));
    let written = 0;
    for (let index = 0; index < 200; index++) {
      const chunk = near.makeChunk({ data: Buffer.alloc(60_000), failureReport: 'no' });
      near.writeChunk(chunk).then(
        () => written++,
        () => {},
      );
    }
    await network.run(network.clock.now() + 1000);
    const session = new MSRPSession(far);
    await network.run(network.clock.now() + 1000);
    expect(written).toBeLessThan(30);
    let octets = 0;
    const read = async (): Promise<void> => {
      for await (const message of session.messages()) octets += (await message.bytes()).length;
    };
    void read();
    await network.run(network.clock.now() + 1000);
    expect(octets).toBe(12_000_000);
    near.destroy();
    await network.run();
  });

  test('while the rest of another one is awaited are refused above twice the limit', async () => {
    await withScript(async (peer) => {
      const take = async (): Promise<number> => {
        for await (const message of peer.session.messages()) return (await message.bytes()).length;
        return -1;
      };
      const first = take();
      const state = watch(first, '-', 'read');
      peer.send(part('first', '', '1-3/6', 'abc', '+'));
      for (let index = 0; index < 10_000; index++) peer.send(small(idOf(index), 'x'));
      await peer.pass(1000);
      const answers = peer.take();
      expect(codes(answers, 200)).toBeLessThan(1500);
      expect(codes(answers, 413)).toBeGreaterThan(8000);
      expect(state()).toBe('-');
      peer.send(part('last', '', '4-6/6', 'def', '$'));
      await peer.pass(10);
      expect(await first).toBe(6);
    });
  });

  test('do not keep the rest of one from its reader that comes in many chunks', async () => {
    await withScript(async (peer) => {
      const take = async (): Promise<number> => {
        for await (const message of peer.session.messages()) return (await message.bytes()).length;
        return -1;
      };
      const state = watch(take(), '-', 'read');
      peer.send(part('first', '', '1-1/6', 'a', '+'));
      for (let index = 0; index < 400; index++) peer.send(small(idOf(index), 'x'));
      for (let at = 2; at <= 6; at++) {
        peer.send(part(`more${at}`, '', `${at}-${at}/6`, 'a', at === 6 ? '$' : '+'));
        await peer.pass(10);
      }
      expect(codes(peer.take(), 200)).toBe(406);
      expect(state()).toBe('read');
    });
  });
});

describe('a message that comes', () => {
  function make(): { message: Incoming; held: () => number } {
    let held = 0;
    const nothing = (): void => {};
    const others = { onAwaited: nothing, onRefused: nothing, onResumed: nothing, onReport: nothing };
    const owner = { onHeld: (change: number) => void (held += change), ...others };
    const frame = `MSRP tran0 SEND\r\nTo-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\nMessage-ID: mmmm\r\nByte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n`;
    return { message: new Incoming(headOf(frame), owner), held: () => held };
  }

  test('is counted with what replaces its octets', () => {
    const { message, held } = make();
    message.push(Buffer.alloc(1000));
    const before = held();
    for (let at = 1; at < 1000; at += 2) message.replace(at, Buffer.from('x'));
    expect(held()).toBeGreaterThan(before + 400 * 512);
    expect(held()).toBe(message.held);
  });

  test('is not counted any more when it is read to its end, left, refused or collected', async () => {
    const deeds: [string, (message: IncomingMessage) => unknown][] = [
      [
        'read',
        async (message) => {
          for await (const _ of message);
        },
      ],
      ['left', (message) => message[Symbol.asyncIterator]().return?.()],
      ['refused', (message) => message.refuse()],
      ['collected', (message) => void message.bytes()],
    ];
    for (const [name, deed] of deeds) {
      const { message, held } = make();
      message.push(Buffer.alloc(1000));
      message.take();
      if (name === 'read') message.finish();
      message.replace(5, Buffer.alloc(10));
      await deed(message);
      message.push(Buffer.alloc(1000));
      expect([name, held()]).toEqual([name, 0]);
    }
  });

  test('gives the octets that came last, unless they have been read', async () => {
    const { message } = make();
    message.push(Buffer.from('abc'));
    message.push(Buffer.from('def'));
    const reader = message[Symbol.asyncIterator]();
    expect(String((await reader.next()).value)).toBe('abc');
    message.replace(2, Buffer.from('12345'));
    message.finish();
    let rest = '';
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) rest += next.value.toString();
    expect(rest).toBe('345');
  });

  test('is over for whoever has left it, also for a read that was waiting', async () => {
    const { message } = make();
    const reader = message[Symbol.asyncIterator]();
    const waiting = reader.next();
    await reader.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    message.push(Buffer.from('more'));
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });
});
