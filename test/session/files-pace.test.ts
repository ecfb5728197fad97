// bytesPerSecond: over half a second or more no more than that leaves, and hardly less.

import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Body, Chunk } from '../../index.ts';
import { reportOn, responseTo } from './script-frames.ts';
import { withScript } from './scripted-peer.ts';

const content = randomBytes(1_000_000);

async function* pieces(): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 70_001) yield content.subarray(at, at + 70_001);
}

const bodies: [string, () => Body][] = [
  ['a Buffer', () => content],
  ['a Blob', () => new Blob([new Uint8Array(content)])],
  ['a stream', () => pieces()],
];

describe('a message that may take so many octets a second', () => {
  describe.each(bodies)('of %s', (_, body) => {
    test.each([20_000, 100_000, 5_000_000])('keeps to %d, and arrives whole', async (bytesPerSecond) => {
      await withScript(async (peer) => {
        const message = peer.session.send(body(), { bytesPerSecond, size: content.length });
        const { clock } = peer.network;
        const began = clock.now();
        const chunks: Chunk[] = [];
        const sentBy: [ms: number, bytes: number][] = [];
        let bytes = 0;
        while (chunks.at(-1)?.continuation !== '$') {
          await turn();
          await peer.pass(100);
          const some = peer.take();
          for (const chunk of some) bytes += chunk.size;
          chunks.push(...some);
          sentBy.push([clock.now() - began, bytes]);
          peer.send(some.map((request) => responseTo(request, '200 OK')).join(''));
        }
        await peer.pass(10);
        await message.delivered;
        expect(Buffer.concat(chunks.map(({ data }) => data)).equals(content)).toBe(true);
        // What half a second brings may come at once, and a piece more.
        const most = (ms: number): number => bytesPerSecond * (ms / 1000 + 0.625);
        expect(sentBy.filter(([ms, sum]) => sum > most(ms))).toEqual([]);
        expect(clock.now() - began).toBeLessThan((content.length / bytesPerSecond) * 1100 + 1000);
      });
    });
  });

  test('does not make up for more than half a second in which there was nothing', async () => {
    await withScript(async (peer) => {
      let give = (): void => {};
      async function* late(): AsyncGenerator<Buffer> {
        await new Promise<void>((resolve) => {
          give = resolve;
        });
        yield content;
      }
      peer.session.send(late(), { bytesPerSecond: 40_000 });
      await peer.pass(60_000);
      give();
      await peer.pass(1000);
      const bytes = peer.take().reduce((sum, chunk) => sum + chunk.size, 0);
      expect(bytes).toBeLessThanOrEqual(40_000 * 1.625);
      expect(bytes).toBeGreaterThanOrEqual(40_000);
    });
  });

  test('spends none on what the receiver has already', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send(content, { bytesPerSecond: 10_000, successReport: 'yes' });
      let chunks: Chunk[] = [];
      while (chunks.length === 0) {
        await peer.pass(100);
        chunks = peer.take();
      }
      peer.send(responseTo(chunks[0]!, '200 OK') + reportOn(chunks[0]!, '1-995000/1000000', '000 200'));
      await peer.pass(10_000);
      const rest = peer.take();
      expect(rest.at(-1)?.continuation).toBe('$');
      expect(message.bytesSent).toBeLessThan(50_000);
    });
  });

  test.each([0, -1, Number.NaN])('may take %d: no', async (bytesPerSecond) => {
    await withScript(async (peer) => {
      expect(() => peer.session.send('x', { bytesPerSecond })).toThrow(
        expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' }),
      );
    });
  });
});
