// What a payload that cannot be read is answered with.

import { MSRPError } from '../../codec/index.ts';

/** `MSRP_ERR_BAD_PAYLOAD`: of one message, the session is as good as before. `text` is what is wrong, as the peer sent it. */
export function malformed(reason: string, text?: string): MSRPError {
  const shown = text === undefined ? '' : `: ${JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)}`;
  return new MSRPError('MSRP_ERR_BAD_PAYLOAD', reason + shown, { scope: 'message', status: 400 });
}

/** `MSRP_ERR_ARGUMENT`: what cannot be written. */
export function unwritable(reason: string, cause?: unknown): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', reason, { scope: 'message', cause });
}
