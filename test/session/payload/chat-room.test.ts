import { describe, expect, test } from 'vitest';
import { decodeChunks } from '../../../codec/index.ts';
import {
  ChatRoom,
  type ChatRoomOptions,
  CPIMMessage,
  formatChatroom,
  type MSRPSession,
  type MSRPTransport,
  parseChatroom,
  requestNickname,
} from '../../../index.ts';
import { faultOf } from '../../support/fault.ts';
import { octetsOf } from '../../support/vectors.ts';
import { withPeer } from '../pair.ts';

describe('the attribute chatroom', () => {
  test.each<[string | undefined, string[], string]>([
    [undefined, [], 'chatroom'],
    ['', [], 'chatroom'],
    ['nickname', ['nickname'], 'chatroom:nickname'],
    ['nickname private-messages', ['nickname', 'private-messages'], 'chatroom:nickname private-messages'],
    [
      ' nicknames  com.example.chat.x nickname',
      ['nickname', 'com.example.chat.x'],
      'chatroom:nickname com.example.chat.x',
    ],
  ])('%j has the tokens %j and is written %j', (value, tokens, text) => {
    expect(parseChatroom(value)).toEqual(tokens);
    expect(formatChatroom(tokens)).toBe(text);
  });

  test.each(['', 'a b', 'a\r\n', 'ä', 'a:b'])('cannot have the token %j', (token) => {
    expect(faultOf(() => formatChatroom([token])).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('has each token once', () => {
    expect(formatChatroom(['nickname', 'nickname'])).toBe('chatroom:nickname');
  });
});

async function answer(peer: MSRPTransport, code: number, comment?: string): Promise<CPIMMessage | string | undefined> {
  const request = await peer.readChunk();
  const response = peer.makeResponse(request, code, comment);
  if (response !== undefined) await peer.writeChunk(response);
  if (request.method === 'NICKNAME') return request.headers.get('Use-Nickname');
  return CPIMMessage.parse(request.data);
}

const room: ChatRoomOptions = {
  uri: 'sip:chatroom22@chat.example.com;transport=tcp',
  from: { uri: 'sip:alice@atlanta.example.com' },
  tokens: ['nickname', 'private-messages'],
};

describe('a nickname', () => {
  test.each(['Alice in Wonderland', 'Al "the\\best" ice', 'Ζωή 🐇', ''])('%j is asked for', async (nickname) => {
    await withPeer(async (session, peer) => {
      const asked = requestNickname(session, nickname);
      const value = await answer(peer, 200);
      expect(value).toBe(`"${nickname.replaceAll(/["\\]/g, '\\$&')}"`);
      await asked;
    });
  });

  test('is asked for as RFC 7701 does it', async () => {
    const [example] = decodeChunks(octetsOf('rfc7701-s9.2-nickname.msrp'));
    await withPeer(async (session, peer) => {
      const asked = requestNickname(session, 'Alice the great');
      const request = await peer.readChunk();
      await peer.writeChunk(peer.makeResponse(request, 200)!);
      await asked;
      const names = (headers: Iterable<readonly [string, string]>): string[] => Array.from(headers, ([name]) => name);
      expect(request.method).toBe(example!.method);
      expect(names(request.headers)).toEqual(names(example!.headers));
      expect(request.headers.get('Use-Nickname')).toBe(example!.headers.get('Use-Nickname'));
      expect(request.hasBody).toBe(false);
    });
  });

  test.each([
    [403, 'MSRP_ERR_NICKNAME'],
    [423, 'MSRP_ERR_NICKNAME'],
    [424, 'MSRP_ERR_NICKNAME'],
    [425, 'MSRP_ERR_NICKNAME'],
    [501, 'MSRP_ERR_TRANSACTION'],
    [400, 'MSRP_ERR_TRANSACTION'],
  ])('that is answered with %i rejects with %s', async (status, code) => {
    await withPeer(async (session, peer) => {
      const asked = requestNickname(session, 'x');
      asked.catch(() => {});
      await answer(peer, status, 'No');
      await expect(asked).rejects.toMatchObject({ code, status, scope: 'transaction' });
    });
  });

  test.each(['a\nb', 'x'.repeat(1024)])('%j is not asked for', async (nickname) => {
    await withPeer(async (session) => {
      await expect(requestNickname(session, nickname)).rejects.toMatchObject({ code: 'MSRP_ERR_ARGUMENT' });
    });
  });

  test('can be given up on', async () => {
    await withPeer(async (session) => {
      const signal = AbortSignal.abort();
      await expect(requestNickname(session, 'x', { signal })).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    });
  });
});

describe('a chat room', () => {
  async function withRoom(
    use: (room: ChatRoom, peer: MSRPTransport, session: MSRPSession) => Promise<void>,
    tokens = room.tokens,
  ): Promise<void> {
    await withPeer((session, peer) => use(new ChatRoom(session, { ...room, tokens }), peer, session));
  }

  test('gets messages for all as RFC 7701 does it', async () => {
    const [example] = decodeChunks(octetsOf('rfc7701-s9.3-room-message-exact.msrp'));
    const expected = CPIMMessage.parse(example!.data);
    await withRoom(async (chat, peer) => {
      const sending = chat.send({
        dateTime: expected.dateTime!,
        contentType: 'text/plain',
        content: 'Hello guys, how are you today?',
      });
      const message = (await answer(peer, 200)) as CPIMMessage;
      await sending.delivered;
      for (const name of ['from', 'to', 'dateTime', 'contentType', 'content'] as const) {
        expect(message[name]).toEqual(expected[name]);
      }
    });
  });

  test('gets messages for one', async () => {
    await withRoom(async (chat, peer) => {
      const sending = chat.sendPrivate({ uri: 'sip:bob@example.com' }, { content: 'psst' });
      const message = (await answer(peer, 200)) as CPIMMessage;
      await sending.delivered;
      expect([message.from, message.to, message.content.toString()]).toEqual([
        room.from,
        [{ uri: 'sip:bob@example.com' }],
        'psst',
      ]);
    });
  });

  test.each([403, 404, 415, 428])('tells with %i that a message does not arrive', async (status) => {
    await withRoom(async (chat, peer) => {
      const { delivered } = chat.sendPrivate({ uri: 'sip:old@example.com' }, { content: 'x' });
      await answer(peer, status);
      await expect(delivered).rejects.toMatchObject({ code: 'MSRP_ERR_TRANSACTION', status });
    });
  });

  test('gives a nickname', async () => {
    await withRoom(async (chat, peer) => {
      const given = chat.setNickname('Alice');
      expect(await answer(peer, 200)).toBe('"Alice"');
      await given;
    });
  });

  test('is not asked for what it did not announce', async () => {
    await withRoom(async (chat) => {
      await expect(chat.setNickname('x')).rejects.toMatchObject({ code: 'MSRP_ERR_STATE' });
      const fault = faultOf(() => chat.sendPrivate({ uri: 'sip:bob@example.com' }, { content: 'x' }));
      expect(fault.code).toBe('MSRP_ERR_STATE');
    }, []);
  });
});
