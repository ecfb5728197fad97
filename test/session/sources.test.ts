// What a session makes of the body that it is given, when that gives too much, too little, nothing, or calls back.

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { OutgoingMessage } from '../../index.ts';
import { responseTo, watch } from './script-frames.ts';
import { brief, type ScriptedPeer, withScript } from './scripted-peer.ts';

async function* given(...sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const size of sizes) yield Buffer.alloc(size, 'x');
}

async function answerAll(peer: ScriptedPeer): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    await peer.pass(100);
    const requests = peer.take();
    if (requests.length === 0) return all;
    all.push(...requests.map(brief));
    peer.send(requests.map((chunk) => responseTo(chunk, '200 OK')).join(''));
  }
}

describe('a stream whose size was told', () => {
  const table: [gives: number[], size: number, frames: string[], end: string][] = [
    [[5], 5, ['SEND 1-5/5 $'], 'ok'],
    [[3, 2], 5, ['SEND 1-5/5 $'], 'ok'],
    [[], 0, ['SEND 1-0/0 $'], 'ok'],
    [[3], 5, [], 'MSRP_ERR_SOURCE'],
    [[], 5, [], 'MSRP_ERR_SOURCE'],
    [[6], 5, [], 'MSRP_ERR_SOURCE'],
    [[20_000, 20_000], 5, [], 'MSRP_ERR_SOURCE'],
    [[20_000, 20_000], 30_000, ['SEND 1-*/30000 +', 'SEND 8193-*/30000 +', 'SEND 1-0/30000 #'], 'MSRP_ERR_SOURCE'],
    [[20_000], 30_000, ['SEND 1-*/30000 +', 'SEND 8193-*/30000 +', 'SEND 1-0/30000 #'], 'MSRP_ERR_SOURCE'],
  ];

  for (const [gives, size, frames, end] of table) {
    test(`as ${size} octets and gives ${gives.join(' and ') || 'none'} ends with ${end}`, async () => {
      await withScript(async (peer) => {
        let goOn: (() => void) | undefined;
        async function* source(): AsyncGenerator<Buffer> {
          for (const piece of gives) {
            yield Buffer.alloc(piece, 'x');
            // What can leave has left when more comes, or the end.
            if (size === 30_000) {
              await new Promise<void>((resolve) => {
                goOn = resolve;
              });
            }
          }
        }
        const delivered = watch(peer.session.send(source(), { size }).delivered, '-', 'ok');
        const seen = await answerAll(peer);
        goOn?.();
        seen.push(...(await answerAll(peer)));
        expect(seen).toEqual(frames);
        expect(delivered()).toBe(end);
      });
    });
  }

  test('and gives more without end takes no more than that from its source', async () => {
    await withScript(async (peer) => {
      let pieces = 0;
      async function* endless(): AsyncGenerator<Buffer> {
        for (;;) {
          pieces++;
          yield Buffer.alloc(1000);
        }
      }
      const delivered = watch(peer.session.send(endless(), { size: 1500 }).delivered, '-', 'ok');
      expect(await answerAll(peer)).toEqual([]);
      expect(delivered()).toBe('MSRP_ERR_SOURCE');
      expect(pieces).toBeLessThan(4);
    });
  });
});

describe('a source that gives nothing', () => {
  test('does not keep others from being sent, and ends with the message', async () => {
    await withScript(async (peer) => {
      const body = new Readable({ read: () => {} });
      const message = peer.session.send(body);
      const delivered = watch(message.delivered, '-', 'ok');
      peer.session.send('other');
      expect(await answerAll(peer)).toEqual(['SEND 1-5/5 $']);
      message.abort();
      await peer.pass(10);
      expect(delivered()).toBe('MSRP_ERR_ABORTED');
      expect(body.destroyed).toBe(true);
    });
  });

  test('ends with the session', async () => {
    const body = new Readable({ read: () => {} });
    await withScript(async (peer) => {
      peer.session.send(body);
      await peer.pass(10);
    });
    expect(body.destroyed).toBe(true);
  });

  test('after its first octets is given up with #', async () => {
    await withScript(async (peer) => {
      const body = new Readable({ read: () => {} });
      body.push(Buffer.alloc(10_000));
      const message = peer.session.send(body);
      expect(await answerAll(peer)).toEqual(['SEND 1-*/* +']);
      message.abort();
      expect(await answerAll(peer)).toEqual(['SEND 1-0/* #']);
      expect(body.destroyed).toBe(true);
    });
  });
});

describe('a source that, when it is asked for octets,', () => {
  const deeds: [string, (message: OutgoingMessage, peer: ScriptedPeer) => void, frames: RegExp][] = [
    ['gives its message up', (message) => message.abort(), /^SEND 1-\*\/\* .*#$/],
    ['sends another message', (_, peer) => void peer.session.send('other'), /SEND 1-5\/5 \$/],
    ['ends the session', (_, peer) => peer.transport.destroy(), /^(SEND.*)?$/],
  ];

  for (const [what, deed, frames] of deeds) {
    for (const chunkSize of [8192, 1_000_000]) {
      test(`${what}, leaves whole frames, chunks of ${chunkSize}`, async () => {
        await withScript(
          async (peer) => {
            let asked = 0;
            const body = {
              [Symbol.asyncIterator]: () => ({
                next: async () => {
                  if (++asked === 3) deed(message, peer);
                  return { done: asked > 5, value: Buffer.alloc(70_000) };
                },
              }),
            };
            const message: OutgoingMessage = peer.session.send(body);
            const seen: string[] = [];
            await peer.pass(10);
            if (!peer.endpoint.ended && !peer.endpoint.closed) seen.push(...(await answerAll(peer)));
            expect(seen.join(' ')).toMatch(frames);
          },
          { chunkSize, windowBytes: 4_000_000 },
        );
      });
    }
  }
});

test('a source that fails while nothing of it was sent sends nothing', async () => {
  await withScript(async (peer) => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield* given(100);
      throw new Error('disk');
    }
    const delivered = watch(peer.session.send(failing()).delivered, '-', 'ok');
    expect(await answerAll(peer)).toEqual([]);
    expect(delivered()).toBe('MSRP_ERR_SOURCE');
  });
});
