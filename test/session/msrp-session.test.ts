import { describe, expect, test } from 'vitest';
import { withPeer, withSessions } from './pair.ts';

describe('the end of a session', () => {
  test('comes after a message with Failure-Report partial, to which nobody answers', async () => {
    await withSessions(
      async (alice) => {
        const { delivered } = alice.send('x', { failureReport: 'partial' });
        await delivered;
        await alice.shutdown();
        expect(await alice.closed).toBeUndefined();
      },
      { connect: { timeouts: { responseMs: 20 } } },
    );
  });

  test('rejects a chunk that waits for its response', async () => {
    await withPeer(async (session, peer) => {
      const chunk = session.transport.makeChunk({});
      const answer = session.deliverChunk(chunk);
      answer.catch(() => {});
      await peer.readChunk();
      peer.destroy();
      await expect(answer).rejects.toMatchObject({ status: 408 });
    });
  });
});
