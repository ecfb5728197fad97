// In which order and in what pieces a session sends (D-SEND-1 to D-SEND-9).

import { describe, expect, test } from 'vitest';
import { type Chunk, decodeChunks, type OutgoingMessage } from '../../index.ts';
import { part, responseTo, watch } from './script-frames.ts';
import { brief, type ScriptedPeer, withScript } from './scripted-peer.ts';

/** What the system may hold, what is handed to the socket at most, and what a message may take beyond it. */
const quantum = 16_384;
const inSocket = 262_144 + 65_536;

async function* endless(piece: Buffer): AsyncGenerator<Buffer> {
  for (;;) yield piece;
}

/** Answers everything until nothing comes any more; gives all requests. */
async function answerAll(peer: ScriptedPeer): Promise<Chunk[]> {
  const all: Chunk[] = [];
  for (;;) {
    await peer.pass(10);
    const requests = peer.take();
    if (requests.length === 0) return all;
    all.push(...requests);
    peer.send(requests.map((request) => responseTo(request, '200 OK')).join(''));
  }
}

const bodyOf = (chunks: readonly Chunk[]): Buffer => Buffer.concat(chunks.map(({ data }) => data));

describe('a message leaves', () => {
  const table: [size: number, chunkSize: number | undefined, frames: string[]][] = [
    [0, undefined, ['SEND 1-0/0 $']],
    [1, undefined, ['SEND 1-1/1 $']],
    [2048, undefined, ['SEND 1-2048/2048 $']],
    [2049, undefined, ['SEND 1-*/2049 $']],
    [8192, undefined, ['SEND 1-*/8192 $']],
    [20_000, undefined, ['SEND 1-*/20000 +', 'SEND 8193-*/20000 +', 'SEND 16385-*/20000 $']],
    [8193, undefined, ['SEND 1-*/8193 +', 'SEND 8193-8193/8193 $']],
    [200_000, 1_000_000, ['SEND 1-*/200000 $']],
    [200_000, Number.POSITIVE_INFINITY, ['SEND 1-*/200000 $']],
    [7, 3, ['SEND 1-3/7 +', 'SEND 4-6/7 +', 'SEND 7-7/7 $']],
  ];

  for (const [size, chunkSize, frames] of table) {
    test(`of ${size} octets, chunks of ${chunkSize ?? 'the default size'}, in ${frames.length}`, async () => {
      await withScript(
        async (peer) => {
          const body = Buffer.alloc(size, 'abc');
          const message = peer.session.send(body);
          const requests = await answerAll(peer);
          expect(requests.map(brief)).toEqual(frames);
          expect(bodyOf(requests).equals(body)).toBe(true);
          await message.delivered;
          expect([message.bytesSent, message.bytesAcknowledged]).toEqual([size, size]);
        },
        chunkSize === undefined ? {} : { chunkSize },
      );
    });
  }

  test('from a stream of unknown size with the total in its last chunk', async () => {
    await withScript(async (peer) => {
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let count = 0; count < 300; count++) yield Buffer.alloc(1000, 'x');
      }
      const message = peer.session.send(pieces());
      const requests = await answerAll(peer);
      expect(requests.slice(0, 2).map(brief)).toEqual(['SEND 1-*/* +', 'SEND 8193-*/* +']);
      expect(requests.slice(-1).map(brief)).toEqual(['SEND 294913-*/300000 $']);
      await message.delivered;
      expect(message.size).toBe(300_000);
    });
  });

  test('and tells how far it is', async () => {
    await withScript(async (peer) => {
      const seen: [number, number][] = [];
      const onProgress = ({ bytesSent, bytesAcknowledged }: OutgoingMessage): void =>
        void seen.push([bytesSent, bytesAcknowledged]);
      peer.session.send(Buffer.alloc(20_000), { onProgress });
      await answerAll(peer);
      expect(seen.at(-1)).toEqual([20_000, 20_000]);
      expect(seen.map(([sent]) => sent)).toEqual(seen.map(([sent]) => sent).toSorted((a, b) => a - b));
    });
  });
});

