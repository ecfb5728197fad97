// The fields of the chunks of one message, as text: made once, with a blank for the Byte-Range (R4975-7.1.1-2 to 7.1.1-4).

import { type HeaderEntry, Headers, MSRPError, parseMediaType } from '../codec/index.ts';
import type { MSRPTransport } from '../net/index.ts';

/** Each character is an octet. */
export interface HeadText {
  readonly before: string;
  readonly after: string;
}

export interface HeadFields {
  readonly messageId: string;
  readonly contentType: string;
  readonly failureReport: 'yes' | 'no' | 'partial';
  readonly successReport: 'yes' | 'no';
  readonly headers: Iterable<HeaderEntry> | undefined;
}

/** For the messages of one session. */
export class MessageHeads {
  readonly #transport: Pick<MSRPTransport, 'toPath' | 'localUri'>;
  /** What messages that are alike share. */
  #afterKey = '';
  #after = '';

  constructor(transport: Pick<MSRPTransport, 'toPath' | 'localUri'>) {
    this.#transport = transport;
  }

  /** Throws `MSRP_ERR_ARGUMENT` for fields that cannot be written. */
  make(fields: HeadFields): HeadText {
    const { toPath, localUri } = this.#transport;
    const paths = `To-Path: ${toPath}\r\nFrom-Path: ${localUri.toString()}\r\n`;
    return { before: `${paths}Message-ID: ${fields.messageId}\r\nByte-Range: `, after: this.#afterOf(fields) };
  }

  /** The message that is given up between chunks (D-SEND-4): the fields of a frame without body. */
  static ofAbort({ before }: HeadText, size: number | undefined): string {
    return `${before}1-0/${size ?? '*'}\r\n`;
  }

  #afterOf(fields: HeadFields): string {
    if (fields.headers !== undefined) return formatAfter(fields, fields.headers);
    const key = `${fields.contentType} ${fields.failureReport} ${fields.successReport}`;
    if (key !== this.#afterKey) {
      this.#after = formatAfter(fields, []);
      this.#afterKey = key;
    }
    return this.#after;
  }
}

/** What the session writes by itself. */
const own = new Set([
  'to-path',
  'from-path',
  'message-id',
  'byte-range',
  'success-report',
  'failure-report',
  'content-type',
]);

function formatAfter(fields: HeadFields, headers: Iterable<HeaderEntry>): string {
  const { contentType, failureReport, successReport } = fields;
  checkType(contentType);
  const entries: HeaderEntry[] = [];
  if (successReport !== 'no') entries.push(['Success-Report', successReport]);
  if (failureReport !== 'yes') entries.push(['Failure-Report', failureReport]);
  for (const [name, value] of headers) {
    if (own.has(name.toLowerCase())) throw argumentError(`${name} is for the session to write`);
    entries.push([name, value]);
  }
  const text = new Headers([...entries, ['Content-Type', contentType]]).format();
  return `\r\n${Buffer.from(text).toString('latin1')}\r\n`;
}

function checkType(contentType: string): void {
  try {
    parseMediaType(contentType);
  } catch (cause) {
    throw argumentError(`"${contentType}" cannot be a Content-Type`, cause);
  }
}

function argumentError(text: string, cause?: unknown): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', text, { scope: 'message', cause });
}
