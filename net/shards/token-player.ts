// In the main thread: stands for the decoder of a connection that a shard decodes. Gives the tokens of each read out again, with the octets of
// bodies as views of what crossed.

import type { ChunkParseError, ChunkSink, Continuation } from '../../codec/index.ts';
import type { Decoder } from '../socket.ts';
import { type ErrorRecord, errorOf } from './error-record.ts';
import { HeadReceiver, type Received } from './head-slots.ts';
import type { ReadMessage, Token } from './protocol.ts';

/** A decoder holds back no more than could be an end-line (RFC 4975 section 9): two CRLF, hyphens, a transaction id of 32 and a flag. */
const heldBytes = 64;

/** A read and where it begins in the stream. */
interface Kept {
  readonly at: number;
  readonly bytes: Buffer;
}

export class TokenPlayer implements Decoder {
  readonly #sink: ChunkSink;
  readonly #heads = new HeadReceiver();
  /** The last reads: octets held back are given out with a later one. */
  #kept: Kept[] = [];
  #received = 0;
  /** Where the body goes on. */
  #bodyAt = 0;
  #read: ReadMessage | undefined;
  /** Why the input that is over ended too soon. */
  #truncated: ErrorRecord | undefined;
  openPart: Decoder['openPart'];
  openOffset = 0;
  /** At a head no more than before its read, else up to the end of that. */
  lookAlikes: number | undefined;
  #before: number | undefined;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** The read that `write` is about to be given. */
  expect(read: ReadMessage): void {
    this.#read = read;
  }

  expectEnd(error: ErrorRecord | undefined): void {
    this.#truncated = error;
  }

  write(input: Buffer): void {
    const { tokens, openPart, openOffset, lookAlikes } = this.#read!;
    this.#kept.push({ at: this.#received, bytes: input });
    this.#received += input.length;
    this.openPart = openPart;
    this.openOffset = openOffset;
    this.#before = this.lookAlikes;
    this.lookAlikes = lookAlikes;
    for (const token of tokens) this.#play(token);
    const oldest = this.#received - heldBytes;
    this.#kept = openPart === 'body' ? this.#kept.filter(({ at, bytes }) => at + bytes.length > oldest) : [];
  }

  end(): void {
    if (this.#truncated !== undefined) throw errorOf(this.#truncated);
  }

  #play(token: Token): void {
    if (typeof token === 'number') return this.#sink.onBody(this.#body(token >>> 1), token % 2 === 1);
    if (typeof token === 'string') {
      return token.length === 1 ? this.#sink.onEnd(token as Continuation) : this.#playHead(this.#heads.receive(token));
    }
    if (token.kind === 'fault') throw errorOf(token.error);
    const received = this.#heads.receive(token.head.text, token.head.fields);
    if (token.kind === 'head') this.#playHead(received);
    else this.#sink.onInvalid?.(errorOf(token.error) as ChunkParseError, received.head);
  }

  #playHead({ head, bodyOffset }: Received): void {
    this.#bodyAt = bodyOffset;
    const { lookAlikes } = this;
    this.lookAlikes = this.#before;
    this.#sink.onHead(head);
    this.lookAlikes = lookAlikes;
  }

  /** It lies within one read. */
  #body(length: number): Buffer {
    const from = this.#bodyAt;
    this.#bodyAt = from + length;
    const { at, bytes } = this.#kept.find((kept) => from < kept.at + kept.bytes.length)!;
    return bytes.subarray(from - at, from - at + length);
  }
}
