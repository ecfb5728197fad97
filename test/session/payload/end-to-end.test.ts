import { describe, expect, test } from 'vitest';
import {
  Composer,
  CPIMMessage,
  chooseAlternative,
  encodeMultipart,
  type IncomingMessage,
  IMDNResponder,
  type MSRPSession,
  notificationsIn,
  parseIsComposing,
  parseMultipart,
  requestIMDN,
  sendCPIM,
  tellComposing,
} from '../../../index.ts';
import { CoarseTimers } from '../../../net/coarse-timers.ts';
import { SimulatedClock } from '../../simulation/simulated-clock.ts';
import { withPeer, withSessions } from '../pair.ts';

const alice = { uri: 'sip:alice@example.com', name: 'Alice' };
const bob = { uri: 'sip:bob@example.com' };

async function next(session: MSRPSession): Promise<IncomingMessage> {
  const { value } = await session.messages().next();
  return value as IncomingMessage;
}

describe('over a session', () => {
  test.each([0, 11, 100_000])(
    'a message of %i octets that asks for it is answered with a notification',
    async (size) => {
      await withSessions(async (near, far) => {
        const content = Buffer.alloc(size, 'x');
        const dateTime = '2024-01-02T03:04:05Z';
        const sent = new CPIMMessage({
          from: alice,
          to: bob,
          dateTime,
          ...requestIMDN('34jk324j', ['positive-delivery']),
          content,
        });
        const sending = sendCPIM(near, sent, { successReport: 'yes' });

        const incoming = await next(far);
        expect(incoming.contentType).toBe('message/cpim');
        expect(incoming.size).toBe(Buffer.concat(sent.encode()).length);
        const received = CPIMMessage.parse(await incoming.bytes());
        expect(received.content.equals(content)).toBe(true);
        await sending.delivered;
        const responder = new IMDNResponder(received);
        const answer = responder.notify('delivery', 'delivered', { messageId: 'd834jied93rf', dateTime });
        sendCPIM(far, answer!, { failureReport: 'no' });

        const told = CPIMMessage.parse(await (await next(near)).bytes());
        expect([told.from, told.to]).toEqual([bob, [alice]]);
        expect(notificationsIn(told)).toEqual([
          { messageId: '34jk324j', dateTime, recipientURI: bob.uri, kind: 'delivery', status: 'delivered' },
        ]);
        expect(new IMDNResponder(told).requested.size).toBe(0);
      });
    },
  );

  test('a multipart/alternative in CPIM gives the part that the receiver takes', async () => {
    await withSessions(async (near, far) => {
      const { contentType, pieces } = encodeMultipart('alternative', [
        { contentType: 'text/plain', content: 'plain' },
        { contentType: 'text/html', content: '<b>html</b>' },
      ]);
      sendCPIM(near, new CPIMMessage({ from: alice, to: bob, contentType, content: Buffer.concat(pieces) }));
      const received = CPIMMessage.parse(await (await next(far)).bytes());
      const parts = parseMultipart(received.contentType, received.content);
      expect(chooseAlternative(parts, ['text/plain'])?.content.toString()).toBe('plain');
      expect(chooseAlternative(parts, ['text/*'])?.content.toString()).toBe('<b>html</b>');
    });
  });

  test('that the user writes is told, bare and in CPIM, and asks for no response', async () => {
    await withPeer(async (session, peer) => {
      const { timers } = session.transport.settings;
      const composer = new Composer(timers, (status) => tellComposing(session, status));
      composer.typed();
      const bare = await peer.readChunk();
      expect(bare?.contentType).toBe('application/im-iscomposing+xml');
      expect([bare?.failureReport, bare?.successReport]).toEqual(['no', 'no']);
      expect(parseIsComposing(bare.data)).toEqual({ state: 'active', refreshSeconds: 90 });

      const wrap = (content: string, contentType: string): CPIMMessage =>
        new CPIMMessage({ from: alice, to: bob, contentType, content });
      tellComposing(session, { state: 'idle' }, { wrap });
      const wrapped = await peer.readChunk();
      expect(wrapped?.contentType).toBe('message/cpim');
      expect(parseIsComposing(CPIMMessage.parse(wrapped.data).content)).toEqual({ state: 'idle' });
      composer.close();
    });
  });

  test('a peer that refuses to hear of it with 415 is told no more', async () => {
    await withSessions(
      async (near) => {
        const { timers } = near.transport.settings;
        let told = 0;
        const composer = await new Promise<Composer>((resolve) => {
          const refused: Composer = new Composer(timers, (status) => {
            told++;
            tellComposing(near, status, { onRefused: () => resolve(refused) });
          });
          refused.typed();
        });
        composer.close();
        composer.typed();
        expect([told, composer.state]).toEqual([1, 'idle']);
      },
      { bob: { acceptTypes: ['text/plain'] } },
    );
  });

  test('that the user has stopped writing is not told when the session is over, and nothing is thrown', async () => {
    const clock = new SimulatedClock();
    const timers = new CoarseTimers(clock);
    await withPeer(async (session, peer) => {
      const composer = new Composer(timers, (status) => tellComposing(session, status));
      composer.typed();
      await peer.readChunk();
      await session.shutdown();
      clock.advance(16_000);
      expect(composer.state).toBe('idle');
    });
  });
});
