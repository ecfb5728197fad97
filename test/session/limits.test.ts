// What a receiver puts up with: promises of the application, many messages at once, and messages that do not come on.

import { describe, expect, test } from 'vitest';
import { part, watch } from './script-frames.ts';
import { brief, withScript } from './scripted-peer.ts';

const large = 'x'.repeat(200_000);

function chunkOf(id: string, message: string, range: string, body: string, flag: string): string {
  return part(id, '', range, body, flag).replace('mmmm', message);
}

describe('promises of onIncoming', () => {
  test('hold the peer back until all of them are over, also those that fail', async () => {
    const open: ((error?: Error) => void)[] = [];
    const given: string[] = [];
    await withScript(
      async (peer) => {
        peer.send(chunkOf('tran0', 'mmmm', '1-1/1', 'a', '$') + chunkOf('tran1', 'nnnn', '1-1/1', 'b', '$'));
        await peer.pass(10);
        expect(given).toEqual(['a', 'b']);
        peer.send(chunkOf('tran2', 'oooo', '1-1/1', 'c', '$'));
        await peer.pass(10);
        open[0]?.();
        await peer.pass(10);
        expect(given).toEqual(['a', 'b']);
        open[1]?.(new Error('a fault of the application'));
        await peer.pass(10);
        expect(given).toEqual(['a', 'b', 'c']);
      },
      {
        onIncoming: (chunk) => {
          if (chunk === undefined) return undefined;
          given.push(chunk.data.toString());
          return new Promise<void>((resolve, reject) => {
            open.push((error) => (error === undefined ? resolve() : reject(error)));
          });
        },
      },
      { logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } },
    );
  });
});

test('128 messages may be begun at once, others follow when one has ended', async () => {
  await withScript(async (peer) => {
    const begin = (index: number): string => chunkOf(`tran${index}`, `mess${index}`, '1-1/2', 'a', '+');
    for (let index = 0; index < 129; index++) peer.send(begin(index));
    const answers = (await peer.answers()).map(brief);
    expect(answers.filter((answer) => answer.startsWith('200')).length).toBe(128);
    expect(answers.at(-1)).toBe('413 tran128');
    peer.send(chunkOf('more', 'mess5', '2-2/2', 'b', '$') + begin(200) + begin(201));
    expect((await peer.answers()).map(brief)).toEqual(['200 more', '200 tran200', '413 tran201']);
  });
});

test('a message is given up when no other chunk of it has come in time, not while one comes', async () => {
  await withScript(
    async (peer) => {
      const ends: string[] = [];
      const read = async (): Promise<void> => {
        for await (const message of peer.session.messages()) {
          const end = watch(message.bytes(), '-', 'whole');
          ends.push(message.messageId);
          states.push(end);
        }
      };
      const states: (() => string)[] = [];
      void read();
      const slow = chunkOf('tran1', 'slow', '1-*/200000', large, '$');
      peer.send(chunkOf('tran0', 'gone', '1-1/2', 'a', '+'));
      peer.send(slow.slice(0, 1000));
      await peer.pass(541_000);
      expect([ends, states.map((state) => state())]).toEqual([
        ['gone', 'slow'],
        ['MSRP_ERR_TIMEOUT', '-'],
      ]);
      peer.send(slow.slice(1000));
      await peer.pass(10);
      expect(states.map((state) => state())).toEqual(['MSRP_ERR_TIMEOUT', 'whole']);
      // The same Message-ID begins anew.
      peer.send(chunkOf('tran2', 'gone', '1-2/2', 'ab', '$'));
      await peer.pass(10);
      expect(states.map((state) => state())).toEqual(['MSRP_ERR_TIMEOUT', 'whole', 'whole']);
    },
    {},
    { limits: { stallMs: 20_000 }, timeouts: { idleFrameMs: 3_600_000 } },
  );
});
