// In a shard, without a handler: one connection, whose reads go to the main thread with their tokens, each copied once into memory that is
// given away, and whose writes come from there. No more than `creditBytes` of reads are under way.

import { ChunkDecoder, type ChunkSink, type DecoderOptions } from '../../codec/index.ts';
import type { Socket, SocketHandler } from '../socket.ts';
import { recordOf } from './error-record.ts';
import { HeadSender } from './head-slots.ts';
import type { Mailbox } from './mailbox.ts';
import {
  bodyToken,
  Count,
  creditBytes,
  factsOf,
  type FromShard,
  type Handed,
  type ToConnection,
  type Token,
} from './protocol.ts';

export class Pump implements SocketHandler {
  readonly #handed: Handed;
  readonly #socket: Socket;
  readonly #mailbox: Mailbox<FromShard>;
  readonly #counters: Float64Array;
  readonly #decoder: ChunkDecoder;
  readonly #heads = new HeadSender();
  readonly #onClosed: () => void;
  #tokens: Token[] = [];
  #uncredited = 0;
  /** The decoder has thrown: nothing that comes has a meaning. */
  #isDead = false;

  constructor(
    handed: Handed,
    socket: Socket,
    options: DecoderOptions,
    o: { mailbox: Mailbox<FromShard>; counters: Float64Array; onClosed: () => void },
  ) {
    this.#handed = handed;
    this.#socket = socket;
    this.#mailbox = o.mailbox;
    this.#counters = o.counters;
    this.#onClosed = o.onClosed;
    this.#decoder = new ChunkDecoder(this.#sink(), options);
    this.#mailbox.post({ kind: 'opened', ...handed, ...factsOf(socket) });
    socket.attach(this);
    socket.resume();
  }

  #sink(): ChunkSink {
    return {
      onHead: (head) => void this.#tokens.push(this.#heads.token(head, this.#decoder.offset)),
      onBody: (bytes, more) => void this.#tokens.push(bodyToken(bytes.length, more)),
      onEnd: (flag) => void this.#tokens.push(flag),
      onInvalid: (error, head) =>
        void this.#tokens.push({
          kind: 'invalid',
          head: this.#heads.whole(head, this.#decoder.offset),
          error: recordOf(error),
        }),
    };
  }

  onData(input: Buffer): void {
    if (this.#isDead) return;
    try {
      this.#decoder.write(input);
    } catch (error) {
      this.#isDead = true;
      this.#tokens.push({ kind: 'fault', error: recordOf(error) });
    }
    this.#send(input);
    this.#uncredited += input.length;
    if (this.#uncredited >= creditBytes) this.#socket.pause();
  }

  /** A read of TLS may share its memory with others, and the decoder may hold the last octets of one: so it is never this that is given away. */
  #send(input: Buffer): void {
    const bytes = new Uint8Array(input);
    const tokens = this.#tokens;
    this.#tokens = [];
    const { openPart, openOffset } = this.#decoder;
    this.#counters[Count.readBytes]! += input.length;
    this.#counters[Count.copiedBytes]! += input.length;
    const read = { bytes, tokens, openPart, openOffset, cost: input.length };
    this.#mailbox.post({ kind: 'read', ...this.#handed, ...read }, bytes.buffer);
  }

  onDrain(): void {
    // Each write is confirmed: the main thread counts.
  }

  onEnd(): void {
    let error: unknown;
    try {
      if (!this.#isDead) this.#decoder.end();
    } catch (truncated) {
      error = truncated;
    }
    this.#mailbox.post({ kind: 'ended', ...this.#handed, error: error === undefined ? undefined : recordOf(error) });
  }

  onClose(error?: Error): void {
    this.#onClosed();
    this.#mailbox.post({ kind: 'closed', ...this.#handed, error: error && recordOf(error) });
  }

  onMessage(message: ToConnection): void {
    switch (message.kind) {
      case 'write':
        return this.#write(message.bytes);
      case 'credit':
        return this.#credit(message.bytes);
      case 'end':
        return this.#socket.end();
      case 'destroy':
        return this.#socket.destroy();
    }
  }

  #write({ buffer, byteOffset, byteLength }: Uint8Array): void {
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    this.#counters[Count.copiedBytes]! += byteLength;
    this.#socket.write([bytes], () => this.#mailbox.post({ kind: 'written', ...this.#handed }));
  }

  #credit(bytes: number): void {
    const wasStopped = this.#uncredited >= creditBytes;
    this.#uncredited -= bytes;
    if (wasStopped && this.#uncredited < creditBytes) this.#socket.resume();
  }
}
