// A message that goes on where an earlier attempt broke off (RFC 4975 section 5.4): the receiver reports what it has, the sender skips it.

import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Body, Chunk, IncomingMessage, MSRPSession } from '../../index.ts';
import { part, reportOn, responseTo } from './script-frames.ts';
import { brief, type ScriptedPeer, withScript } from './scripted-peer.ts';

const size = 2_000_000;
const content = randomBytes(size);

/** All chunks up to the last one, answered. Blobs are read outside of the simulated network, in turns of the event loop. */
async function sent(peer: ScriptedPeer, first: Chunk[]): Promise<Chunk[]> {
  const all: Chunk[] = [];
  for (let some = first; all.at(-1)?.continuation !== '$'; some = peer.take()) {
    all.push(...some);
    peer.send(some.map((request) => responseTo(request, '200 OK')).join(''));
    await turn();
    await peer.pass(10);
  }
  return all;
}

const startOf = (chunk: Chunk): number => chunk.byteRange?.start ?? 0;

/** The octets that a receiver has which had the first `known` already. */
function assembled(known: number, chunks: Chunk[]): Buffer {
  const body = Buffer.alloc(size);
  content.copy(body, 0, 0, known);
  for (const chunk of chunks) chunk.data.copy(body, startOf(chunk) - 1);
  return body;
}

async function* pieces(start = 0): AsyncGenerator<Buffer> {
  for (let at = start; at < size; at += 70_001) yield content.subarray(at, at + 70_001);
}

const bodies: [string, () => Body][] = [
  ['a Buffer', () => content],
  ['a Blob', () => new Blob([new Uint8Array(content)])],
  ['what can be read from anywhere', () => ({ size, stream: (start) => pieces(start) })],
  ['a stream, which is read and dropped', () => pieces()],
];

describe('a sender that hears of octets it has not sent', () => {
  describe.each(bodies)('of %s', (_, body) => {
    test.each([
      ['in the middle', 1_500_000, 1_500_001],
      ['just behind its window', 524_289, 524_290],
      ['all but the last', size - 1, size],
      ['all: then it sends the last, to say that it is the last', size, size],
      ['fewer than it has sent', 500_000, 524_289],
    ])('goes on behind them: %s', async (__, known, goesOn) => {
      await withScript(async (peer) => {
        const message = peer.session.send(body(), { size, successReport: 'yes' });
        await peer.pass(10);
        const first = await untilFull(peer);
        peer.send(reportOn(first[0]!, `1-${known}/${size}`, '000 200'));
        const all = await sent(peer, first);
        expect(startOf(all[first.length]!)).toBe(goesOn);
        expect(all.at(-1)?.continuation).toBe('$');
        expect(assembled(known, all).equals(content)).toBe(true);
        expect(message.bytesAcknowledged).toBe(size);
        expect(message.bytesSent).toBe(size - (goesOn - 524_289));
        peer.send(reportOn(first[1]!, `1-${size}/${size}`, '000 200'));
        await peer.pass(10);
        await message.delivered;
      });
    });
  });

  test('in an open chunk ends that first', async () => {
    await withScript(
      async (peer) => {
        peer.session.send(content, { messageId: 'long', successReport: 'yes' });
        await peer.network.run(() => peer.endpoint.data.length > 100_000);
        expect(peer.endpoint.data.includes('+\r\n', peer.endpoint.data.length - 10)).toBe(false);
        const request = { messageId: 'long', transactionId: 'abcd' } as Chunk;
        peer.send(reportOn(request, `1-1900000/${size}`, '000 200'));
        await peer.pass(10);
        const [one, two, ...rest] = peer.take();
        expect([one, two].map((chunk) => brief(chunk!))).toEqual([`SEND 1-*/${size} +`, `SEND 1900001-*/${size} $`]);
        expect(one!.data.equals(content.subarray(0, one!.size))).toBe(true);
        expect(two!.data.equals(content.subarray(1_900_000))).toBe(true);
        expect(rest).toEqual([]);
      },
      { chunkSize: Number.POSITIVE_INFINITY, windowBytes: Number.POSITIVE_INFINITY },
    );
  });

  test('fails where its source ends before them', async () => {
    await withScript(async (peer) => {
      async function* tooFew(): AsyncGenerator<Buffer> {
        yield content.subarray(0, 1_000_000);
      }
      const message = peer.session.send(tooFew(), { size, successReport: 'yes' });
      const first = await untilFull(peer);
      peer.send(reportOn(first[0]!, `1-1500000/${size}`, '000 200'));
      await peer.pass(10);
      await expect(message.sent).rejects.toMatchObject({
        code: 'MSRP_ERR_SOURCE',
        message: expect.stringContaining(`gave 1000000 octets instead of ${size}`),
      });
    });
  });

  test('fails where its source cannot be opened there', async () => {
    await withScript(async (peer) => {
      const stream = (start: number): AsyncIterable<Buffer> => {
        if (start > 0) throw new Error('gone');
        return pieces();
      };
      const message = peer.session.send({ size, stream }, { successReport: 'yes' });
      const first = await untilFull(peer);
      peer.send(reportOn(first[0]!, `1-1500000/${size}`, '000 200'));
      await peer.pass(10);
      await expect(message.sent).rejects.toMatchObject({ code: 'MSRP_ERR_SOURCE' });
      expect(await peer.answers()).toMatchObject([{ continuation: '#' }]);
    });
  });

  test('does not skip what it has not the size of, nor what is reported behind a gap', async () => {
    await withScript(async (peer) => {
      const unknown = peer.session.send(pieces(), { successReport: 'yes' });
      const first = await untilFull(peer);
      peer.send(reportOn(first[0]!, '1-1500000/*', '000 200'));
      const all = await sent(peer, first);
      expect(all.map(startOf)).toEqual(all.map((__, index) => index * 8192 + 1));
      expect(unknown.bytesSent).toBe(size);

      peer.session.send(content, { successReport: 'yes' });
      const second = await untilFull(peer);
      peer.send(reportOn(second[0]!, `2-1500000/${size}`, '000 200'));
      expect((await sent(peer, second)).length).toBe(all.length);
    });
  });
});

