// Asking for notifications, and giving them: the headers of namespace urn:ietf:params:imdn in a CPIM message (RFC 5438
// sections 6 and 7).
//
//   asked for              told with
//   positive-delivery      delivery: delivered, forbidden, error
//   negative-delivery      delivery: failed, forbidden, error
//   display                display:  displayed, forbidden, error
//
// "processing" is for those in between: an endpoint neither asks itself nor tells. Values that nobody knows are ignored.

import { acceptsMediaType } from '../../codec/index.ts';
import { type CPIMAddress, isToken, parseAddress } from './cpim-fields.ts';
import { type CPIMHeaderInit, type CPIMInit, CPIMMessage } from './cpim-message.ts';
import { formatIMDN, type IMDN, type IMDNDisposition, type IMDNStatus, imdnType, parseIMDN } from './imdn.ts';
import type { PayloadOptions } from './mime-head.ts';
import { parseMultipart } from './multipart.ts';

/** The namespace of the IMDN headers. */
export const imdnNamespace = 'urn:ietf:params:imdn';

const requests = ['positive-delivery', 'negative-delivery', 'display'] as const;

/** What a sender may ask to be told. */
export type IMDNRequest = (typeof requests)[number];

/**
 * What to put into a {@link CPIMInit} to ask for notifications. The sender also gives a DateTime (R5438-7.1.1.2-1). `messageId` is a token
 * that nobody can guess: 64 random bits or more, unrelated to the Message-ID of MSRP.
 */
export function requestIMDN(
  messageId: string,
  ask: readonly IMDNRequest[],
): Required<Pick<CPIMInit, 'namespaces' | 'headers'>> {
  const headers: CPIMHeaderInit[] = [['imdn.Message-ID', messageId]];
  if (ask.length > 0) headers.push(['imdn.Disposition-Notification', ask.join(', ')]);
  return { namespaces: { imdn: imdnNamespace }, headers };
}

/** Which request a notification answers, by its kind and status. */
const answers: { [Kind in 'delivery' | 'display']: Record<IMDNStatus<Kind>, readonly IMDNRequest[]> } = {
  delivery: {
    delivered: ['positive-delivery'],
    failed: ['negative-delivery'],
    forbidden: ['positive-delivery', 'negative-delivery'],
    error: ['positive-delivery', 'negative-delivery'],
  },
  display: { displayed: ['display'], forbidden: ['display'], error: ['display'] },
};

/** What the receiver of a message tells its sender: what was asked for, and of each kind once (R5438-7.2.1-1). */
export class IMDNResponder {
  /** What the sender wants to know. Empty without imdn.Message-ID and DateTime, and for a message that is a notification itself. */
  readonly requested: ReadonlySet<IMDNRequest>;
  readonly #message: CPIMMessage;
  readonly #messageId: string;
  readonly #originalTo: CPIMAddress | undefined;
  readonly #routes: readonly CPIMAddress[];
  readonly #told = new Set<string>();

  /** `message` was received. Throws `MSRP_ERR_BAD_PAYLOAD` for a header of IMDN that is malformed. */
  constructor(message: CPIMMessage) {
    this.#message = message;
    this.#messageId = message.header(imdnNamespace, 'Message-ID') ?? '';
    [this.#originalTo] = addressesOf(message, 'Original-To');
    this.#routes = addressesOf(message, 'IMDN-Record-Route');
    const isAnswerable = isToken(this.#messageId) && message.dateTime !== undefined && !isNotification(message);
    this.requested = isAnswerable ? requestedBy(message) : new Set();
  }

  /**
   * The notification to send back, or undefined: it was not asked for, or one of its kind was made before. `messageId` and `dateTime` are
   * the notification's own. `from` defaults to whom the message was sent to.
   */
  notify<Kind extends 'delivery' | 'display'>(
    kind: Kind,
    status: IMDNStatus<Kind>,
    o: { messageId: string; dateTime: Date | string; from?: CPIMAddress },
  ): CPIMMessage | undefined {
    const [recipient] = this.#message.to;
    const from = o.from ?? recipient;
    const isAsked = answers[kind][status].some((request) => this.requested.has(request));
    if (from === undefined || !isAsked || this.#told.has(kind)) return undefined;
    const own = requestIMDN(o.messageId, []);
    const notification = new CPIMMessage({
      from,
      to: this.#message.from,
      dateTime: o.dateTime,
      namespaces: own.namespaces,
      headers: [...own.headers, ...this.#routes.map((route) => ['imdn.IMDN-Route', route] as const)],
      contentType: imdnType,
      contentHeaders: [['Content-Disposition', 'notification']],
      content: formatIMDN(this.#documentOf({ kind, status } as IMDNDisposition, from)),
    });
    this.#told.add(kind);
    return notification;
  }

  #documentOf(disposition: IMDNDisposition, from: CPIMAddress): IMDN {
    return {
      ...disposition,
      messageId: this.#messageId,
      dateTime: this.#message.dateTime ?? '',
      recipientURI: from.uri,
      ...(this.#originalTo !== undefined && { originalRecipientURI: this.#originalTo.uri }),
    };
  }
}

function addressesOf(message: CPIMMessage, name: string): CPIMAddress[] {
  const named = message.headers.filter((header) => header.namespace === imdnNamespace && header.name === name);
  return named.map(({ value }) => parseAddress(value));
}

/**
 *     Disposition-Notification = [ notify-req *( COMMA notify-req ) ]      notify-req = Token *( SEMI Ext-param )
 */
function requestedBy(message: CPIMMessage): ReadonlySet<IMDNRequest> {
  const value = message.header(imdnNamespace, 'Disposition-Notification') ?? '';
  const asked = new Set(value.split(',').map((text) => text.split(';', 1).join().trim()));
  return new Set(requests.filter((request) => asked.has(request)));
}

function isNotification({ contentType, contentHeaders }: CPIMMessage): boolean {
  const disposition = contentHeaders.get('Content-Disposition') ?? '';
  return acceptsMediaType([imdnType], contentType) || /^notification[ \t]*(?:;|$)/i.test(disposition);
}

/**
 * The notifications that a received message holds: one, or several in a multipart/mixed; none if its content is of another type. Throws
 * what {@link parseIMDN} and {@link parseMultipart} throw.
 */
export function notificationsIn(message: CPIMMessage, options: PayloadOptions = {}): IMDN[] {
  const { contentType, content } = message;
  if (acceptsMediaType([imdnType], contentType)) return [parseIMDN(content)];
  if (!isNotification(message) || !acceptsMediaType(['multipart/mixed'], contentType)) return [];
  const parts = parseMultipart(contentType, content, options);
  return parts.filter((part) => acceptsMediaType([imdnType], part.contentType)).map((part) => parseIMDN(part.content));
}