describe('the window', () => {
  test('holds back what would be more than 512 KiB unanswered, and answers open it', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send(Buffer.alloc(2_000_000));
      await peer.pass(100);
      const first = peer.take();
      expect(bodyOf(first).length).toBe(524_288);
      peer.send(responseTo(first[0]!, '200 OK'));
      await peer.pass(100);
      const next = peer.take();
      expect(next.map(({ size }) => size)).toEqual([8192]);
      peer.send([...first.slice(1), ...next].map((request) => responseTo(request, '200 OK')).join(''));
      await answerAll(peer);
      await message.delivered;
    });
  });

  test('does not keep the end of a message that is given up, nor one that wants no answers', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send(Buffer.alloc(2_000_000));
      await peer.pass(100);
      const first = peer.take();
      const state = watch(message.delivered, '-', 'ok');
      message.abort();
      peer.session.send('quiet', { failureReport: 'no' });
      peer.session.send('waits');
      await peer.pass(100);
      expect(peer.take().map(brief)).toEqual(['SEND 1-0/2000000 #', 'SEND 1-5/5 $']);
      expect(state()).toBe('MSRP_ERR_ABORTED');
      peer.send(first.map((request) => responseTo(request, '200 OK')).join(''));
      await peer.pass(100);
      expect(peer.take().map(brief)).toEqual(['SEND 1-5/5 $']);
    });
  });
});

describe('a large message that is running', () => {
  /** The peer does not read while `meanwhile` happens; gives what came, and where in the stream each frame begins. */
  async function stalled(
    peer: ScriptedPeer,
    meanwhile: () => void,
  ): Promise<{ frames: Chunk[]; offset: (at: number) => number }> {
    const base = peer.endpoint.data.length;
    peer.endpoint.socket.pause();
    peer.session.send(Buffer.alloc(10_000_000, 'x'), { failureReport: 'no' });
    await peer.pass(1000);
    const before = peer.endpoint.data.length;
    meanwhile();
    await peer.pass(1000);
    peer.endpoint.socket.resume();
    await peer.network.run(() => peer.endpoint.data.length > before + 2_000_000);
    peer.session.transport.destroy();
    await peer.pass(1000);
    const stream = peer.endpoint.data.subarray(base);
    const end = Math.max(stream.lastIndexOf('+\r\nMSRP '), stream.lastIndexOf('$\r\nMSRP ')) + 3;
    const frames = decodeChunks(stream.subarray(0, end));
    return { frames, offset: (at) => frames[at]?.offset ?? Number.POSITIVE_INFINITY };
  }

  for (const chunkSize of [2048, 8192, 65_536, 1_000_000, Number.POSITIVE_INFINITY]) {
    test(`in chunks of ${chunkSize} lets a small one pass after a quantum beyond what the socket holds`, async () => {
      await withScript(
        async (peer) => {
          const { frames, offset } = await stalled(
            peer,
            () => void peer.session.send('small', { failureReport: 'no' }),
          );
          const at = frames.findIndex(({ size }) => size === 5);
          expect(at).toBeGreaterThan(-1);
          expect(offset(at)).toBeLessThan(inSocket + quantum + 4096);
        },
        { chunkSize },
      );
    });

    test(`in chunks of ${chunkSize} lets a response pass too`, async () => {
      await withScript(
        async (peer) => {
          const { frames, offset } = await stalled(peer, () => peer.send(part('tran0', '', '1-3/3', 'abc', '$')));
          const at = frames.findIndex(({ code }) => code === 200);
          expect(at).toBeGreaterThan(-1);
          expect(offset(at)).toBeLessThan(inSocket + quantum + 4096);
        },
        { chunkSize },
      );
    });
  }

  test('from a stream goes on in its open chunk when more comes', async () => {
    await withScript(
      async (peer) => {
        async function* pieces(): AsyncGenerator<Buffer> {
          for (let count = 0; count < 20; count++) yield Buffer.alloc(65_536, 'x');
        }
        peer.session.send(pieces(), { failureReport: 'no' });
        await peer.pass(1000);
        const frames = peer.take();
        expect(bodyOf(frames).length).toBe(1_310_720);
        expect(frames.map(({ size }) => size)).toEqual([1_310_720]);
      },
      { chunkSize: Number.POSITIVE_INFINITY, windowBytes: 4_000_000 },
    );
  });

  test('shares the connection with another one, a quantum each', async () => {
    await withScript(
      async (peer) => {
        peer.session.send(Buffer.alloc(400_000, 'a'), { failureReport: 'no' });
        peer.session.send(Buffer.alloc(400_000, 'b'), { failureReport: 'no' });
        await peer.pass(1000);
        const senders = peer.take().map(({ data }) => data.toString('latin1', 0, 1));
        expect(senders.length).toBe(50);
        for (let at = 0; at < 48; at += 2) expect(senders.slice(at, at + 2)).toEqual(['a', 'b']);
      },
      { chunkSize: Number.POSITIVE_INFINITY },
    );
  });

  test('waits for urgent ones whatever their size', async () => {
    await withScript(async (peer) => {
      peer.session.send(Buffer.alloc(40_000, 'a'), { failureReport: 'no' });
      peer.session.send(Buffer.alloc(40_000, 'b'), { failureReport: 'no', urgent: true });
      await peer.pass(1000);
      expect(peer.take().map(({ data }) => data.toString('latin1', 0, 1))).toEqual([...'bbbbbaaaaa']);
    });
  });

  test('that is refused before its chunk has ended is ended with #', async () => {
    await withScript(
      async (peer) => {
        peer.endpoint.socket.pause();
        const message = peer.session.send(endless(Buffer.alloc(65_536)));
        const state = watch(message.delivered, '-', 'ok');
        await peer.pass(100);
        peer.endpoint.socket.resume();
        await peer.network.run(() => peer.endpoint.data.includes('Byte-Range: 1-*'));
        const [, id = ''] = /MSRP (\w+) SEND\r\n/.exec(peer.endpoint.data.toString('latin1')) ?? [];
        peer.send(responseTo({ transactionId: id } as Chunk, '413 Stop'));
        await peer.pass(1000);
        expect(peer.take().at(-1)?.continuation).toBe('#');
        expect(state()).toBe('413');
        await peer.session.shutdown({ wait: false });
      },
      { chunkSize: Number.POSITIVE_INFINITY },
    );
  });
});

