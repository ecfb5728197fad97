// A session that ends at an awkward moment: nothing is told twice, and no timer is left.

import { describe, expect, test } from 'vitest';
import { coarseTimersOf } from '../../net/coarse-timers.ts';
import { part, responseTo, textOf, watch } from './script-frames.ts';
import { type ScriptedPeer, withScript } from './scripted-peer.ts';

function timersOf(peer: ScriptedPeer): number {
  return coarseTimersOf(peer.network.clock).pending;
}

describe('requests that all stay unanswered', () => {
  test('are each told once', async () => {
    await withScript(async (peer) => {
      const told: string[] = [];
      for (const name of ['one', 'two', 'three']) {
        peer.session.sendChunk(peer.transport.makeChunk({ data: name }), (r) => told.push(`${name} ${textOf(r)}`));
      }
      const closed = watch(peer.session.closed, 'open', 'in order');
      await peer.pass(31_000);
      expect(told.toSorted()).toEqual(['one 408', 'three 408', 'two 408']);
      expect(closed()).toBe('408');
      expect(timersOf(peer)).toBe(0);
    });
  });

  test('and those that were written later, or never', async () => {
    await withScript(async (peer) => {
      const told: string[] = [];
      const send = (name: string): boolean =>
        peer.session.sendChunk(peer.transport.makeChunk({ data: name }), (r) => told.push(`${name} ${textOf(r)}`));
      send('one');
      await peer.pass(20_000);
      send('two');
      peer.endpoint.socket.pause();
      peer.session.send(Buffer.alloc(1_000_000), { failureReport: 'no' });
      await peer.pass(1000);
      send('three');
      await peer.pass(11_000);
      expect(told.toSorted()).toEqual(['one 408', 'three 408', 'two 408']);
      await peer.pass(100_000);
      expect(told.length).toBe(3);
      expect(timersOf(peer)).toBe(0);
    });
  });
});

describe('no timer is left when a session ends', () => {
  test('while it is told that octets were written', async () => {
    await withScript(async (peer) => {
      peer.session.send('x', { onProgress: () => peer.transport.destroy() });
      await peer.pass(10);
      expect(timersOf(peer)).toBe(0);
    });
  });

  test('while a chunk is given to onIncoming', async () => {
    const own: { peer?: ScriptedPeer } = {};
    await withScript(
      async (peer) => {
        own.peer = peer;
        peer.send(part('tran0', '', '1-3/6', 'abc', '+'));
        await peer.pass(10);
        expect(timersOf(peer)).toBe(0);
      },
      { onIncoming: () => own.peer?.transport.destroy() },
    );
  });

  test('while a chunk is given to onIncoming, which then makes the peer wait', async () => {
    const own: { peer?: ScriptedPeer } = {};
    await withScript(
      async (peer) => {
        own.peer = peer;
        peer.send(part('tran0', '', '1-3/6', 'abc', '+'));
        await peer.pass(10);
        expect(timersOf(peer)).toBe(0);
      },
      {
        onIncoming: () => {
          own.peer?.transport.destroy();
          return new Promise<void>(() => {});
        },
      },
    );
  });

  test('while messages are given up that did not come on', async () => {
    const told: string[] = [];
    const own: { peer?: ScriptedPeer } = {};
    await withScript(
      async (peer) => {
        own.peer = peer;
        peer.send(part('tran0', '', '1-3/6', 'abc', '+'));
        peer.send(part('tran1', '', '1-3/6', 'abc', '+').replace('mmmm', 'nnnn'));
        await peer.pass(1000);
        peer.send(part('tran2', '', '1-3/6', 'abc', '+').replace('mmmm', 'oooo'));
        await peer.pass(11_000);
        expect(told.length).toBe(2);
        expect(timersOf(peer)).toBe(0);
      },
      {
        incompleteTimeout: 10_000,
        onIncoming: (_, error) => {
          if (error === undefined) return;
          told.push(error.message);
          own.peer?.transport.destroy();
        },
      },
    );
  });

  test('and a request is answered before all of it is written', async () => {
    await withScript(async (peer) => {
      const before = timersOf(peer);
      peer.endpoint.socket.pause();
      const chunk = peer.transport.makeChunk({ data: Buffer.alloc(1_000_000) });
      peer.session.sendChunk(chunk);
      await peer.pass(10);
      peer.send(responseTo(chunk, '200 OK'));
      await peer.pass(10);
      peer.endpoint.socket.resume();
      await peer.pass(1000);
      expect(timersOf(peer)).toBe(before);
    });
  });
});
