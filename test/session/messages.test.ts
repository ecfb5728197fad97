import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Body, IncomingMessage, MSRPSession } from '../../session/index.ts';
import { standstill } from '../support/standstill.ts';
import { withPeer, withSessions } from './pair.ts';

async function next(session: MSRPSession): Promise<IncomingMessage> {
  const { value } = await session.messages().next();
  if (value === undefined) throw new Error('no message came');
  return value as IncomingMessage;
}

async function* pieces(...list: string[]): AsyncGenerator<Buffer> {
  for (const piece of list) yield Buffer.from(piece);
}

describe('messages between two sessions', () => {
  const large = randomBytes(300_000);
  const kinds: [string, () => Body, Buffer][] = [
    ['a string', () => 'schön', Buffer.from('schön')],
    ['nothing', () => '', Buffer.alloc(0)],
    ['bytes', () => large, large],
    ['a Blob', () => new Blob([new Uint8Array(large)]), large],
    ['a Readable', () => Readable.from([large.subarray(0, 7), large.subarray(7)]), large],
    ['an iterable of unknown size', () => pieces('abc', '', 'def'), Buffer.from('abcdef')],
    ['an empty iterable', () => pieces(), Buffer.alloc(0)],
    ['2,048 octets, the most of a fixed range', () => large.subarray(0, 2048), large.subarray(0, 2048)],
    ['exactly two chunks', () => large.subarray(0, 16_384), large.subarray(0, 16_384)],
  ];

  test.each(kinds)('%s arrives whole, with reports and without', async (_, body, expected) => {
    await withSessions(async (alice, bob) => {
      for (const successReport of ['no', 'yes'] as const) {
        const sending = alice.send(body(), { successReport });
        const message = await next(bob);
        expect((await message.bytes()).equals(expected)).toBe(true);
        await Promise.all([sending.sent, sending.delivered]);
        expect([sending.bytesSent, sending.bytesAcknowledged]).toEqual([expected.length, expected.length]);
      }
    });
  });

  test('several at once arrive whole, in both directions', async () => {
    await withSessions(async (alice, bob) => {
      const bodies = Array.from({ length: 20 }, (_, index) => randomBytes(index * 3000));
      const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
      await Promise.all(
        [
          [alice, bob],
          [bob, alice],
        ].map(async ([from, to]) => {
          const sending = bodies.map((body) => from!.send(body));
          const found: string[] = [];
          for await (const message of to!.messages()) {
            found.push(hash(await message.bytes()));
            if (found.length === bodies.length) break;
          }
          expect(found.toSorted()).toEqual(bodies.map(hash).toSorted());
          await Promise.all(sending.map(({ delivered }) => delivered));
        }),
      );
    });
  });

  test('a reader that does not read stops its sender, and loses nothing', async () => {
    await withSessions(
      async (alice, bob) => {
        let given = 0;
        const total = 16_777_216;
        async function* source(): AsyncGenerator<Buffer> {
          for (; given < total; given += 65_536) yield Buffer.alloc(65_536, given >> 16);
        }
        const sending = alice.send(source(), { size: total });
        const message = await next(bob);
        await standstill(() => given);
        expect(given).toBeLessThan(total);
        let read = 0;
        for await (const bytes of message) read += bytes.length;
        expect(read).toBe(total);
        await sending.delivered;
      },
      { alice: { chunkSize: 65_536 } },
    );
  });

  test('one that is given up ends with an error on both sides, and the session goes on', async () => {
    await withSessions(async (alice, bob) => {
      async function* endless(): AsyncGenerator<Buffer> {
        for (;;) yield Buffer.alloc(10_000);
      }
      const sending = alice.send(endless());
      const message = await next(bob);
      await message[Symbol.asyncIterator]().next();
      sending.abort();
      await expect(message.bytes()).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
      await expect(sending.delivered).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
      const after = alice.send('after');
      expect(await (await next(bob)).text()).toBe('after');
      await after.delivered;
    });
  });

  test('a body that is left early does not keep its sender waiting', async () => {
    await withSessions(
      async (alice, bob) => {
        const sending = alice.send(Buffer.alloc(3_000_000));
        for await (const bytes of await next(bob)) {
          expect(bytes.length).toBeGreaterThan(0);
          break;
        }
        await sending.delivered;
      },
      { alice: { chunkSize: 65_536 } },
    );
  });

  test('a source that fails gives the message up', async () => {
    await withSessions(async (alice, bob) => {
      async function* failing(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(300_000);
        throw new Error('disk on fire');
      }
      const sending = alice.send(failing());
      await expect((await next(bob)).bytes()).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
      await expect(sending.delivered).rejects.toMatchObject({ code: 'MSRP_ERR_SOURCE' });
    });
  });

  test('what is not accepted is refused with 415, what is too large with 413, and the session goes on', async () => {
    await withSessions(
      async (alice, bob) => {
        await expect(alice.send('x', { contentType: 'image/png' }).delivered).rejects.toMatchObject({
          status: 415,
          scope: 'message',
        });
        await expect(alice.send('x'.repeat(101)).delivered).rejects.toMatchObject({ status: 413 });
        const unknown = alice.send(pieces('x'.repeat(60), 'x'.repeat(60)));
        await expect(unknown.delivered).rejects.toMatchObject({ status: 413 });
        const fine = alice.send('x'.repeat(100));
        for await (const message of bob.messages()) {
          if (message.size !== 100) continue;
          expect((await message.bytes()).length).toBe(100);
          break;
        }
        await fine.delivered;
      },
      { bob: { acceptTypes: ['text/*', 'application/octet-stream'], maxSize: 100 } },
    );
  });

  test('onIncoming gets chunks, segments of long ones, and the end', async () => {
    const seen: string[] = [];
    await withSessions(
      async (alice) => {
        await alice.send('one').delivered;
        await alice.send(Buffer.alloc(200_000), { successReport: 'yes' }).delivered;
      },
      {
        alice: { chunkSize: 200_000 },
        bob: {
          segmentSize: 1000,
          onIncoming: (chunk) =>
            void seen.push(chunk === undefined ? 'end' : `${chunk.segment ?? 'whole'} ${chunk.continuation}`),
        },
      },
    );
    expect(seen[0]).toBe('whole $');
    expect(seen.at(-1)).toBe('end');
    expect(seen.slice(1, -1).every((text) => /^\d+ [+$]$/.test(text) || text === 'whole $')).toBe(true);
  });
});

