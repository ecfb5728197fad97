// One session on a connection, chunk by chunk: what connectors, acceptors and servers give. It does not know of messages, transactions
// or reports; MSRPSession does, and takes the tokens straight from here.

import {
  type ByteRange,
  type Chunk,
  type ChunkSink,
  type Continuation,
  encodeChunk,
  formatPath,
  type Head,
  MSRPError,
  type URI,
} from '../codec/index.ts';
import { BindingSink } from './binding.ts';
import { ChunkReader, type ReadOptions } from './chunk-reader.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import type { Bound, Connection } from './connection.ts';
import { channels } from './diagnostics.ts';
import { MSRPTransactionError } from './errors.ts';
import type { Settings } from './options.ts';
import type { FrameSource, Outbox, Pulled } from './outbox.ts';
import { type ChunkOptions, makeChunk } from './make-chunk.ts';
import { makeReport, makeResponse } from './replies.ts';
import type { TLSFacts } from './socket.ts';
import { isSamePath } from './uris.ts';

/** Who is at the other end of the connection: the peer itself, or the next relay. */
export interface PeerInfo {
  readonly address: string;
  readonly port: number;
  /** What TLS found out; undefined without TLS. */
  readonly tls: TLSFacts | undefined;
}

/** Takes the tokens of a session instead of `readChunk`. */
export interface TransportSink extends ChunkSink {
  /** The session is over. Without `error` the peer closed the connection in order. */
  onClose(error?: Error): void;
}

/** Where sessions are known by their URI: the connection, or who held the URI there before there was a session. */
export interface SessionPlace {
  bind(session: Bound): void;
  unbind(session: Bound): void;
  /** The URIs that our relays gave us for it, the nearest first: another array when they change. Default: none. */
  readonly usePath?: readonly URI[];
  /** The peer's part of From-Path, behind our relays; undefined: it did not come through them. Default: all of it. */
  peerPath?(fromPath: readonly URI[]): readonly URI[] | undefined;
}

/** What whoever makes a transport wants of it. */
export interface TransportOptions {
  /** Where the session is known by its URI. Default: the connection. */
  place?: SessionPlace;
  /** Sees the first frames: gives a sink that goes before the reader, until `admitted`. */
  admission?: ((reader: ChunkSink) => ChunkSink) | undefined;
  /** The session is over. */
  onOver?: () => void;
}

interface Outgoing {
  readonly buffers: readonly Buffer[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const direct: readonly URI[] = [];

/** The peer's part of From-Path; undefined when it came by a way that is not ours. */
export function peerPathIn(fromPath: readonly URI[], place: SessionPlace | undefined): readonly URI[] | undefined {
  return place?.peerPath === undefined ? fromPath : place.peerPath(fromPath);
}

/** Not made by users: connectors, acceptors and servers give it, bound. */
export class MSRPTransport implements Bound, FrameSource {
  readonly localUri: URI;
  readonly peer: PeerInfo;
  /** @internal */
  readonly connection: Connection;
  readonly settings: Settings;
  /** @internal */
  isWaiting = false;
  readonly #place: SessionPlace;
  #usePath: readonly URI[] | undefined;
  #toPath = '';
  /** The path of the peer, and the one before, from which something may still be under way. */
  #remotePaths: readonly (readonly URI[])[];
  readonly #reader: ChunkReader;
  #sink: ChunkSink;
  #taker: TransportSink | undefined;
  readonly #outgoing: Outgoing[] = [];
  /** In the order in which they were written, which is the order in which they are done. */
  readonly #unwritten: Outgoing[] = [];
  #isBound = false;
  #closed: Error | undefined;
  /** Closed in order, by either side. */
  #isOver = false;
  /** The path that was compared last, and found to be the peer's. */
  #checkedPath: readonly URI[] | undefined;
  #stall: CoarseTimer | undefined;
  readonly #onOver: (() => void) | undefined;

  /** @internal */
  constructor(connection: Connection, localUri: URI, fullRemotePath: readonly URI[], o: TransportOptions = {}) {
    const { remoteAddress: address, remotePort: port, tls } = connection.socket;
    this.connection = connection;
    this.settings = connection.settings;
    this.localUri = localUri;
    this.#remotePaths = [[...fullRemotePath]];
    this.peer = { address, port, tls };
    this.#reader = new ChunkReader({
      ...this.settings.limits,
      onFull: () => this.pause(),
      onRoom: () => this.resume(),
    });
    this.#sink = o.admission?.(this.#reader) ?? this.#reader;
    this.#onOver = o.onOver;
    this.#place = o.place ?? connection;
    this.#place.bind(this);
  }

