// What crosses between two shards of a relay, where sessions come and go on one side and connections on the other.

import { describe, expect, test } from 'vitest';
import { Chunk, type Head, URI } from '../../../codec/index.ts';
import type { Connection } from '../../../net/connection.ts';
import { Outlet } from '../../../net/relay/outlet.ts';
import { Scene, type ScriptedEnd, shardRelays } from './scene.ts';

shardRelays(2);

/** Tokens of the first shard that nobody was given. */
const guess = (count: number): string => `msrps://relay.example.com:2855/00guess${count};tcp msrps://x.example:1/x;tcp`;

/** Strangers come second, to the other shard. */
async function open(): Promise<{ scene: Scene; alice: ScriptedEnd; mallory: ScriptedEnd; path: string }> {
  const scene = await Scene.open();
  const alice = await scene.client();
  const mallory = await scene.stranger();
  return { scene, alice, mallory, path: `${alice.token} ${alice.uri}` };
}

describe('a stranger that names tokens of another shard', () => {
  test('is cut off when these are many', async () => {
    const { scene, mallory } = await open();
    for (let count = 0; count < 20; count++) mallory.message(guess(count), 'hello');
    await scene.pass();
    expect(mallory.isClosed).toBe(true);
  });

  test('has no merit for it, nor for an AUTH behind', async () => {
    const { scene, mallory } = await open();
    mallory.message(guess(0), 'hello');
    mallory.request('AUTH', guess(0).split(' ')[0]!);
    await scene.pass(31_000);
    expect(mallory.isClosed).toBe(true);
  });
});

describe('what comes right before the end of its connection is answered', () => {
  test('where that is of a stranger', async () => {
    const { scene, mallory, path } = await open();
    const last = mallory.message(path, 'last');
    mallory.socket.end();
    await scene.pass(60_000);
    expect([mallory.codesFor(last), mallory.isEnded, mallory.isClosed]).toEqual([[200], true, true]);
  });

  test('where it is of the owner of another session', async () => {
    const { scene } = await open();
    const carol = await scene.client('carol', { from: '10.0.1.2' });
    const dave = await scene.client('dave', { from: '10.0.1.3' });
    const last = carol.message(`${carol.token} ${dave.token} ${dave.uri}`, 'last');
    carol.socket.end();
    await scene.pass(60_000);
    expect([carol.codesFor(last), carol.isEnded, carol.isClosed]).toEqual([[200], true, true]);
    expect(dave.sends.map(({ data }) => data.toString())).toEqual(['last']);
  });
});

test('what comes while a session ends elsewhere is answered', async () => {
  for (let steps = 0; steps < 40; steps++) {
    const { scene, alice, mallory, path } = await open();
    mallory.message(path, 'first');
    await scene.pass();
    alice.socket.destroy();
    const { clock } = scene.network;
    const end = clock.now() + 1000;
    let left = steps;
    await scene.network.run(() => left-- === 0 || clock.nextAt! > end);
    const last = mallory.message(path, 'last');
    await scene.pass(60_000);
    expect([steps, mallory.codesFor(last).length]).toEqual([steps, 1]);
  }
});

test('one slow connection that sessions of another shard share gets all that they send', async () => {
  const slow = { capacityBytes: 1000, delayMs: 1000 };
  const scene = await Scene.open({ faults: ({ from }) => (from === '10.0.3.3' ? { toClient: slow } : undefined) });
  const owners: ScriptedEnd[] = [];
  while (owners.length < 5) {
    owners.push(await scene.client());
    if (owners.length < 5) await scene.stranger({ from: '10.0.3.4' });
  }
  const mallory = await scene.stranger();
  for (const { token, uri } of owners) mallory.message(`${token} ${uri}`, 'hello');
  await scene.pass(20_000);
  for (const owner of owners) owner.message(`${owner.token} ${mallory.uri}`, 'x'.repeat(80_000));
  await scene.pass(900_000);
  expect(mallory.isClosed).toBe(false);
  const bytes = mallory.sends.reduce((sum, { data }) => sum + data.length, 0);
  expect([bytes, owners.flatMap((owner) => owner.reports)]).toEqual([400_000, []]);
});

