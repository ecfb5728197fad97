// A participant of a chat room (RFC 7701): the client's side. The room is a peer like any other; it takes nothing but CPIM,
// whose To says whom a message is for, and gives nicknames on request.

import { formatNickname, MSRPError } from '../../codec/index.ts';
import { MSRPTransactionError } from '../../net/index.ts';
import type { MSRPSession } from '../msrp-session.ts';
import type { OutgoingMessage, SendOptions } from '../outgoing-message.ts';
import type { CPIMAddress } from './cpim-fields.ts';
import { type CPIMInit, CPIMMessage } from './cpim-message.ts';
import { sendCPIM } from './send.ts';

/** What a room can do, of the tokens that RFC 7701 section 8 defines; others are kept. */
export type ChatroomToken = 'nickname' | 'private-messages' | (string & {});

/**
 * The tokens of the SDP attribute `chatroom`, each once. `value` is what stands behind the colon, undefined without one.
 *
 *     chatroom-attr = "chatroom" [ ":" chat-token *( SP chat-token ) ]
 */
export function parseChatroom(value: string | undefined): ChatroomToken[] {
  const tokens = value?.split(' ').filter((token) => token !== '') ?? [];
  // RFC 7701 section 8 says "nicknames" where its grammar has "nickname".
  return [...new Set(tokens.map((token) => (token === 'nicknames' ? 'nickname' : token)))];
}

/** The attribute with its name. Throws `MSRP_ERR_ARGUMENT` for what is no token. */
export function formatChatroom(tokens: readonly ChatroomToken[]): string {
  const wrong = tokens.find((token) => !/^[!#-'*+\-.0-9A-Z^-~]+$/.test(token));
  if (wrong !== undefined) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `"${wrong}" cannot be a token of chatroom`, { scope: 'session' });
  }
  return tokens.length === 0 ? 'chatroom' : `chatroom:${[...new Set(tokens)].join(' ')}`;
}

/** Why a room refuses a nickname: it is not allowed, out of bounds, malformed, or somebody else's (R7701-7.1-2). */
const refusals = new Set([403, 423, 424, 425]);

/**
 * Asks for a nickname; `''` gives it up. Rejects with `MSRP_ERR_NICKNAME` when the room refuses it, with its `status` 403, 423, 424 or 425:
 * the nickname from before is then still in force. Else like `session.deliverChunk`: with {@link MSRPTransactionError} 501 from a peer that
 * knows no nicknames. Throws `MSRP_ERR_ARGUMENT` for more than 1,023 octets or control characters.
 */
export async function requestNickname(
  session: MSRPSession,
  nickname: string,
  o: { signal?: AbortSignal } = {},
): Promise<void> {
  const headers = [['Use-Nickname', formatNickname(nickname)]] as const;
  try {
    await session.deliverChunk(session.transport.makeChunk({ method: 'NICKNAME', headers }), o);
  } catch (error) {
    if (!(error instanceof MSRPTransactionError) || !refusals.has(error.status)) throw error;
    const reason = `the nickname was refused: ${error.message}`;
    throw new MSRPError('MSRP_ERR_NICKNAME', reason, { scope: 'transaction', status: error.status, cause: error });
  }
}

export interface ChatRoomOptions {
  /** The URI of the room. */
  uri: string;
  /** Who we are in the room: an address of ours, or an anonymous one. */
  from: CPIMAddress;
  /** What the room announced in its SDP, see {@link parseChatroom}. */
  tokens: readonly ChatroomToken[];
}

/** What a message may have beside its addresses. */
export type ChatMessage = Omit<CPIMInit, 'from' | 'to' | 'cc'>;

/** Sends to a room, and to its participants. What comes from the room are messages of the session like any others. */
export class ChatRoom {
  readonly session: MSRPSession;
  readonly uri: string;
  readonly from: CPIMAddress;
  readonly #tokens: ReadonlySet<string>;

  constructor(session: MSRPSession, { uri, from, tokens }: ChatRoomOptions) {
    this.session = session;
    this.uri = uri;
    this.from = from;
    this.#tokens = new Set(tokens);
  }

  /** As {@link requestNickname}; rejects with `MSRP_ERR_STATE` unless the room announced `nickname`. */
  async setNickname(nickname: string, o: { signal?: AbortSignal } = {}): Promise<void> {
    this.#check('nickname');
    await requestNickname(this.session, nickname, o);
  }

  /** To all in the room. */
  send(message: ChatMessage, o: SendOptions = {}): OutgoingMessage {
    return this.#send({ uri: this.uri }, message, o);
  }

  /**
   * To one of the participants. The room answers 404 if it does not know them and 428 if they take no private messages. Throws
   * `MSRP_ERR_STATE` unless the room announced `private-messages`.
   */
  sendPrivate(to: CPIMAddress, message: ChatMessage, o: SendOptions = {}): OutgoingMessage {
    this.#check('private-messages');
    return this.#send(to, message, o);
  }

  #send(to: CPIMAddress, message: ChatMessage, o: SendOptions): OutgoingMessage {
    return sendCPIM(this.session, new CPIMMessage({ ...message, from: this.from, to }), o);
  }

  #check(token: ChatroomToken): void {
    if (this.#tokens.has(token)) return;
    throw new MSRPError('MSRP_ERR_STATE', `the room did not announce ${token}`, { scope: 'message' });
  }
}
