// What a session sends by itself, and waits for.

import { describe, expect, test } from 'vitest';
import { responseTo, watch } from './script-frames.ts';
import { brief, withScript } from './scripted-peer.ts';

describe('keepAliveInterval', () => {
  test('sends an empty request when nothing else was sent, again and again', async () => {
    await withScript(
      async (peer) => {
        const seen: string[] = [];
        for (let round = 0; round < 3; round++) {
          await peer.pass(10_500);
          const requests = peer.take();
          seen.push(...requests.map((request) => `${request.method} ${request.headers.get('keep-alive')}`));
          peer.send(requests.map((request) => responseTo(request, '200 OK')).join(''));
        }
        expect(seen).toEqual(['SEND yes', 'SEND yes', 'SEND yes']);
      },
      { keepAliveInterval: 10_000 },
    );
  });

  test('ends the session when nothing is answered', async () => {
    await withScript(
      async (peer) => {
        const closed = watch(peer.session.closed, 'open', 'in order');
        await peer.pass(50_000);
        expect(closed()).toBe('408');
      },
      { keepAliveInterval: 10_000 },
    );
  });

  test('adds nothing to what waits, and costs nothing where there is no room', async () => {
    await withScript(
      async (peer) => {
        peer.endpoint.socket.pause();
        const fill = (size: number): void => {
          const data = Buffer.alloc(size);
          for (;;) peer.session.sendChunk(peer.transport.makeChunk({ data, failureReport: 'no' }));
        };
        const isFull = expect.objectContaining({ code: 'MSRP_ERR_QUEUE_FULL' });
        expect(() => fill(1_000_000)).toThrow(isFull);
        await peer.pass(1000);
        expect(() => fill(1_000_000)).toThrow(isFull);
        expect(() => fill(1)).toThrow(isFull);
        await peer.pass(30_000);
        peer.endpoint.socket.resume();
        await peer.pass(1000);
        expect(peer.take().filter(({ headers }) => headers.get('keep-alive') !== undefined)).toEqual([]);
      },
      { keepAliveInterval: 10_000 },
    );
  });
});

describe('deliverChunk', () => {
  test('of a chunk that is never answered resolves at once', async () => {
    await withScript(async (peer) => {
      peer.send(
        `MSRP tran0 SEND\r\nTo-Path: ${String(peer.transport.localUri)}\r\nFrom-Path: ${String(peer.transport.fullRemotePath[0])}\r\nMessage-ID: mmmm\r\nSuccess-Report: yes\r\n-------tran0$\r\n`,
      );
      const report = peer.transport.makeChunk({ method: 'REPORT', headers: [['Status', '000 200 OK']] });
      const told = watch(peer.session.deliverChunk(report), '-', 'resolved');
      await peer.pass(10);
      expect(told()).toBe('resolved');
    });
  });

  test('waits for the response, however it comes to an end', async () => {
    const table: [string | undefined, string][] = [
      ['200 OK', 'done'],
      ['413 Stop', '413'],
      [undefined, '408'],
    ];
    for (const [status, end] of table) {
      await withScript(async (peer) => {
        const told = watch(peer.session.deliverChunk(peer.transport.makeChunk({ data: 'x' })), '-', 'done');
        await peer.pass(10);
        const [request] = peer.take();
        expect(told()).toBe('-');
        if (status !== undefined) peer.send(responseTo(request!, status));
        await peer.pass(status === undefined ? 31_000 : 10);
        expect(told()).toBe(end);
      });
    }
  });
});

describe('shutdown()', () => {
  test('waits for success reports as long as for a response, not longer', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send('x', { successReport: 'yes' });
      const delivered = watch(message.delivered, '-', 'ok');
      const closed = watch(peer.session.closed, 'open', 'closed');
      await peer.pass(10);
      const [request] = peer.take();
      peer.send(responseTo(request!, '200 OK'));
      void peer.session.shutdown();
      await peer.pass(29_000);
      expect([closed(), delivered()]).toEqual(['open', '-']);
      await peer.pass(2000);
      expect([closed(), delivered()]).toEqual(['closed', 'MSRP_ERR_SESSION']);
    });
  });

  test('takes until the answers are there, or the session has failed', async () => {
    for (const isAnswered of [true, false]) {
      await withScript(async (peer) => {
        const message = peer.session.send(Buffer.alloc(20_000));
        const delivered = watch(message.delivered, '-', 'ok');
        const closed = watch(peer.session.closed, 'open', 'closed');
        void peer.session.shutdown();
        await peer.pass(1000);
        const requests = peer.take();
        expect(requests.map(brief)).toEqual(['SEND 1-*/20000 +', 'SEND 8193-*/20000 +', 'SEND 16385-*/20000 $']);
        expect(closed()).toBe('open');
        if (isAnswered) peer.send(requests.map((request) => responseTo(request, '200 OK')).join(''));
        await peer.pass(isAnswered ? 10 : 31_000);
        expect([closed(), delivered()]).toEqual(isAnswered ? ['closed', 'ok'] : ['408', '408']);
      });
    }
  });
});