test('a message that stalls others is answered while it comes, and what follows it', async () => {
  const scene = await Scene.open();
  const alice = await scene.client();
  const mallory = await scene.stranger();
  const carol = await scene.client('carol');
  for (const { token, uri } of [alice, carol]) mallory.message(`${token} ${uri}`, 'hello');
  await scene.pass();
  alice.socket.pause();
  const path = `${alice.token} ${alice.uri}`;
  const head = `MSRP stalls0000000000 SEND\r\nTo-Path: ${path}\r\nFrom-Path: ${mallory.uri}\r\nMessage-ID: large\r\nByte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n`;
  mallory.write(head, 'x'.repeat(3_000_000));
  await scene.pass(60_000);
  mallory.write('x'.repeat(1000), '\r\n-------stalls0000000000$\r\n');
  const next = mallory.message(path, 'next');
  const other = mallory.message(`${carol.token} ${carol.uri}`, 'other');
  await scene.pass();
  const codes = mallory.responses
    .filter(({ transactionId }) => transactionId.startsWith('stalls'))
    .map(({ code }) => code);
  expect([codes, mallory.codesFor(next), mallory.codesFor(other)]).toEqual([[408], [408], [200]]);
});

test('heads whose fields are long are taken no further than bodies are', async () => {
  const { scene, alice, mallory, path } = await open();
  mallory.message(path, 'hello');
  await scene.pass();
  alice.socket.pause();
  const head = `SEND\r\nTo-Path: ${path}\r\nFrom-Path: ${mallory.uri}\r\nMessage-ID: message1\r\nFailure-Report: no\r\n`;
  const flood = Array.from(
    { length: 3000 },
    (_, count) => `MSRP flood${count} ${head}X-Pad: ${'x'.repeat(6000)}${count}\r\n-------flood${count}$\r\n`,
  );
  mallory.write(flood.join(''));
  const { bufferedBytes } = mallory.socket;
  await scene.pass(10_000);
  expect(bufferedBytes - mallory.socket.bufferedBytes).toBeLessThan(6_000_000);
});

test('an owner behind its own token is not reached without it', async () => {
  const scene = await Scene.open();
  const alice = await scene.client();
  const carol = await scene.client('carol');
  alice.message(`${alice.token} ${carol.token} ${carol.uri}`, 'hello');
  await scene.pass();
  const sent = carol.message(`${carol.token} ${alice.uri}`, 'back');
  await scene.pass(60_000);
  expect([alice.sends.length, carol.toldAbout(sent.messageId)]).toEqual([0, ['408 1-4/4']]);
});

test.each([
  ['has answered it since it has no session', 'idle', []],
  ['has not answered it', 'known', [481]],
] as const)('what is arriving when its session ends is answered once, where the home %s', (_, kind, codes) => {
  const answers: number[] = [];
  const connection = {
    isOpen: true,
    sessions: 1,
    decoder: {},
    socket: {},
    settings: {
      network: { defer: () => {} },
      limits: { stallMs: 1000 },
      timers: { start: () => ({ cancel: () => {} }) },
    },
    outbox: { forget: () => {} },
    stop: () => {},
    go: () => {},
    hold: () => {},
    letGo: () => {},
    respond: (_request: Head, code: number) => answers.push(code),
  } as unknown as Connection;
  const ignore = (): void => {};
  const told: string[] = [];
  const outlet = new Outlet({
    connection,
    localUri: new URI({ host: 'relay.example.com' }),
    hops: 1,
    post: (message) => told.push(message.kind),
    onKnown: ignore,
    onUnknown: ignore,
    onEnded: ignore,
    onOver: ignore,
  });
  outlet.begin(new Chunk({ transactionId: 'ends', method: 'SEND', headers: [] }));
  outlet.end();
  outlet.onMessage({ kind });
  outlet.onMessage({ kind: 'end' });
  expect([told, answers]).toEqual([['open', 'read', 'ended', 'closed'], codes]);
});
