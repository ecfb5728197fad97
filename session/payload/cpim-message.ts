// message/cpim: a message with who it is from and to, when it was made, and what it asks for, around content of any type
// (RFC 3862).
//
//   body = *Header CRLF  MIME-headers CRLF  content
//
// What was parsed is encoded as it came, byte for byte (R3862-2.2-1): head and content are kept as views.

import { bufferOf, type HeaderEntry, Headers, MSRPError } from '../../codec/index.ts';
import { type CPIMAddress, formatField, isName } from './cpim-fields.ts';
import {
  type CPIMHead,
  type CPIMHeader,
  type CPIMName,
  cpimNamespace,
  type CPIMSubject,
  readHead,
} from './cpim-head.ts';
import { unwritable } from './malformed.ts';
import type { PayloadOptions } from './mime-head.ts';

/** The Content-Type of a CPIM message. */
export const cpimType = 'message/cpim';

/** What a message is made of. */
export interface CPIMInit {
  from: CPIMAddress;
  to: CPIMAddress | readonly CPIMAddress[];
  cc?: readonly CPIMAddress[];
  /** RFC 3339 text is written as it is. */
  dateTime?: Date | string;
  subject?: string | CPIMSubject;
  /** Namespace URIs by the prefix that `headers` and `require` use for them. */
  namespaces?: Readonly<Record<string, string>>;
  /** Names, such as `imdn.Message-ID`, of headers that the receiver must understand. */
  require?: readonly string[];
  /** More headers: the name with its prefix, the text or address, and parameters. */
  headers?: readonly CPIMHeaderInit[];
  /** Default: `text/plain;charset=utf-8` for a string, else `application/octet-stream`. */
  contentType?: string;
  /** More MIME fields of the content, such as Content-Disposition. */
  contentHeaders?: Iterable<HeaderEntry>;
  /** A string stands for its UTF-8. Bytes are not copied: leave them alone. */
  content: Uint8Array | string;
}

export type CPIMHeaderInit = readonly [
  name: string,
  value: string | CPIMAddress,
  parameters?: Readonly<Record<string, string>>,
];

/** A head that was read, and the octets that it was read from. */
class Wire {
  readonly head: CPIMHead;
  readonly headBytes: Buffer;
  readonly content: Buffer;

  constructor(head: CPIMHead, headBytes: Buffer, content: Buffer) {
    this.head = head;
    this.headBytes = headBytes;
    this.content = content;
  }
}

/** Immutable. */
export class CPIMMessage {
  /** A view of the octets that were parsed or given. */
  readonly content: Buffer;
  readonly #head: CPIMHead;
  readonly #headBytes: Buffer;

  /** Throws `MSRP_ERR_ARGUMENT` for what cannot be written: white space at the ends of a value, a prefix without its namespace. */
  constructor(init: CPIMInit);
  /** @internal */
  constructor(wire: Wire);
  constructor(init: CPIMInit | Wire) {
    const wire = init instanceof Wire ? init : write(init);
    this.content = wire.content;
    this.#head = wire.head;
    this.#headBytes = wire.headBytes;
  }

  /** Throws `MSRP_ERR_BAD_PAYLOAD`. The content is a view of `input`: leave its bytes alone. */
  static parse(input: Uint8Array, options: PayloadOptions = {}): CPIMMessage {
    const bytes = bufferOf(input);
    const head = readHead(bytes, options);
    return new CPIMMessage(new Wire(head, bytes.subarray(0, head.end), bytes.subarray(head.end)));
  }

