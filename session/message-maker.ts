// What is to be sent, from what the application gives: checked against what can be written and what the peer takes.

import { acceptsMediaType, isIdent, isMediaType, MSRPError } from '../codec/index.ts';
import { longestFixedRange, type MSRPTransport } from '../net/index.ts';
import { MessageHeads } from './message-head.ts';
import { OutgoingMessage, type Sender, type SendOptions, tooLarge } from './outgoing-message.ts';
import { paced } from './paced.ts';
import type { SessionOptions } from './session-options.ts';
import { type Body, sourceOf } from './source.ts';

export class MessageMaker {
  readonly #transport: MSRPTransport;
  readonly #peer: NonNullable<SessionOptions['peer']>;
  readonly #heads: MessageHeads;

  constructor(transport: MSRPTransport, peer: SessionOptions['peer'] = {}) {
    this.#transport = transport;
    this.#peer = peer;
    this.#heads = new MessageHeads(transport);
  }

  /** Throws as {@link MSRPSession.send} does. */
  make(sender: Sender, body: Body, o: SendOptions, isUnderWay: (id: string) => boolean): OutgoingMessage {
    const { failureReport = 'yes', successReport = 'no', mayBeThere = false, headers, onProgress, onFailure } = o;
    const { settings } = this.#transport;
    const messageId = o.messageId ?? settings.idents.messageId();
    checkId(messageId, isUnderWay);
    const whole = sourceOf(body, o.size);
    const source = o.bytesPerSecond === undefined ? whole : paced(whole, o.bytesPerSecond, settings);
    const contentType = o.contentType ?? source.contentType;
    this.#checkTaken(contentType, source.size);
    const head = this.#heads.make({ messageId, contentType, failureReport, successReport, headers });
    const isUrgent = o.urgent === true || (source.size !== undefined && source.size <= longestFixedRange);
    const maxSize = this.#peer.maxSize ?? Number.POSITIVE_INFINITY;
    const reports = { failureReport, successReport, onProgress, onFailure };
    return new OutgoingMessage(sender, source, { messageId, head, isUrgent, mayBeThere, maxSize, ...reports });
  }

  /** R4975-8.6: what the peer does not take is not sent. */
  #checkTaken(contentType: string, size: number | undefined): void {
    const { acceptTypes, maxSize } = this.#peer;
    if (acceptTypes !== undefined && isMediaType(contentType) && !acceptsMediaType(acceptTypes, contentType)) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', `the peer does not take ${contentType}`, {
        scope: 'message',
        status: 415,
      });
    }
    if (maxSize !== undefined && size !== undefined && size > maxSize) throw tooLarge(maxSize);
  }
}

function checkId(id: string, isUnderWay: (id: string) => boolean): void {
  if (!isIdent(id)) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `"${id}" cannot be a Message-ID`, { scope: 'message' });
  }
  if (isUnderWay(id)) throw new MSRPError('MSRP_ERR_STATE', `message ${id} is under way`, { scope: 'message' });
}