  /** For the SDP: our relays, the furthest first, then ourselves (R4976-5.1-7). */
  get fullLocalPath(): readonly URI[] {
    return [...(this.#place.usePath ?? []).toReversed(), this.localUri];
  }

  get fullRemotePath(): readonly URI[] {
    return this.#remotePaths[0]!;
  }

  /**
   * The peer has offered another path, as it must when its relay gave it one (R4976-9.4-1): from now on requests go there. What still
   * comes from the old one is good.
   */
  changeRemotePath(fullRemotePath: readonly URI[]): void {
    this.#remotePaths = [[...fullRemotePath], this.fullRemotePath];
    this.#usePath = undefined;
    this.#checkedPath = undefined;
  }

  /** A chunk of this session, its fields in the order that every peer takes. Throws `MSRP_ERR_ARGUMENT`. */
  makeChunk(o: ChunkOptions = {}): Chunk {
    return makeChunk(o, this.toPath, this.localUri, this.settings);
  }

  /** The response to a request read from here; undefined where none may be sent. */
  makeResponse(request: Head, code: number, comment?: string): Chunk | undefined {
    return makeResponse(request, code, comment);
  }

  /** A REPORT on the octets of a SEND read from here; undefined where none may be sent. */
  makeReport(request: Chunk, code: number, comment?: string): Chunk | undefined {
    const start = request.byteRange?.start ?? 1;
    const range = { start, end: start + request.size - 1, total: request.byteRange?.total };
    return makeReport(request, this.settings.idents.transactionId(), range, code, comment);
  }

  /**
   * Writes octets as they are; on a shared connection these must be whole frames. Resolves when the kernel has them, until when they must
   * not change. Rejects with why the session is over.
   */
  write(bytes: Buffer | readonly Buffer[]): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#outgoing.push({ buffers: Buffer.isBuffer(bytes) ? [bytes] : bytes, resolve, reject });
      this.connection.outbox.want(this);
    });
  }

  /** As `write`. Throws what `encodeChunk` throws. */
  async writeChunk(chunk: Chunk): Promise<void> {
    await this.write(encodeChunk(chunk));
  }

  /** @internal */
  pull(outbox: Outbox): Pulled {
    const next = this.#outgoing.shift();
    if (next === undefined) return 'idle';
    this.#unwritten.push(next);
    const onWritten = (): void => {
      this.#unwritten.shift();
      next.resolve();
    };
    outbox.frame(next.buffers, { onWritten });
    return this.#outgoing.length > 0 ? 'more' : 'idle';
  }

  /**
   * The next chunk. Without `size` a whole one, but segments of one longer than `wholeChunkBytes`; with it, a segment as soon as so much
   * of the body has come. Rejects, once all is read, with why the session is over (`MSRP_ERR_CLOSED` when the peer closed). Aborting loses
   * nothing: the chunk goes to the next call.
   */
  readChunk(o?: ReadOptions): Promise<Chunk> {
    if (this.#taker !== undefined) {
      return Promise.reject(new MSRPError('MSRP_ERR_STATE', 'a session reads from here', { scope: 'session' }));
    }
    return this.#reader.read(o);
  }

  /** The chunks until the peer closes the connection. Throws where `readChunk` rejects for another reason. */
  async *chunks(o?: ReadOptions): AsyncIterableIterator<Chunk> {
    for (;;) {
      let chunk: Chunk;
      try {
        chunk = await this.readChunk(o);
      } catch (error) {
        if (error === this.#closed && this.#isOver) return;
        throw error;
      }
      yield chunk;
    }
  }

  /** `undefined` if the paths of the request are those of this session; else what to answer: 400 or 481. */
  checkIncomingSendChunk(chunk: Head): MSRPError | undefined {
    const from = chunk.fromPath;
    if (from === this.#checkedPath) return undefined;
    const to = chunk.toPath;
    if (from.length === 0 || to.length === 0) return new MSRPTransactionError(400, 'To-Path or From-Path is missing');
    const { match } = this.settings;
    if (to.length !== 1 || !isSamePath(to, [this.localUri], match)) {
      return new MSRPTransactionError(481, 'Invalid To-Path');
    }
    const peerPath = peerPathIn(from, this.#place) ?? [];
    if (match === 'path' && !this.#remotePaths.some((path) => isSamePath(peerPath, path, match))) {
      return new MSRPTransactionError(481, 'Invalid From-Path');
    }
    this.#checkedPath = from;
    return undefined;
  }

  /** @internal From now on `sink` gets what comes, first what came before. */
  attach(sink: TransportSink): void {
    if (this.#taker !== undefined) {
      throw new MSRPError('MSRP_ERR_STATE', 'another session reads from here', { scope: 'session' });
    }
    this.#reader.passOn(sink);
    this.#taker = sink;
    if (this.#sink === this.#reader) this.#sink = sink;
    if (this.#closed !== undefined) sink.onClose(this.#isOver ? undefined : this.#closed);
  }

  /** @internal The binding request is dealt with: what comes now is for whoever reads. */
  admitted(): void {
    this.#sink = this.#taker ?? this.#reader;
  }

  /** @internal Answers a request read from here before all else that waits, if section 7 has it answered. */
  respond(request: Head, code: number): void {
    this.connection.respond(request, code);
  }

  /** @internal Reports on octets of the message of a request read from here, as `respond`. */
  report(request: Head, range: ByteRange, code: number): void {
    this.connection.report(request, range, code);
  }

  /** @internal Sends a chunk before all else that waits: a REPORT. */
  controlChunk(chunk: Chunk): void {
    this.connection.outbox.controlChunk(chunk);
  }

  /** @internal `source` has frames to send, and is asked for them in its turn. */
  want(source: FrameSource): void {
    this.connection.outbox.want(source);
  }

  /** @internal */
  forget(source: FrameSource): void {
    this.connection.outbox.forget(source);
  }

  /** The text of To-Path in the requests of this session. Another one when our relays give us another path. */
  get toPath(): string {
    const usePath = this.#place.usePath ?? direct;
    if (usePath !== this.#usePath) {
      this.#usePath = usePath;
      this.#toPath = formatPath([...usePath, ...this.fullRemotePath]);
    }
    return this.#toPath;
  }

  /** @internal Nothing more is read from the connection: for what a reader of the session has not taken. */
  pause(): void {
    // Others on the connection may not wait for a session that is over.
    if (this.#closed !== undefined) return;
    this.connection.stop(this);
    this.#stall ??= this.settings.timers.start(this.settings.limits.stallMs, () => this.#onStall());
  }

  /** @internal */
  resume(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    this.connection.go(this);
  }

  /** A reader that sleeps may stop its own session for as long as it likes, but not others. */
  #onStall(): void {
    if (this.connection.sessions <= 1) return this.#stall?.restart();
    this.destroy(
      new MSRPError('MSRP_ERR_NOT_READ', 'the session was not read while others on its connection waited', {
        scope: 'session',
      }),
    );
  }

  /** @internal Both sides agree on the session: others may know of it. */
  announce(): void {
    this.#isBound = true;
    if (channels.bound.hasSubscribers) channels.bound.publish({ transport: this });
  }

  /** @internal Binds the session as the active side. */
  async bind(): Promise<void> {
    if (!this.connection.isOpen) {
      this.#end(new MSRPError('MSRP_ERR_CLOSED', 'the peer closed the connection'), undefined);
    }
    const request = this.makeChunk();
    const binding = new BindingSink(request, this.#reader, (head) => this.connection.respond(head, 200));
    this.#sink = binding;
    this.#onBindFailed = (error) => binding.fail(error);
    try {
      await Promise.all([binding.bound, this.writeChunk(request)]);
    } finally {
      this.#onBindFailed = undefined;
      if (this.#sink === binding) this.#sink = this.#reader;
    }
  }

  #onBindFailed: ((error: Error) => void) | undefined;

  onHead(head: Head): void {
    this.#sink.onHead(head);
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#sink.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    this.#sink.onEnd(flag);
  }

  onClose(error?: Error): void {
    this.#end(error ?? new MSRPError('MSRP_ERR_CLOSED', 'the peer closed the connection', { scope: 'session' }), error);
  }

  /** Ends the session once all is written; the connection too, if it has no other and nobody keeps it for the next (`idleMs`). */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    await this.write([]).catch(() => {});
    if (this.#closed !== undefined) return;
    this.#place.unbind(this);
    if (this.connection.sessions === 0) this.connection.release();
    this.#end(new MSRPError('MSRP_ERR_CLOSED', 'the session was closed', { scope: 'session' }), undefined);
  }

  /** Ends the session at once; what is not written is lost. Everything that waits rejects with `reason`. */
  destroy(reason?: Error): void {
    if (this.#closed !== undefined) return;
    this.#place.unbind(this);
    this.connection.outbox.forget(this);
    if (this.connection.sessions === 0) this.connection.destroy(reason);
    this.#end(reason ?? new MSRPError('MSRP_ERR_CLOSED', 'the session was destroyed', { scope: 'session' }), reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(reason: Error, error: Error | undefined): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#isOver = error === undefined;
    this.#stall?.cancel();
    this.#onBindFailed?.(reason);
    for (const { reject } of [...this.#unwritten.splice(0), ...this.#outgoing.splice(0)]) reject(reason);
    this.#reader.close(reason);
    this.#taker?.onClose(error);
    this.#onOver?.();
    if (this.#isBound && channels.ended.hasSubscribers) channels.ended.publish({ transport: this, error });
  }
}
