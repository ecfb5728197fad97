// How long a bound peer may take for a frame.

import { expect, test } from 'vitest';
import { part } from './script-frames.ts';
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
