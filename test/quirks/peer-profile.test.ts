// What `peerProfile` changes: the size of the chunks we send, and whether their ranges say where they end (rows 9 and 36 of the quirks).

import { describe, expect, test } from 'vitest';
import { AcceptorDirect, type ConnectOptions, type PeerName, type SessionOptions } from '../../index.ts';
import { responseTo } from '../session/script-frames.ts';
import { brief, withScript } from '../session/scripted-peer.ts';

/** The frames of a message of `size` octets, sent to such a peer, which answers each. */
async function framesOf(
  size: number,
  peerProfile: PeerName | undefined,
  o: SessionOptions = {},
  stream = false,
): Promise<string[]> {
  const connect: ConnectOptions = peerProfile === undefined ? {} : { peerProfile };
  const frames: string[] = [];
  await withScript(
    async (peer) => {
      const body = Buffer.alloc(size, 'ab');
      const message = peer.session.send(stream ? streamOf(body) : body);
      const received: Buffer[] = [];
      while (received.reduce((sum, { length }) => sum + length, 0) < size) {
        await peer.pass(10);
        const requests = peer.take();
        expect(requests.length).toBeGreaterThan(0);
        frames.push(...requests.map(brief));
        received.push(...requests.map(({ data }) => data));
        peer.send(requests.map((request) => responseTo(request, '200 OK')).join(''));
      }
      await peer.pass(10);
      await message.delivered;
      expect(Buffer.concat(received).equals(body)).toBe(true);
    },
    o,
    connect,
  );
  return frames;
}

async function* streamOf(body: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += 5000) yield body.subarray(at, at + 5000);
}

describe('a message of 20,000 octets leaves in chunks', () => {
  const inEight = ['SEND 1-*/20000 +', 'SEND 8193-*/20000 +', 'SEND 16385-*/20000 $'];

  test.each<[PeerName | undefined, string[]]>([
    [undefined, inEight],
    ['kamailio', inEight],
    ['msrprelay', inEight],
    ['rcsjta', inEight],
    ['freeswitch', ['SEND 1-8192/20000 +', 'SEND 8193-16384/20000 +', 'SEND 16385-20000/20000 $']],
    ['msrplib', ['SEND 1-*/20000 $']],
  ])('that suit %s', async (name, frames) => {
    expect(await framesOf(20_000, name)).toEqual(frames);
  });

  test.each<PeerName>(['boghe', 'opensips'])('of 2,048 octets for %s', async (name) => {
    const frames = await framesOf(20_000, name);
    expect(frames).toHaveLength(10);
    expect(frames.slice(0, 2)).toEqual(['SEND 1-2048/20000 +', 'SEND 2049-4096/20000 +']);
  });

  test('of the size that the session asks for, whatever the profile says', async () => {
    expect(await framesOf(20_000, 'boghe', { chunkSize: 10_000 })).toEqual([
      'SEND 1-*/20000 +',
      'SEND 10001-*/20000 $',
    ]);
  });
});

describe('exact ranges', () => {
  test('make no chunk longer than what leaves at once', async () => {
    const frames = await framesOf(40_000, 'freeswitch', { chunkSize: 1_000_000 });
    expect(frames).toEqual(['SEND 1-16384/40000 +', 'SEND 16385-32768/40000 +', 'SEND 32769-40000/40000 $']);
  });

  test('are known of a stream too, but for its size', async () => {
    const frames = await framesOf(300_000, 'freeswitch', {}, true);
    expect(frames[0]).toBe('SEND 1-8192/* +');
    expect(frames.at(-1)).toBe('SEND 294913-300000/300000 $');
  });

  test.each<[PeerName | undefined, string]>([
    [undefined, '1-*/5000'],
    ['freeswitch', '1-5000/5000'],
  ])('are in a chunk that is made for %s: %s', async (peerProfile, range) => {
    await withScript(
      ({ transport }) => {
        const chunk = transport.makeChunk({ data: Buffer.alloc(5000) });
        expect(chunk.headers.get('Byte-Range')).toBe(range);
        return Promise.resolve();
      },
      {},
      peerProfile === undefined ? {} : { peerProfile },
    );
  });
});

test('a peer that nothing is known of is refused at once', () => {
  for (const peerProfile of ['nobody', 'toString'] as unknown as PeerName[]) {
    const make = (): AcceptorDirect => new AcceptorDirect({ peerProfile });
    expect(make).toThrow(expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' }));
  }
});
