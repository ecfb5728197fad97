// What a session promises its application: what callbacks are told and what it costs when they fail, what is refused at once.

import { describe, expect, test } from 'vitest';
import { type Chunk, MSRPSession, type SendOptions } from '../../index.ts';
import { transports } from './pair.ts';
import { part, responseTo, watch } from './script-frames.ts';
import { brief, withScript } from './scripted-peer.ts';

describe('onIncoming', () => {
  test('is told that a message was given up (D-RECV-3)', async () => {
    const seen: string[] = [];
    await withScript(
      async (peer) => {
        peer.send(part('tran0', '', '1-3/6', 'abc', '+') + part('tran1', '', '4-*/6', 'd', '#'));
        await peer.answers();
        expect(seen).toEqual(['abc+', expect.stringMatching(/#|Error/)]);
      },
      { onIncoming: (chunk, error) => void seen.push(show(chunk, error)) },
    );
  });

  test('is told that a message was refused while it came (D-RECV-4)', async () => {
    const seen: string[] = [];
    await withScript(
      async (peer) => {
        peer.send(part('tran0', '', '1-3/*', 'abc', '+') + part('tran1', '', '4-6/*', 'def', '+'));
        expect((await peer.answers()).map(brief)).toEqual(['200 tran0', '413 tran1']);
        expect(seen).toEqual(['abc+', expect.stringMatching(/Error/)]);
      },
      { maxSize: 5, onIncoming: (chunk, error) => void seen.push(show(chunk, error)) },
    );
  });

  test('that throws does not cost the connection, which others may share', async () => {
    await withScript(
      async (peer) => {
        peer.send(part('tran0', '', '1-3/3', 'abc', '$'));
        await peer.pass(10);
        expect([peer.endpoint.ended, peer.endpoint.closed]).toEqual([false, false]);
      },
      {
        onIncoming: (chunk) => {
          if (chunk !== undefined) throw new Error('a fault of the application');
        },
      },
    );
  });

  function show(chunk: Chunk | undefined, error: Error | undefined): string {
    return chunk === undefined ? `Error ${error?.message}` : `${chunk.data.toString()}${chunk.continuation}`;
  }
});

describe('sendChunk', () => {
  test('whose callback throws does not cost the connection, which others may share', async () => {
    await withScript(async (peer) => {
      peer.session.sendChunk(peer.transport.makeChunk({ data: 'x' }), () => {
        throw new Error('a fault of the application');
      });
      await peer.pass(10);
      for (const request of peer.take()) peer.send(responseTo(request, '200 OK'));
      await peer.pass(10);
      expect([peer.endpoint.ended, peer.endpoint.closed]).toEqual([false, false]);
    });
  });

  test('refuses a chunk whose transaction waits to be sent, as one that is under way', async () => {
    await withScript(async (peer) => {
      const chunk = peer.transport.makeChunk({ data: 'x' });
      peer.session.sendChunk(chunk);
      expect(() => peer.session.sendChunk(chunk)).toThrow(expect.objectContaining({ code: 'MSRP_ERR_STATE' }));
    });
  });
});

describe('send', () => {
  test('refuses the Message-ID of a message that is under way', async () => {
    await withScript(async (peer) => {
      peer.session.send('one', { messageId: 'same' });
      expect(() => peer.session.send('other', { messageId: 'same' })).toThrow();
    });
  });

  const unfit: [string, SendOptions][] = [
    ['a Message-ID', { messageId: 'not an ident' }],
    ['a Content-Type', { contentType: 'nonsense' }],
    ['a field that the session sets', { headers: [['Byte-Range', '1-1/1']] }],
  ];

  for (const [what, options] of unfit) {
    test(`refuses ${what} that no peer would take`, async () => {
      await withScript(async (peer) => {
        expect(() => peer.session.send('x', options)).toThrow(expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' }));
      });
    });
  }
});

describe('keepAliveInterval', () => {
  test('counts from the last request that was sent', async () => {
    await withScript(
      async (peer) => {
        await peer.pass(9000);
        peer.session.send('x', { failureReport: 'no' });
        await peer.pass(9000);
        expect(peer.take().map(brief)).toEqual(['SEND 1-1/1 $']);
      },
      { keepAliveInterval: 10_000 },
    );
  });

  test('is no reason to live on when the session is over', async () => {
    await withScript(
      async (peer) => {
        const state = watch(peer.session.closed, 'open', 'over');
        await peer.session.shutdown({ wait: false });
        await peer.pass(10);
        expect(state()).toBe('over');
      },
      { keepAliveInterval: 10_000 },
    );
  });
});

test('a session on a transport that its peer has closed in order is over without an error', async () => {
  const [near, far] = await transports();
  await near.close();
  for await (const _ of far.chunks()) expect.unreachable();
  const session = new MSRPSession(far);
  expect(await session.closed).toBeUndefined();
});