describe('a session and its peer', () => {
  /** Section 7: Failure-Report, Success-Report, what comes back to a good message, and to a refused one. */
  const table: [failure: string | undefined, success: string | undefined, good: string[], bad: string[]][] = [
    [undefined, undefined, ['200'], ['415']],
    ['yes', 'no', ['200'], ['415']],
    ['yes', 'yes', ['200', 'REPORT'], ['415']],
    ['partial', 'no', [], ['415']],
    ['partial', 'yes', ['REPORT'], ['415']],
    ['no', 'no', [], []],
    ['no', 'yes', ['REPORT'], []],
  ];

  test.each(table)('Failure-Report %s, Success-Report %s', async (failure, success, good, bad) => {
    await withPeer(
      async (_, peer) => {
        const reports = {
          ...(failure !== undefined && { failureReport: failure as 'yes' }),
          ...(success !== undefined && { successReport: success as 'yes' }),
        };
        await peer.writeChunk(peer.makeChunk({ data: 'hi', ...reports }));
        await peer.writeChunk(peer.makeChunk({ data: 'hi', contentType: 'image/png', ...reports }));
        // What is always answered, to know when the rest has been.
        const last = peer.makeChunk();
        await peer.writeChunk(last);
        const answers: string[] = [];
        for (;;) {
          const chunk = await peer.readChunk();
          if (chunk.transactionId === last.transactionId) break;
          answers.push(String(chunk.code ?? chunk.method));
        }
        expect(answers).toEqual([...good, ...bad]);
      },
      { acceptTypes: ['text/plain'] },
    );
  });

  test('answers unknown methods with 501, never answers a REPORT, refuses other paths with 481', async () => {
    await withPeer(async (_, peer) => {
      await peer.writeChunk(peer.makeChunk({ method: 'FROBNICATE' }));
      expect((await peer.readChunk()).code).toBe(501);
      await peer.writeChunk(
        peer.makeChunk({ method: 'REPORT', messageId: 'nope1', headers: [['Status', '000 200 OK']] }),
      );
      const stranger = peer.makeChunk({ data: 'x' });
      const text = `MSRP ${stranger.transactionId} SEND\r\n${stranger.headers.with('From-Path', 'msrp://h:1/other;tcp').format()}\r\nx\r\n-------${stranger.transactionId}$\r\n`;
      await peer.write(Buffer.from(text));
      expect(await peer.readChunk()).toMatchObject({ code: 481, transactionId: stranger.transactionId });
    });
  });

  test('puts chunks together that come late, twice, or one over the other', async () => {
    await withPeer(async (session, peer) => {
      const part = (start: number, data: string, continuation: '$' | '+'): Promise<void> =>
        peer.writeChunk(peer.makeChunk({ messageId: 'abcd', start, data, length: 9, continuation }));
      await part(7, 'ghi', '$');
      await part(1, 'abc', '+');
      await part(1, 'abc', '+');
      await part(3, 'cdef', '+');
      expect(await (await next(session)).text()).toBe('abcdefghi');
      for (let count = 0; count < 4; count++) expect((await peer.readChunk()).code).toBe(200);
    });
  });

  test('a message that is there already is answered again and not shown again', async () => {
    await withPeer(async (session, peer) => {
      for (const messageId of ['same', 'same', 'other']) {
        await peer.writeChunk(peer.makeChunk({ messageId, data: messageId }));
      }
      const texts: string[] = [];
      for await (const message of session.messages()) if (texts.push(await message.text()) === 2) break;
      expect(texts).toEqual(['same', 'other']);
      for (let count = 0; count < 3; count++) expect((await peer.readChunk()).code).toBe(200);
    });
  });

  test('success reports count for what they cover without a gap', async () => {
    await withPeer(async (session, peer) => {
      const sending = session.send('abcdef', { successReport: 'yes', failureReport: 'no' });
      let isDelivered = false;
      void sending.delivered.then(() => (isDelivered = true));
      const request = await peer.readChunk();
      const report = (range: string): Promise<void> => {
        const fields: [string, string][] = [
          ['Message-ID', request.messageId ?? ''],
          ['Byte-Range', range],
          ['Status', '000 200 OK'],
        ];
        return peer.writeChunk(peer.makeChunk({ method: 'REPORT', headers: fields }));
      };
      await report('4-6/6');
      await report('1-2/6');
      // Answered behind the reports: these have been seen.
      await peer.writeChunk(peer.makeChunk());
      await peer.readChunk();
      expect([isDelivered, sending.bytesAcknowledged]).toEqual([false, 2]);
      await report('2-4/6');
      await sending.delivered;
      expect(sending.bytesAcknowledged).toBe(6);
    });
  });

  test('a response that says the session is gone ends it', async () => {
    await withPeer(async (session, peer) => {
      const sending = session.send('hello');
      const request = await peer.readChunk();
      await peer.writeChunk(peer.makeResponse(request, 481)!);
      await expect(sending.delivered).rejects.toMatchObject({ status: 481 });
      expect(await session.closed).toMatchObject({ status: 481 });
      expect(() => session.send('more')).toThrow(expect.objectContaining({ code: 'MSRP_ERR_SESSION' }));
    });
  });

  test('deliverChunk gives the response, or throws it; sendChunk calls back', async () => {
    await withPeer(async (session, peer) => {
      const delivering = session.deliverChunk(session.transport.makeChunk({ data: 'x' }));
      await peer.writeChunk(peer.makeResponse(await peer.readChunk(), 200)!);
      expect(await delivering).toMatchObject({ code: 200 });
      const refused = session.deliverChunk(session.transport.makeChunk({ data: 'x' }));
      await peer.writeChunk(peer.makeResponse(await peer.readChunk(), 403)!);
      await expect(refused).rejects.toMatchObject({ status: 403 });
      expect(
        await session.deliverChunk(session.transport.makeChunk({ data: 'x', failureReport: 'no' })),
      ).toBeUndefined();
    });
  });

  test('shutdown waits for what is not answered yet', async () => {
    await withPeer(async (session, peer) => {
      const sending = session.send('hello');
      const over = session.shutdown();
      const request = await peer.readChunk();
      await peer.writeChunk(peer.makeResponse(request, 200)!);
      await Promise.all([sending.delivered, over]);
      await expect(peer.readChunk()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    });
  });
});
