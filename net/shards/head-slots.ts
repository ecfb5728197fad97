// Heads between threads. Consecutive heads share a block of fields (see codec/headers.ts), and so do their clones: a block crosses once and
// is kept in one of a slot, since several messages may take turns. All else of a head is a line of text, the quickest thing to clone:
//
//   slot offset bodyOffset hasBody transaction-id Message-ID start end total method-or-code [comment]        "-" and "*": undefined

import { type ByteRange, Head, Headers } from '../../codec/index.ts';
import type { HeadRecord, Token } from './protocol.ts';

/** As many as a decoder keeps forms of heads. */
const slots = 256;

type Block = Headers['block'];

export class HeadSender {
  readonly #slots = new Map<Block, number>();

  /** Of a head that is as it should be. `bodyOffset`: where its body begins in the stream. */
  token(head: Head, bodyOffset: number): Token {
    const { block } = head.headers;
    const known = this.#slots.get(block);
    const slot = known ?? this.#take(block);
    const text = textOf(head, slot, bodyOffset, head.messageId, head.byteRange);
    return known === undefined ? { kind: 'head', head: { slot, fields: block.entries, text } } : text;
  }

  #take(block: Block): number {
    const { size } = this.#slots;
    const [oldest] = size === slots ? this.#slots : [];
    if (oldest !== undefined) this.#slots.delete(oldest[0]);
    const slot = oldest?.[1] ?? size;
    this.#slots.set(block, slot);
    return slot;
  }

  /** Of a malformed one: it stands for itself, and its getters may throw. */
  whole(head: Head, bodyOffset: number): HeadRecord {
    return { slot: -1, fields: head.headers.entries, text: textOf(head, -1, bodyOffset, undefined, undefined) };
  }
}

function textOf(
  head: Head,
  slot: number,
  bodyOffset: number,
  messageId: string | undefined,
  range: ByteRange | undefined,
): string {
  const { transactionId, method, code, comment, hasBody, offset } = head;
  const octets = range === undefined ? '- - -' : `${range.start} ${range.end ?? '*'} ${range.total ?? '*'}`;
  const rest = comment === undefined ? '' : ` ${comment}`;
  return `${slot} ${offset} ${bodyOffset} ${hasBody ? 1 : 0} ${transactionId} ${messageId ?? '-'} ${octets} ${method ?? code ?? '-'}${rest}`;
}

/** A head, and where its body begins in the stream. */
export interface Received {
  readonly head: Head;
  readonly bodyOffset: number;
}

export class HeadReceiver {
  readonly #blocks: Block[] = [];

  /** `fields`: where they come with it. */
  receive(text: string, fields?: HeadRecord['fields']): Received {
    const [slot, offset, bodyOffset, hasBody, id, messageId, start, end, total, kind, ...comment] = text.split(' ');
    const isCode = /^\d/.test(kind!);
    const line = {
      method: isCode || kind === '-' ? undefined : kind,
      code: isCode ? Number(kind) : undefined,
      comment: comment.length > 0 ? comment.join(' ') : undefined,
    };
    const range = rangeOf(start!, end!, total!);
    const headers = this.#headers(Number(slot), fields, messageId === '-' ? undefined : messageId, range);
    return { head: new Head(id!, line, headers, hasBody === '1', Number(offset)), bodyOffset: Number(bodyOffset) };
  }

  #headers(slot: number, fields: HeadRecord['fields'] | undefined, id: string | undefined, range?: ByteRange): Headers {
    if (fields === undefined) return new Headers(this.#blocks[slot]!, id, range);
    const own = new Headers(fields);
    if (slot !== -1) this.#blocks[slot] = own.block;
    return own;
  }
}

function rangeOf(start: string, end: string, total: string): ByteRange | undefined {
  if (start === '-') return undefined;
  return { start: Number(start), end: numberOf(end), total: numberOf(total) };
}

function numberOf(text: string): number | undefined {
  return text === '*' ? undefined : Number(text);
}