describe('sendChunk', () => {
  test('says when enough waits, drained() when there is room, and refuses what is too much', async () => {
    await withScript(async (peer) => {
      peer.endpoint.socket.pause();
      const one = (): boolean =>
        peer.session.sendChunk(peer.transport.makeChunk({ data: Buffer.alloc(100_000), failureReport: 'no' }));
      let before = 0;
      while (one()) before++;
      expect(before).toBe(10);
      const state = watch(peer.session.drained(), 'full', 'drained');
      await peer.pass(100);
      while (state() === 'drained' && one());
      let more = 0;
      expect(() => {
        for (;;) {
          one();
          more++;
        }
      }).toThrow(expect.objectContaining({ code: 'MSRP_ERR_QUEUE_FULL' }));
      expect(more).toBeLessThan(168);
      const drained = watch(peer.session.drained(), 'full', 'drained');
      await peer.pass(100);
      expect(drained()).toBe('full');
      peer.endpoint.socket.resume();
      await peer.pass(1000);
      expect(drained()).toBe('drained');
    });
  });
});

describe('what the peer has said that it takes', () => {
  const peer = { acceptTypes: ['text/*'], maxSize: 10 };

  test('is sent, and other types and larger messages are refused before they leave', async () => {
    await withScript(
      async ({ session }) => {
        const refusal = (status: number): unknown => expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT', status });
        expect(() => session.send('x', { contentType: 'image/png' })).toThrow(refusal(415));
        expect(() => session.send('x'.repeat(11))).toThrow(refusal(413));
        session.send('x'.repeat(10));
      },
      { peer },
    );
  });

  test('ends a stream that grows beyond it', async () => {
    await withScript(
      async (scripted) => {
        const message = scripted.session.send(endless(Buffer.from('abc')), { contentType: 'text/plain' });
        const state = watch(message.delivered, '-', 'ok');
        await scripted.pass(100);
        expect(state()).toBe('413');
      },
      { peer },
    );
  });
});

describe('a message that is given up', () => {
  for (let asked = 0; asked <= 20; asked++) {
    test(`when piece ${asked} of its 20 is asked for says so, unless nothing or all of it has left`, async () => {
      await withScript(async (peer) => {
        const control = new AbortController();
        async function* pieces(): AsyncGenerator<Buffer> {
          for (let piece = 0; piece < 20; piece++) {
            if (piece === asked) control.abort();
            yield Buffer.alloc(40_000, piece);
          }
        }
        const message = peer.session.send(pieces(), { size: 800_000, signal: control.signal });
        const state = watch(message.delivered, '-', 'ok');
        const flags = (await answerAll(peer)).map(({ continuation }) => continuation).join('');
        expect(flags).toMatch(/^$|^\+*[#$]$/);
        expect(state()).toBe(flags.endsWith('$') ? 'ok' : 'MSRP_ERR_ABORTED');
        if (asked > 4) expect(flags).toContain('+');
      });
    });
  }
});
