// Keep-alives, sizes, and the order of fields: what keeps sessions alive with peers and relays that are particular.

import { describe, expect, test } from 'vitest';
import type { Chunk, PeerName } from '../../index.ts';
import { brief, ourUri, peerUri, withScript } from '../session/scripted-peer.ts';
import { modes, play, request, taken } from './play.ts';

const id = 'tran0';

describe('keep-alives of other forms', () => {
  const forms: [string, string[], string | undefined][] = [
    ['an empty SEND', [], undefined],
    ['an empty SEND that says so', ['Keep-Alive: yes'], undefined],
    ['a heartbeat', ['Byte-Range: 1-9/9', 'Content-Type: text/x-msrp-heartbeat'], 'HEARTBEAT'],
    ['a heartbeat in capitals, without range', ['Content-Type: Text/X-MSRP-Heartbeat;charset=utf-8'], 'HEARTBEAT'],
    ['an empty heartbeat', ['Content-Type: text/x-msrp-heartbeat'], ''],
  ];
  const send = (lines: string[], body?: string): string => request('SEND', id, ['Message-ID: mmmm', ...lines], body);

  for (const [mode, tolerant] of modes) {
    test.each(forms)(`%s is answered and not shown, ${mode}`, async (_, lines, body) => {
      const octets = send(lines, body);
      expect(await play(octets, {}, { tolerant })).toEqual(taken(id));
      expect(await play(octets, { acceptTypes: ['text/plain'], maxSize: 1 }, { tolerant })).toEqual(taken(id));
      const seen: (string | undefined)[] = [];
      const onIncoming = (chunk?: Chunk): void => void (chunk && seen.push(chunk.contentType));
      await play(octets, { onIncoming }, { tolerant });
      expect(seen).toEqual([]);
    });
  }

  test.each(forms)('%s that wants no answer gets none, and no REPORT', async (_, lines, body) => {
    const { frames } = await play(send(['Failure-Report: no', ...lines], body), { acceptTypes: ['text/plain'] });
    expect(frames).toEqual([]);
  });

  test.each(forms)('%s comes again and again, with one Message-ID or none', async (_, lines, body) => {
    const same = send(lines, body);
    expect(await play(same + same)).toEqual({ ...taken(id), frames: [`200 ${id}`, `200 ${id}`] });
  });

  test('what follows a heartbeat is shown', async () => {
    const next = request('SEND', 'tran1', ['Message-ID: mmm1', 'Content-Type: text/plain'], 'hi');
    expect(await play(send(forms[2]![1], forms[2]![2]) + next)).toMatchObject({ bodies: ['hi'] });
  });

  test('what only begins as its type is a message', async () => {
    const octets = send(['Content-Type: text/x-msrp-heartbeats'], 'hi');
    expect(await play(octets)).toEqual(taken(id, 'hi'));
  });

  test('our own is an empty SEND, and says so', async () => {
    await withScript(
      async (peer) => {
        await peer.pass(11_000);
        const [keepAlive] = peer.take();
        expect([brief(keepAlive!), keepAlive!.hasBody, keepAlive!.headers.get('Keep-Alive')]).toEqual([
          'SEND 1-0/0 $',
          false,
          'yes',
        ]);
      },
      { keepAliveInterval: 10_000 },
    );
  });
});

describe('peers that take short chunks only', () => {
  // Octets of a body, and of a whole frame, that each of them is known to take.
  test.each<[PeerName | undefined, body: number, frame: number]>([
    [undefined, 8192, 10_240],
    ['kamailio', 10_240, 14_336],
    ['freeswitch', 16_352, 16_352],
    ['rcsjta', 10_240, 16_384],
    ['opensips', 2048, 4 * 1460],
    ['boghe', 2048, 4096],
  ])('chunks for %s have bodies of up to %d octets, in frames of up to %d', async (peerProfile, body, frame) => {
    await withScript(
      async (peer) => {
        const { length } = peer.endpoint.data;
        peer.session.send(Buffer.alloc(100_000), { failureReport: 'no', headers: [['Subject', 'x'.repeat(500)]] });
        await peer.pass(100);
        const octets = peer.endpoint.data.length - length;
        const chunks = peer.take();
        const largest = Math.max(...chunks.map(({ size }) => size));
        expect(largest).toBeLessThanOrEqual(body);
        expect(largest + (octets - 100_000) / chunks.length).toBeLessThan(frame);
      },
      {},
      peerProfile === undefined ? {} : { peerProfile },
    );
  });
});

describe('relays that ask for certain fields in a certain order', () => {
  test('all that we send has these, with ports', async () => {
    await withScript(
      async (peer) => {
        peer.session.send(Buffer.alloc(10_000, 'x'), { successReport: 'yes', headers: [['Subject', 'x']] });
        peer.send(request('SEND', id, ['Message-ID: mmmm', 'Success-Report: yes', 'Content-Type: text/plain'], 'hi'));
        await peer.pass(11_000);
        const frames = peer.take();
        const requests = frames.filter(({ method }) => method !== undefined);
        expect(requests.map(({ method }) => method)).toEqual(['SEND', 'SEND', 'REPORT', 'SEND']);
        for (const { headers } of requests) {
          expect(headers.entries.slice(0, 4).map(([name]) => name)).toEqual([
            'To-Path',
            'From-Path',
            'Message-ID',
            'Byte-Range',
          ]);
        }
        for (const { headers } of frames) {
          expect([headers.get('To-Path'), headers.get('From-Path')]).toEqual([peerUri, ourUri]);
        }
        expect(requests[0]!.headers.entries.at(-1)![0]).toBe('Content-Type');
      },
      { keepAliveInterval: 10_000 },
    );
  });
});
