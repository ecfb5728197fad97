// Heads between threads. Consecutive heads share a block of fields (see codec/headers.ts), and so do their clones: a block crosses once and
// is kept in one of a slot, since several messages may take turns.

import { Head, Headers } from '../../codec/index.ts';
import type { HeadRecord } from './protocol.ts';

/** As many as a decoder keeps forms of heads. */
const slots = 256;

type Block = Headers['block'];

export class HeadSender {
  readonly #slots = new Map<Block, number>();

  /** Of a head that is as it should be. */
  record(head: Head, bodyOffset: number): HeadRecord {
    const { block } = head.headers;
    const known = this.#slots.get(block);
    const range = head.byteRange;
    return {
      ...startOf(head, bodyOffset),
      messageId: head.messageId,
      range: range && [range.start, range.end, range.total],
      slot: known ?? this.#take(block),
      fields: known === undefined ? block.entries : undefined,
    };
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
    return {
      ...startOf(head, bodyOffset),
      messageId: undefined,
      range: undefined,
      slot: -1,
      fields: head.headers.entries,
    };
  }
}

function startOf(head: Head, bodyOffset: number) {
  const { transactionId, method, code, comment, hasBody, offset } = head;
  return { transactionId, method, code, comment, hasBody, offset, bodyOffset };
}

export class HeadReceiver {
  readonly #blocks: Block[] = [];

  head(record: HeadRecord): Head {
    const { transactionId, method, code, comment, hasBody, offset } = record;
    return new Head(transactionId, { method, code, comment }, this.#headers(record), hasBody, offset);
  }

  #headers({ slot, fields, messageId, range }: HeadRecord): Headers {
    if (fields !== undefined) {
      const own = new Headers(fields);
      if (slot !== -1) this.#blocks[slot] = own.block;
      return own;
    }
    const byteRange = range && { start: range[0], end: range[1], total: range[2] };
    return new Headers(this.#blocks[slot]!, messageId, byteRange);
  }
}
