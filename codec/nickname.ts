// The value of Use-Nickname (RFC 7701 section 7), the name somebody wants to have in a chat room.
//
//   Use-Nickname = "Use-Nickname:" SP nickname
//   nickname     = DQUOTE 1*1023( qdtext / qd-esc ) DQUOTE      ; or DQUOTE DQUOTE: give the nickname up
//
// The limit is in octets of UTF-8, as the RFC's text has it, and counts the name itself, not the escapes.

import { ChunkParseError, MSRPError } from './errors.ts';
import { excerpt, formatQuotedString, parseQuotedString } from './lexical.ts';

const longestNicknameBytes = 1023;

/**
 * The nickname without quotes and escapes, empty to give it up. Throws a {@link ChunkParseError}
 * `MSRP_ERR_BAD_NICKNAME` with the status 424.
 */
export function parseNickname(value: string): string {
  const nickname = parseQuotedString(value);
  if (nickname === undefined || isTooLong(nickname)) {
    const reason = nickname === undefined ? 'no quoted-string' : `longer than ${longestNicknameBytes} octets`;
    throw new ChunkParseError('bad-nickname', `the nickname ${excerpt(value)} is ${reason}`, {
      action: 'respond',
      status: 424,
    });
  }
  return nickname;
}

/**
 * The value of Use-Nickname that asks for this nickname; `''` gives it up. Throws `MSRP_ERR_ARGUMENT` for one that is
 * too long or has control characters.
 */
export function formatNickname(nickname: string): string {
  const value = formatQuotedString(nickname);
  if (value === undefined || isTooLong(nickname)) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `${excerpt(nickname)} cannot be a nickname`, { scope: 'transaction' });
  }
  return value;
}

function isTooLong(nickname: string): boolean {
  return Buffer.byteLength(nickname) > longestNicknameBytes;
}