  /** The message in two pieces: its head, and its content, which is not copied. */
  encode(): [head: Buffer, content: Buffer] {
    return [this.#headBytes, this.content];
  }

  get from(): CPIMAddress {
    return this.#head.from;
  }

  /** At least one. */
  get to(): readonly CPIMAddress[] {
    return this.#head.to;
  }

  get cc(): readonly CPIMAddress[] {
    return this.#head.cc;
  }

  /** RFC 3339, as on the wire. */
  get dateTime(): string | undefined {
    return this.#head.dateTime;
  }

  /** One at most by RFC 4975 section 13; RFC 3862 has several, in different languages. */
  get subjects(): readonly CPIMSubject[] {
    return this.#head.subjects;
  }

  /** All header lines but NS, in wire order. */
  get headers(): readonly CPIMHeader[] {
    return this.#head.headers;
  }

  /** The text of the first header of that name. */
  header(namespace: string, name: string): string | undefined {
    return this.headers.find((header) => header.namespace === namespace && header.name === name)?.text;
  }

  /** The MIME fields of the content. */
  get contentHeaders(): Headers {
    return this.#head.contentHeaders;
  }

  get contentType(): string {
    return this.#head.contentType;
  }

  /** Require: the headers that the receiver must understand. */
  get required(): readonly CPIMName[] {
    return this.#head.required;
  }

  /**
   * What is required, is no header of RFC 3862, and is not understood either. Unless this is empty the message must not be shown as if it
   * were (D-CPIM-2).
   */
  unsupported(understands: (name: CPIMName) => boolean = () => false): CPIMName[] {
    return this.required.filter((name) => !isOwn(name) && !understands(name));
  }
}

const ownNames = new Set(['From', 'To', 'cc', 'DateTime', 'Subject', 'NS', 'Require']);

function isOwn({ namespace, name }: CPIMName): boolean {
  return namespace === cpimNamespace && ownNames.has(name);
}

/** Writes the head, and reads it again: what a receiver would refuse is not made. */
function write(init: CPIMInit): Wire {
  const text = formatHead(init);
  if (/\p{Surrogate}/u.test(text)) throw unwritable('half a character cannot be written');
  const bytes = Buffer.from(text);
  try {
    return new Wire(readHead(bytes, { headBytes: bytes.length }), bytes, bufferOf(init.content));
  } catch (error) {
    throw error instanceof MSRPError ? unwritable(error.message, error) : error;
  }
}

function formatHead(init: CPIMInit): string {
  const { from, to, cc = [], dateTime, subject, namespaces = {}, require = [], headers = [] } = init;
  const lines: CPIMHeaderInit[] = [
    ['From', from],
    ...listOf(to).map((address) => ['To', address] as const),
    ...cc.map((address) => ['cc', address] as const),
  ];
  if (dateTime !== undefined) lines.push(['DateTime', typeof dateTime === 'string' ? dateTime : formatDate(dateTime)]);
  if (subject !== undefined) lines.push(subjectLine(subject));
  const bindings = Object.entries(namespaces).map(bindingLine);
  const written = [...lines, ...bindings, ...requireLine(require), ...headers].map(([name, value, parameters = {}]) =>
    formatField(name, value, Object.entries(parameters)),
  );
  return `${written.join('')}\r\n${formatContentHeaders(init)}\r\n`;
}

function listOf(to: CPIMInit['to']): readonly CPIMAddress[] {
  return 'uri' in to ? [to] : to;
}

function subjectLine(subject: string | CPIMSubject): CPIMHeaderInit {
  if (typeof subject === 'string') return ['Subject', subject];
  return ['Subject', subject.text, subject.language === undefined ? {} : { lang: subject.language }];
}

/** The default namespace stays: without a prefix headers are those of CPIM, Require among them. */
function bindingLine([prefix, uri]: [string, string]): CPIMHeaderInit {
  if (!isName(prefix)) throw unwritable(`"${prefix}" cannot be the prefix of a namespace`);
  return ['NS', { name: prefix, uri }];
}

function requireLine(names: readonly string[]): CPIMHeaderInit[] {
  return names.length === 0 ? [] : [['Require', names.join(',')]];
}

function formatDate(date: Date): string {
  if (Number.isNaN(date.getTime())) throw unwritable('an invalid Date cannot be written');
  return date.toISOString();
}

function formatContentHeaders(init: CPIMInit): string {
  const byDefault = typeof init.content === 'string' ? 'text/plain;charset=utf-8' : 'application/octet-stream';
  return new Headers([['Content-Type', init.contentType ?? byDefault], ...(init.contentHeaders ?? [])]).format();
}
