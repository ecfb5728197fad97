// The vectors that need a session: what a peer gets back for exact octets, and what the session makes of them.

import { describe, expect, test } from 'vitest';
import type { IncomingMessage, SessionOptions } from '../../index.ts';
import { vectors, octetsOf } from '../support/vectors.ts';
import { reassemblies, type ReassemblyVector } from '../support/reassembly.ts';
import { brief, ourUri, peerUri, withScript } from './scripted-peer.ts';

/** What the `context` of a vector asks of the session. */
const options: Readonly<Record<string, SessionOptions>> = {
  'accept-types: text/plain': { acceptTypes: ['text/plain'] },
  'max-size 1000, policy refuse': { maxSize: 1000 },
};

/** By effect: what comes besides a response, and the bodies that the application gets. */
const effects: Readonly<Record<string, { frames: string[]; bodies: string[] }>> = {
  ignore: { frames: [], bodies: [] },
  'send REPORT 000 200 with Byte-Range 1-2/2': { frames: ['REPORT sem-1 1-2/2 000 200'], bodies: ['hi'] },
};

const forEndpoints = vectors.semantic.filter(({ context }) => !context.startsWith('relay'));

describe('semantic vectors for an endpoint', () => {
  test.each(forEndpoints)('$id: $context, responds with $expected.respond', async (vector) => {
    const { respond, effect } = vector.expected;
    const expected = effects[effect ?? 'ignore'];
    expect(expected, `no such effect: ${effect}`).toBeDefined();
    await withScript(async (peer) => {
      const bodies = readAll(peer.session.messages());
      peer.send(octetsOf(vector.file));
      const frames = await peer.answers();
      const { transactionId, fromPath, toPath } = vector.frame;
      const response = respond === null ? [] : [`${respond} ${transactionId}`];
      expect(frames.map(brief)).toEqual([...response, ...expected!.frames]);
      for (const frame of frames) {
        expect([String(frame.toPath[0]), String(frame.fromPath[0])]).toEqual([fromPath[0], toPath[0]]);
      }
      expect(bodies).toEqual(expected!.bodies);
      expect([peer.endpoint.ended, peer.endpoint.closed]).toEqual([false, false]);
    }, options[vector.context]);
  });

  test('all of them were played', () => {
    expect(forEndpoints.map(({ id }) => id.slice(0, 3))).toEqual([
      's01',
      's02',
      's03',
      's05',
      's06',
      's07',
      's10',
      's11',
      's17',
    ]);
  });
});

describe('reassembly vectors', () => {
  for (const vector of reassemblies) {
    test(`vector ${vector.id}`, () => playReassembly(vector));
  }
});

/** Beyond the vectors. */
const shortened: ReassemblyVector = {
  id: 'shortened',
  chunks: [
    { byteRange: '5-8/8', body: 'efgh', flag: '$' },
    { byteRange: '5-6/8', body: 'ef', flag: '+' },
    { byteRange: '1-4/8', body: 'abcd', flag: '+' },
  ],
  complete: 'abcdefgh',
};

test('a part of what is held comes again, which takes nothing away (D-RECV-1)', () => playReassembly(shortened));

test('a message that is refused while it comes is not shown again with its next chunk (D-RECV-4)', async () => {
  await withScript(
    async (peer) => {
      const results = readAll(peer.session.messages());
      const chunks = ['1-4/*', '5-8/*', '9-12/*'].map((byteRange) => ({ byteRange, body: 'abcd', flag: '+' as const }));
      for (const [index, chunk] of chunks.entries()) peer.send(frameOf(chunk, `tran${index}`));
      expect((await peer.answers()).map(brief)).toEqual(['200 tran0', '413 tran1', '413 tran2']);
      expect(results).toEqual(['aborted']);
    },
    { maxSize: 6 },
  );
});

test('a message that gets no chunk for 540 s is given up (D-RECV-5)', async () => {
  await withScript(async (peer) => {
    const results = readAll(peer.session.messages());
    peer.send(frameOf({ byteRange: '1-4/8', body: 'abcd', flag: '+' }, 'tran0'));
    await peer.pass(541_000);
    expect(results).toEqual(['aborted']);
  });
});

async function playReassembly(vector: ReassemblyVector): Promise<void> {
  await withScript(async (peer) => {
    const results = readAll(peer.session.messages());
    for (const [index, chunk] of vector.chunks.entries()) peer.send(frameOf(chunk, `tran${index}`));
    const frames = await peer.answers();
    const code = vector.error === undefined ? 200 : 400;
    expect(frames.map(brief)).toEqual(vector.chunks.map((_, index) => `${code} tran${index}`));
    const bodies = typeof vector.complete === 'string' ? [vector.complete] : [];
    const aborted = vector.chunks.filter(({ flag }) => flag === '#').map(() => 'aborted');
    expect(results).toEqual([...aborted, ...bodies]);
  });
}

function frameOf({ byteRange, body, flag }: ReassemblyVector['chunks'][number], id: string): string {
  const range = byteRange === null ? '' : `Byte-Range: ${byteRange}\r\n`;
  const rest = body === null ? '' : `Content-Type: text/plain\r\n\r\n${body}\r\n`;
  return `MSRP ${id} SEND\r\nTo-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\nMessage-ID: vector\r\n${range}${rest}-------${id}${flag}\r\n`;
}

/** Fills up with the body of each message that comes to an end, or with `aborted`. */
function readAll(messages: AsyncIterable<IncomingMessage>): string[] {
  const results: string[] = [];
  const read = async (): Promise<void> => {
    for await (const message of messages) {
      message.text().then(
        (text) => results.push(text),
        () => results.push('aborted'),
      );
    }
  };
  read().catch(() => {});
  return results;
}
