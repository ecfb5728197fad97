// How long a bound peer may take for a frame.

import { describe, expect, test } from 'vitest';
import { part, watch } from './script-frames.ts';
import { type ScriptedPeer, withScript } from './scripted-peer.ts';

const chunk = part('tran0', '', '1-9/9', 'body-body', '$');
const headBytes = chunk.indexOf('body-body');
const state = (peer: ScriptedPeer): string => (peer.endpoint.closed || peer.endpoint.ended ? 'closed' : 'open');

test('a head that has not come whole within headMs closes the connection, also octet by octet', async () => {
  await withScript(async (peer) => {
    for (let at = 0; at < 29; at++) {
      peer.send(chunk.slice(at, at + 1));
      await peer.pass(1000);
    }
    expect(state(peer)).toBe('open');
    peer.send(chunk.slice(29, 30));
    await peer.pass(1300);
    expect(state(peer)).toBe('closed');
    expect(await peer.session.closed).toMatchObject({ code: 'MSRP_ERR_TIMEOUT' });
  });
});

test('a body may take as long as it likes, but not without another octet for idleFrameMs', async () => {
  await withScript(async (peer) => {
    peer.send(chunk.slice(0, headBytes));
    for (let at = headBytes; at < headBytes + 8; at++) {
      await peer.pass(119_000);
      peer.send(chunk.slice(at, at + 1));
    }
    await peer.pass(119_000);
    expect(state(peer)).toBe('open');
    await peer.pass(1300);
    expect(state(peer)).toBe('closed');
  });
});

test('nothing counts between frames', async () => {
  await withScript(async (peer) => {
    peer.send(chunk);
    await peer.pass(86_400_000);
    expect(state(peer)).toBe('open');
  });
});

test('nothing counts while it is we who do not read', async () => {
  await withScript(
    async (peer) => {
      peer.send(chunk + part('tran1', '', '1-9/9', 'x', '$').slice(0, -9));
      await peer.pass(600_000);
      expect(state(peer)).toBe('open');
    },
    { onIncoming: (incoming) => (incoming === undefined ? undefined : new Promise<void>(() => {})) },
  );
});

describe('a peer that does not read', () => {
  /** As much as nobody takes who does not read: the chunk is never sent whole, so that no response is due. */
  const much = Buffer.alloc(4_000_000, 'x');

  test('fails the session after idleFrameMs, and a shutdown that waits for it', async () => {
    await withScript(
      async (peer) => {
        peer.endpoint.socket.pause();
        const sending = peer.session.send(much);
        const reason = watch(sending.delivered, 'waiting', 'delivered');
        const over = watch(peer.session.shutdown(), 'waiting', 'over');
        await peer.pass(110_000);
        expect([reason(), over()]).toEqual(['waiting', 'waiting']);
        await peer.pass(240_000);
        expect([reason(), over()]).toEqual(['MSRP_ERR_TIMEOUT', 'over']);
      },
      { chunkSize: 3_000_000, windowBytes: 8_000_000 },
    );
  });

  test('may take as long as it likes, but not without taking an octet', async () => {
    await withScript(
      async (peer) => {
        const { socket } = peer.endpoint;
        const over = watch(peer.session.closed, 'open', 'over');
        socket.pause();
        peer.session.send(much, { failureReport: 'no' });
        for (let round = 0; round < 10; round++) {
          await peer.pass(100_000);
          socket.resume();
          await peer.pass(2);
          socket.pause();
          expect(over()).toBe('open');
        }
      },
      { chunkSize: 3_000_000 },
    );
  });
});
