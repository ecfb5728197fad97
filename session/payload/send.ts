// Payloads on a session.

import { Head, MSRPError } from '../../codec/index.ts';
import type { MSRPSession, TransactionError } from '../msrp-session.ts';
import type { OutgoingMessage, SendOptions } from '../outgoing-message.ts';
import { type CPIMMessage, cpimType } from './cpim-message.ts';
import { formatIsComposing, type IsComposing, isComposingType } from './is-composing.ts';

/** Sends a CPIM message as `session.send` does. The content is not copied. */
export function sendCPIM(session: MSRPSession, message: CPIMMessage, o: SendOptions = {}): OutgoingMessage {
  const pieces = message.encode();
  const size = pieces[0].length + pieces[1].length;
  return session.send(each(pieces), { contentType: cpimType, ...o, size });
}

async function* each(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces.filter(({ length }) => length > 0);
}

/** How an isComposing document is sent. */
export interface TellOptions {
  /** Puts the document into CPIM, for a peer that takes nothing else. */
  wrap?: (document: string, contentType: string) => CPIMMessage;
  /**
   * The peer does not take these documents (415): close the `Composer`. Failure-Report is then partial, so that refusals come, and
   * the end of the session waits for one as for any response; else no.
   */
  onRefused?: () => void;
}

/**
 * Tells the peer whether our user is writing: what a `Composer` calls. A session that is over or has no room is told nothing, without an
 * error: timers call this.
 */
export function tellComposing(session: MSRPSession, status: IsComposing, o: TellOptions = {}): void {
  const document = formatIsComposing(status);
  const body =
    o.wrap === undefined
      ? { data: document, contentType: isComposingType }
      : { data: Buffer.concat(o.wrap(document, isComposingType).encode()), contentType: cpimType };
  const failureReport = o.onRefused === undefined ? 'no' : 'partial';
  const onResponse = (response: Head | TransactionError | undefined): void => {
    if (response instanceof Head && response.code === 415) o.onRefused?.();
  };
  const chunk = session.transport.makeChunk({ ...body, failureReport });
  try {
    session.sendChunk(chunk, onResponse);
  } catch (error) {
    if (!(error instanceof MSRPError)) throw error;
  }
}
