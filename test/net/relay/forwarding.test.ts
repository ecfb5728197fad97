import { describe, expect, test } from 'vitest';
import { Scene } from './scene.ts';

describe('a relay', () => {
  test('passes a message on to a peer that it connects to', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const sent = alice.message(`${alice.token} ${bob.uri}`, 'hello');
    await scene.pass();
    expect(alice.codesFor(sent)).toEqual([200]);
    const [arrived] = bob.accepted[0]!.sends;
    expect(arrived!.toPath.join(' ')).toBe(bob.uri);
    expect(arrived!.fromPath.join(' ')).toBe(`${alice.token} ${alice.uri}`);
    expect(arrived!.data.toString()).toBe('hello');
    expect(arrived!.transactionId).not.toBe(sent.transactionId);
    expect([...arrived!.headers].slice(2)).toEqual([...sent.headers].slice(2));
    await scene.pass(60_000);
    expect(alice.reports).toEqual([]);
  });

  test('passes a message on to its owner', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.stranger();
    const sent = bob.message(`${alice.token} ${alice.uri}`, 'hello');
    await scene.pass();
    expect(bob.codesFor(sent)).toEqual([200]);
    expect(alice.sends[0]!.fromPath.join(' ')).toBe(`${alice.token} ${bob.uri}`);
    alice.message(`${alice.token} ${bob.uri}`, 'and back');
    await scene.pass();
    expect(bob.sends[0]!.data.toString()).toBe('and back');
  });
});
