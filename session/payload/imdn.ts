// message/imdn+xml: what became of a message, told to its sender (RFC 5438 section 7.2.1 and its schema).
//
//   <imdn xmlns="urn:ietf:params:xml:ns:imdn">
//     <message-id/> <datetime/> [<recipient-uri/>] [<original-recipient-uri/>] [<subject/>]
//     <delivery-notification><status><delivered/></status></delivery-notification>        or another row of the table below
//   </imdn>

import { malformed, unwritable } from './malformed.ts';
import { childOf, element, parseXML, type XMLElement } from './xml.ts';

/** The Content-Type of an IMDN. */
export const imdnType = 'message/imdn+xml';

const imdnXMLNamespace = 'urn:ietf:params:xml:ns:imdn';

/** What may be told, by kind. Endpoints tell nothing of processing, that is for those in between (R5438-7.2.1-1). */
const statuses = {
  delivery: ['delivered', 'failed', 'forbidden', 'error'],
  processing: ['processed', 'stored', 'forbidden', 'error'],
  display: ['displayed', 'forbidden', 'error'],
} as const;

export type IMDNKind = keyof typeof statuses;
export type IMDNStatus<Kind extends IMDNKind = IMDNKind> = (typeof statuses)[Kind][number];

/** A notification: which kind, and what it says. */
export type IMDNDisposition = { [Kind in IMDNKind]: { kind: Kind; status: IMDNStatus<Kind> } }[IMDNKind];

export type IMDN = IMDNDisposition & {
  /** The imdn.Message-ID of the message that this is about. */
  messageId: string;
  /** The DateTime of that message, RFC 3339. */
  dateTime: string;
  recipientURI?: string;
  /** Imperative if that message had Original-To. */
  originalRecipientURI?: string;
  subject?: string;
};

/** Throws `MSRP_ERR_BAD_PAYLOAD`. Elements of other namespaces are ignored. */
export function parseIMDN(input: Uint8Array | string): IMDN {
  const root = parseXML(input);
  if (root.name !== 'imdn' || root.namespace !== imdnXMLNamespace) throw malformed('no imdn element', root.name);
  const text = (name: string): string | undefined => childOf(root, name)?.text;
  const [messageId, dateTime] = [text('message-id'), text('datetime')];
  if (!messageId || !dateTime) throw malformed('an IMDN has a message-id and a datetime');
  const [recipientURI, originalRecipientURI] = [text('recipient-uri'), text('original-recipient-uri')];
  const subject = text('subject');
  return {
    ...dispositionOf(root),
    messageId,
    dateTime,
    ...(recipientURI !== undefined && { recipientURI }),
    ...(originalRecipientURI !== undefined && { originalRecipientURI }),
    ...(subject !== undefined && { subject }),
  };
}

function dispositionOf(root: XMLElement): IMDNDisposition {
  for (const kind of Object.keys(statuses) as IMDNKind[]) {
    const notification = childOf(root, `${kind}-notification`);
    if (notification === undefined) continue;
    const told = childOf(notification, 'status')?.children.find(({ namespace }) => namespace === imdnXMLNamespace);
    const disposition = { kind, status: told?.name };
    if (isDisposition(disposition)) return disposition;
    throw malformed(`no status of ${kind}`, told?.name);
  }
  throw malformed('an IMDN has a notification');
}

function isDisposition(value: { kind: IMDNKind; status: string | undefined }): value is IMDNDisposition {
  return statuses[value.kind].some((status) => status === value.status);
}

/** The document, without white space between elements. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatIMDN(imdn: IMDN): string {
  if (!isDisposition(imdn)) throw unwritable('the status is none of its kind');
  const fields = [
    element('message-id', imdn.messageId),
    element('datetime', imdn.dateTime),
    element('recipient-uri', imdn.recipientURI),
    element('original-recipient-uri', imdn.originalRecipientURI),
    element('subject', imdn.subject),
  ].join('');
  const told = `<${imdn.kind}-notification><status><${imdn.status}/></status></${imdn.kind}-notification>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\r\n<imdn xmlns="${imdnXMLNamespace}">${fields}${told}</imdn>`;
}