/** All chunks of the first window. */
async function untilFull(peer: ScriptedPeer): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let bytes = 0; bytes < 524_288; ) {
    await turn();
    await peer.pass(10);
    const some = peer.take();
    chunks.push(...some);
    for (const chunk of some) bytes += chunk.size;
  }
  return chunks;
}

async function next(session: MSRPSession): Promise<IncomingMessage> {
  const { value } = await session.messages().next();
  return value as IncomingMessage;
}

const wishes = 'Success-Report: yes\r\n';

describe('a receiver that has the beginning of a message', () => {
  test('says so at once, and gets the rest alone', async () => {
    await withScript(async (peer) => {
      peer.send(part('aaaa', wishes, '1-4/12', 'abcd', '+'));
      expect((await peer.answers()).map(brief)).toEqual(['200 aaaa']);
      const message = await next(peer.session);
      message.resumeFrom(8);
      expect((await peer.answers()).map(brief)).toEqual(['REPORT mmmm 1-8/12 000 200']);
      peer.send(part('bbbb', wishes, '5-6/12', 'xx', '+'));
      peer.send(part('cccc', wishes, '9-12/12', 'ijkl', '$'));
      expect((await peer.answers()).map(brief)).toEqual(['200 bbbb', '200 cccc', 'REPORT mmmm 1-12/12 000 200']);
      expect(await message.text()).toBe('ijkl');
    });
  });

  test.each([
    [2, 'cdefgh'],
    [4, 'efgh'],
    [7, 'h'],
    [0, 'abcdefgh'],
  ])('and is sent all of it leaves out the first %d', async (end, rest) => {
    await withScript(async (peer) => {
      peer.send(part('aaaa', '', '1-4/8', 'abcd', '+'));
      await peer.answers();
      const message = await next(peer.session);
      message.resumeFrom(end);
      peer.send(part('bbbb', '', '5-8/8', 'efgh', '$'));
      // Nobody asked for reports.
      expect((await peer.answers()).map(brief)).toEqual(['200 bbbb']);
      expect(await message.text()).toBe(rest);
    });
  });

  test('takes what came ahead of that', async () => {
    await withScript(async (peer) => {
      peer.send(part('aaaa', '', '1-2/8', 'ab', '+'));
      peer.send(part('bbbb', '', '6-8/8', 'fgh', '$'));
      await peer.answers();
      const message = await next(peer.session);
      message.resumeFrom(6);
      expect(await message.text()).toBe('gh');
    });
  });

  test('and of which all has come reports only at its end', async () => {
    await withScript(async (peer) => {
      peer.send(part('aaaa', wishes, '1-4/4', 'abcd', '$'));
      expect((await peer.answers()).map(brief)).toEqual(['200 aaaa', 'REPORT mmmm 1-4/4 000 200']);
      const message = await next(peer.session);
      message.resumeFrom(3);
      expect(await peer.answers()).toEqual([]);
      expect(await message.text()).toBe('d');
    });
  });
});

describe('a message that the application reports on', () => {
  test.each([
    ['automaticReports: false', { automaticReports: false }],
    ['a function that says so', { automaticReports: ({ messageId }: IncomingMessage) => messageId !== 'mmmm' }],
  ])('is reported once, when it says so: %s', async (_, options) => {
    await withScript(async (peer) => {
      peer.send(part('aaaa', wishes, '1-2/4', 'ab', '+'));
      await peer.answers();
      const message = await next(peer.session);
      message.report();
      expect([message.isComplete, await peer.answers()]).toEqual([false, []]);
      peer.send(part('bbbb', wishes, '3-4/4', 'cd', '$'));
      expect((await peer.answers()).map(brief)).toEqual(['200 bbbb']);
      expect(message.isComplete).toBe(true);
      message.report();
      message.refuse();
      message.report();
      expect((await peer.answers()).map(brief)).toEqual(['REPORT mmmm 1-4/4 000 200']);
    }, options);
  });

  test('may fail after its last octet, and come again', async () => {
    await withScript(
      async (peer) => {
        for (const id of ['aaaa', 'bbbb']) {
          peer.send(part(id, wishes, '1-2/2', 'ab', '$'));
          expect((await peer.answers()).map(brief)).toEqual([`200 ${id}`]);
          (await next(peer.session)).refuse(400);
          expect((await peer.answers()).map(brief)).toEqual(['REPORT mmmm 1-2/2 000 400']);
        }
      },
      { automaticReports: false },
    );
  });
});
