// When msrp send takes something for delivered: peers that report, and those that only acknowledge.

import { expect, test } from 'vitest';
import { Delivery } from '../../cli/delivery.ts';
import type { MSRPError } from '../../index.ts';
import { reportOn, responseTo } from '../session/script-frames.ts';
import { type ScriptedPeer, withScript } from '../session/scripted-peer.ts';

/** Sends something, which is acknowledged. */
async function acknowledged(peer: ScriptedPeer, mayReport = true): Promise<() => string> {
  const delivery = new Delivery(peer.session.transport.settings, mayReport);
  const message = peer.session.send('text', {
    successReport: 'yes',
    onProgress: delivery.onProgress,
    messageId: 'text',
  });
  let state = 'waits';
  delivery.of(message).then(
    (isReported) => (state = isReported ? 'reported' : 'unreported'),
    (error: unknown) => (state = String((error as MSRPError).status)),
  );
  await peer.pass(10);
  const [request] = peer.take();
  peer.send(responseTo(request!, '200 OK'));
  if (mayReport) await peer.pass(29_000);
  expect(state).toBe('waits');
  return () => state;
}

test('a report is waited for', async () => {
  await withScript(async (peer) => {
    const state = await acknowledged(peer);
    peer.send(reportOn({ messageId: 'text', transactionId: 'abcd' } as never, '1-4/4', '000 200'));
    await peer.pass(10);
    expect(state()).toBe('reported');
  });
});

test('for 30 s from where all was acknowledged; then the session can end at once', async () => {
  await withScript(async (peer) => {
    const state = await acknowledged(peer);
    await peer.pass(1300);
    expect(state()).toBe('unreported');
    void peer.session.shutdown();
    await peer.pass(10);
    expect(await Promise.race([peer.session.closed.then(() => 'closed'), peer.pass(100)])).toBe('closed');
  });
});

test('and not again, where the one before was not reported', async () => {
  await withScript(async (peer) => {
    const state = await acknowledged(peer, false);
    await peer.pass(300);
    expect(state()).toBe('unreported');
  });
});

test('a failure is told', async () => {
  await withScript(async (peer) => {
    const state = await acknowledged(peer);
    peer.send(reportOn({ messageId: 'text', transactionId: 'abcd' } as never, '1-4/4', '000 413'));
    await peer.pass(10);
    expect(state()).toBe('413');
  });
});
