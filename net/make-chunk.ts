// Chunks of a session as we write them: To-Path, From-Path, Message-ID, Byte-Range, reports, others, Content-Type last. Several peers
// need just this order.

import {
  bufferOf,
  type ByteRange,
  Chunk,
  type Continuation,
  formatByteRange,
  hasEndLine,
  type HeaderEntry,
  type URI,
} from '../codec/index.ts';
import type { Settings } from './options.ts';
import type { PeerProfile } from './peer-profile.ts';
import type { IdentSource } from './random.ts';

export interface ChunkOptions {
  /** Default: a random one that does not occur in the body. */
  transactionId?: string;
  /** Default `SEND`. */
  method?: string;
  /** Makes a response. */
  code?: number;
  comment?: string;
  /** Default: no body at all. */
  data?: Uint8Array | string;
  /** Default: `$`, or `+` for a SEND that does not reach the end of its message. */
  continuation?: Continuation;
  /** Where in the message the data begins. Default 1. */
  start?: number;
  /**
   * Where it ends; null for `*`. Default: by the data, but `*` above 2,048 octets, since such a chunk may be interrupted, unless
   * `peerProfile` asks for exact ranges.
   */
  end?: number | null;
  /** Of the whole message, in octets; null for `*`. Default: up to the end of the data. */
  length?: number | null;
  /** Default: a random one. */
  messageId?: string;
  /** Default with data: `text/plain` for a string, else `application/octet-stream`. */
  contentType?: string;
  failureReport?: 'yes' | 'no' | 'partial';
  successReport?: 'yes' | 'no';
  /** More fields, before the MIME ones. */
  headers?: Iterable<HeaderEntry>;
}

/** A chunk above this may be interrupted by others, so its range says `*` (R4975-7.1.1-14). */
export const longestFixedRange = 2048;

export function makeChunk(
  o: ChunkOptions,
  toPath: string,
  localUri: URI,
  { idents, profile }: Pick<Settings, 'idents' | 'profile'>,
): Chunk {
  const data = o.data === undefined ? undefined : bufferOf(o.data);
  const method = o.code === undefined ? (o.method ?? 'SEND') : undefined;
  const range = method === 'SEND' || o.messageId !== undefined ? rangeOf(o, data?.length ?? 0, profile) : undefined;
  const isLast = method !== 'SEND' || range === undefined || range.isLast;
  const fields: HeaderEntry[] = [
    ['To-Path', toPath],
    ['From-Path', String(localUri)],
  ];
  if (range !== undefined) {
    fields.push(['Message-ID', o.messageId ?? idents.messageId()], ['Byte-Range', formatByteRange(range)]);
  }
  if (o.successReport !== undefined) fields.push(['Success-Report', o.successReport]);
  if (o.failureReport !== undefined) fields.push(['Failure-Report', o.failureReport]);
  if (o.headers !== undefined) fields.push(...o.headers);
  if (data !== undefined) fields.push(['Content-Type', o.contentType ?? typeOf(o.data)]);
  return new Chunk({
    transactionId: o.transactionId ?? safeId(data, idents),
    ...(o.code === undefined
      ? { method: o.method ?? 'SEND' }
      : { code: o.code, ...(o.comment !== undefined && { comment: o.comment }) }),
    headers: fields,
    ...(data !== undefined && { data }),
    continuation: o.continuation ?? (isLast ? '$' : '+'),
  });
}

/** A transaction id that is not in the body. */
function safeId(data: Buffer | undefined, idents: IdentSource): string {
  for (;;) {
    const id = idents.transactionId();
    if (data === undefined || !hasEndLine([data], id)) return id;
  }
}

function typeOf(data: Uint8Array | string | undefined): string {
  return typeof data === 'string' ? 'text/plain' : 'application/octet-stream';
}

/** The range of a SEND whose data has `size` octets; and whether it reaches the end of the message. */
function rangeOf(o: ChunkOptions, size: number, { exactRanges }: PeerProfile): ByteRange & { isLast: boolean } {
  const start = o.start ?? 1;
  const last = start + size - 1;
  const total = o.length === undefined ? (o.end ?? last) : o.length;
  const end = o.end === undefined ? (size > longestFixedRange && !exactRanges ? null : last) : o.end;
  return { start, end: end ?? undefined, total: total ?? undefined, isLast: total !== null && last === total };
}
