// Answers that a peer need not have given, or gives earlier than expected: what is counted stays right.

import { describe, expect, test, vi } from 'vitest';
import type { Chunk } from '../../index.ts';
import { part, reportOn, responseTo, watch } from './script-frames.ts';
import { brief, type ScriptedPeer, withScript } from './scripted-peer.ts';

const idsIn = (octets: Buffer): string[] =>
  [...octets.toString('latin1').matchAll(/MSRP (\w+) SEND\r\n/g)].map(([, id]) => id ?? '');
const request = (transactionId: string): Chunk => ({ transactionId }) as Chunk;

/** Answers all that comes until nothing does. */
async function answerAll(peer: ScriptedPeer): Promise<number> {
  let octets = 0;
  for (;;) {
    await peer.pass(100);
    const requests = peer.take();
    if (requests.length === 0) return octets;
    for (const { size } of requests) octets += size;
    peer.send(requests.map((chunk) => responseTo(chunk, '200 OK')).join(''));
  }
}

describe('a success that nobody asked for', () => {
  test('does not keep a message with Failure-Report partial from its end', async () => {
    await withScript(async (peer) => {
      async function* slowly(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(20_000);
        await new Promise<void>((resolve) => {
          peer.network.clock.setTimer(resolve, 1000);
        });
        yield Buffer.alloc(20_000);
      }
      const message = peer.session.send(slowly(), { failureReport: 'partial' });
      const delivered = watch(message.delivered, '-', 'ok');
      await answerAll(peer);
      await peer.pass(1000);
      await answerAll(peer);
      expect(delivered()).toBe('ok');
      const closed = watch(peer.session.closed, 'open', 'closed');
      await peer.session.shutdown({ wait: false });
      await peer.pass(1000);
      expect(closed()).toBe('closed');
    });
  });
});

describe('a success before the end of the chunk', () => {
  test('leaves the window as it was', async () => {
    await withScript(
      async (peer) => {
        let more: (() => void) | undefined;
        async function* source(): AsyncGenerator<Buffer> {
          yield Buffer.alloc(40_000);
          await new Promise<void>((resolve) => {
            more = resolve;
          });
          yield Buffer.alloc(40_000);
        }
        // Open, with all that there is of it written.
        for (let round = 0; round < 4; round++) {
          const from = peer.endpoint.data.length;
          const message = peer.session.send(source());
          const delivered = watch(message.delivered, '-', 'ok');
          await peer.pass(1);
          const [id = ''] = idsIn(peer.endpoint.data.subarray(from));
          peer.send(responseTo(request(id), '200 OK'));
          await peer.pass(10);
          more?.();
          await answerAll(peer);
          expect(delivered()).toBe('ok');
          expect([message.bytesSent, message.bytesAcknowledged]).toEqual([80_000, 80_000]);
        }
        peer.session.send(Buffer.alloc(1_000_000));
        await peer.pass(100);
        expect(peer.take().reduce((sum, { size }) => sum + size, 0)).toBe(131_072);
      },
      { windowBytes: 131_072, chunkSize: 65_536 },
    );
  });

  test('of a chunk that is open for others to interrupt counts when it has ended', async () => {
    await withScript(
      async (peer) => {
        const message = peer.session.send(Buffer.alloc(900_000));
        await peer.network.run(() => peer.endpoint.data.includes('Byte-Range: 1-*'));
        peer.endpoint.socket.pause();
        const [id = ''] = idsIn(peer.endpoint.data);
        peer.send(responseTo(request(id), '200 OK'));
        await peer.pass(10);
        expect(message.bytesAcknowledged).toBe(0);
        peer.endpoint.socket.resume();
        await answerAll(peer);
        await message.delivered;
        expect(message.bytesAcknowledged).toBe(900_000);
      },
      { windowBytes: 2_000_000, chunkSize: 1_000_000 },
    );
  });
});

test('a chunk whose transaction id would occur in it gets another one, and its answer is recognised', async () => {
  await withScript(async (peer) => {
    const { idents } = peer.transport.settings;
    const ids = ['taken000', 'taken001', 'better00'];
    const spy = vi.spyOn(idents, 'transactionId').mockImplementation(() => ids.shift() ?? 'other000');
    const message = peer.session.send('-------taken000$ -------taken001+ ', { messageId: 'mmmm' });
    spy.mockClear();
    await peer.pass(10);
    spy.mockRestore();
    const [sent] = peer.take();
    expect(sent?.transactionId).toBe('better00');
    const delivered = watch(message.delivered, '-', 'ok');
    peer.send(responseTo(sent!, '200 OK'));
    await peer.pass(10);
    expect(delivered()).toBe('ok');
  });
});

describe('abort()', () => {
  test('of a message that has been delivered is no failure', async () => {
    await withScript(async (peer) => {
      const failures: string[] = [];
      const message = peer.session.send('x', { onFailure: ({ code }) => failures.push(code) });
      await answerAll(peer);
      await message.delivered;
      message.abort();
      expect(failures).toEqual([]);
    });
  });

  test('leaves a later error to be told', async () => {
    await withScript(async (peer) => {
      const failures: unknown[] = [];
      const message = peer.session.send('x', { onFailure: ({ code, status }) => failures.push(status ?? code) });
      await peer.pass(10);
      const [sent] = peer.take();
      peer.send(responseTo(sent!, '200 OK'));
      await peer.pass(10);
      message.abort();
      peer.send(reportOn(sent!, '1-1/1', '000 413 Stop'));
      await peer.pass(10);
      expect(failures).toEqual([413]);
    });
  });
});

test('a message that was refused in one chunk begins anew after one that gives it up (D-RECV-3)', async () => {
  await withScript(
    async (peer) => {
      peer.send(part('tran0', '', '1-3/9', 'abc', '+'));
      expect((await peer.answers()).map(brief)).toEqual(['413 tran0']);
      peer.send(part('tran1', '', '4-*/9', 'd', '#') + part('tran2', '', '1-3/3', 'abc', '$'));
      expect((await peer.answers()).map(brief)).toEqual(['413 tran1', '200 tran2']);
    },
    { maxSize: 5 },
  );
});
