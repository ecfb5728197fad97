// In the main thread: a connection whose socket and decoder are in a shard. For whoever stands above it is a socket like any other; what it
// may hold is `creditBytes` of reads, and 64 KiB of writes before it says that it is full.

import type { Transferable } from 'node:worker_threads';
import { type ChunkSink, copyOf } from '../../codec/index.ts';
import { type Decoder, highWaterBytes, type Socket, type SocketHandler, type TLSFacts } from '../socket.ts';
import { errorOf } from './error-record.ts';
import { creditBytes, type FromConnection, type SocketFacts, type ToConnection } from './protocol.ts';
import { TokenPlayer } from './token-player.ts';

type Post = (message: ToConnection, ...transfer: readonly Transferable[]) => void;

/** What is confirmed together. */
interface Unwritten {
  readonly bytes: number;
  readonly written: (() => void) | undefined;
}

export class ProxiedSocket implements Socket {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly tls: TLSFacts | undefined;
  bufferedBytes = 0;
  readonly #post: Post;
  readonly #onClosed: () => void;
  #handler: SocketHandler | undefined;
  #player: TokenPlayer | undefined;
  /** What the shard has told and the handler not. */
  #waiting: FromConnection[] = [];
  readonly #unwritten: Unwritten[] = [];
  /** Octets that were read and not yet credited. */
  #owed = 0;
  #isFlowing = false;
  #isBlocked = false;
  #isGiving = false;
  #isEnded = false;
  #isClosed = false;

  /** `onClosed`: nothing more comes or goes. */
  constructor(facts: SocketFacts, post: Post, onClosed: () => void) {
    this.localAddress = facts.localAddress;
    this.localPort = facts.localPort;
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.tls = facts.tls && withBuffer(facts.tls);
    this.#post = post;
    this.#onClosed = onClosed;
  }

  get encrypted(): boolean {
    return this.tls !== undefined;
  }

  decode(sink: ChunkSink): Decoder {
    return (this.#player = new TokenPlayer(sink));
  }

  attach(handler: SocketHandler): void {
    this.#handler = handler;
    this.#giveSoon();
  }

  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    this.#isFlowing = true;
    this.#giveSoon();
  }

  /** All in one piece, copied once. */
  write(buffers: readonly Buffer[], written?: () => void): boolean {
    if (this.#isClosed || this.#isEnded) return false;
    const bytes = copyOf(buffers);
    this.#unwritten.push({ bytes: bytes.length, written });
    this.bufferedBytes += bytes.length;
    this.#isBlocked = this.bufferedBytes >= highWaterBytes;
    this.#post({ kind: 'write', bytes }, bytes.buffer);
    return !this.#isBlocked;
  }

  end(): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#post({ kind: 'end' });
  }

  destroy(error?: Error): void {
    if (this.#isClosed) return;
    this.#post({ kind: 'destroy' });
    this.lose(error);
  }

  /** The connection is gone. */
  lose(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#unwritten.length = 0;
    this.bufferedBytes = 0;
    this.#onClosed();
    process.nextTick(() => this.#close(error));
  }

  #close(error: Error | undefined): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose(error);
  }

  /** From the shard. */
  onMessage(message: FromConnection): void {
    if (this.#isClosed) return;
    if (message.kind === 'written') return this.#onWritten();
    // A connection that was lost takes with it what nobody has read.
    if (message.kind === 'closed' && message.error !== undefined) return this.lose(errorOf(message.error));
    this.#waiting.push(message);
    this.#give();
  }

  #onWritten(): void {
    const { bytes, written } = this.#unwritten.shift()!;
    this.bufferedBytes -= bytes;
    written?.();
    if (!this.#isBlocked || this.bufferedBytes >= highWaterBytes) return;
    this.#isBlocked = false;
    this.#handler?.onDrain();
  }

  #giveSoon(): void {
    if (this.#waiting.length > 0) process.nextTick(() => this.#give());
  }

  /** The end is given also while paused, when no octet is left before it. */
  #give(): void {
    if (this.#isGiving) return;
    this.#isGiving = true;
    while (this.#handler !== undefined && this.#waiting.length > 0) {
      if (this.#waiting[0]!.kind === 'read' && !this.#isFlowing) break;
      this.#giveOne(this.#handler, this.#waiting.shift()!);
    }
    this.#isGiving = false;
  }

  #giveOne(handler: SocketHandler, message: FromConnection): void {
    if (message.kind === 'read') {
      const { buffer, byteOffset, byteLength } = message.bytes;
      this.#credit(message.cost);
      this.#player?.expect(message);
      handler.onData(Buffer.from(buffer, byteOffset, byteLength));
    } else if (message.kind === 'ended') {
      this.#player?.expectEnd(message.error);
      handler.onEnd();
    } else if (message.kind === 'closed') this.lose();
  }

  /** Not for each read: a quarter of what may be under way at a time. */
  #credit(cost: number): void {
    this.#owed += cost;
    if (this.#owed < creditBytes / 4) return;
    this.#post({ kind: 'credit', bytes: this.#owed });
    this.#owed = 0;
  }
}

function withBuffer(tls: TLSFacts): TLSFacts {
  const { peerCertificate: bytes } = tls;
  return bytes === undefined ? tls : { ...tls, peerCertificate: Buffer.from(bytes) };
}
