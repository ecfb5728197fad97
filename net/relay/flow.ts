// What one session sends to one next hop, on its way: the frames that came over one connection, in their order. It takes from the
// connection that they come on and gives to the outbox of the one that they leave on.
//
//   leg `from` --heads, bodies, ends--> [ frames that wait ] --a quantum in each turn--> outbox of leg `to`
//
// A chunk begins to leave with the first read that does not hold its end. What waits is bounded: then the connection that it comes on
// stops (D-RELAY-10), and whoever stops others on that connection for too long is failed.

import type { Chunk, Continuation, Head, URI } from '../../codec/index.ts';
import type { CoarseTimer } from '../coarse-timers.ts';
import type { FrameSource, Outbox, Pulled, Written } from '../outbox.ts';
import { type ChunkWay, ForwardedChunk, type ForwardedFrame } from './forwarded-chunk.ts';
import { RequestBody } from './forwarded-request.ts';
import { ForwardFormat } from './forward-format.ts';
import { Passing } from './passing.ts';
import type { RelayContext } from './relay-context.ts';
import type { RelayCounters } from './relay-counters.ts';
import type { BodyTaker, RelayFlow, RelayLeg, WholeFrame } from './roles.ts';

/** Octets of a session that leave before others have their turn; and where there are none. */
const quantumBytes = 16_384;
const aloneBytes = 65_536;
/** So much is not kept until all events at hand have been dealt with. */
const promptBytes = 32_768;
/** What a chunk that waits costs beyond its body, about: empty ones must not come without end. */
const chunkBytes = 512;
/** Codes by which the next hop wants no more of a message (D-RELAY-8). */
const finalCodes = new Set([408, 413, 481, 506]);
/** Refused messages that are remembered: more than a session has under way. */
const refusedKept = 64;

export class Flow implements FrameSource, RelayFlow, BodyTaker, ChunkWay {
  isWaiting = false;
  readonly from: RelayLeg;
  readonly counters: RelayCounters;
  /** Where it goes; undefined while that is being connected, and when there is no way any more. */
  to: RelayLeg | undefined;
  readonly #context: RelayContext;
  readonly #path: string;
  /** How many URIs of To-Path are ours. */
  readonly moved: number;
  #format: ForwardFormat | undefined;
  #queue: (WholeFrame | Passing)[] = [];
  /** The chunk that is arriving. */
  #arriving: Passing | undefined;
  /** One that is arriving and no longer kept. */
  #swallowed: ForwardedChunk | undefined;
  #queuedBytes = 0;
  #isStopped = false;
  #stall: CoarseTimer | undefined;
  #isOpen = true;
  #isOver = false;
  readonly #refused: string[] = [];

  /** `path`: the To-Path that it is for. */
  constructor(from: RelayLeg, context: RelayContext, path: string, moved: number) {
    this.from = from;
    this.#path = path;
    this.counters = context.counters;
    this.#context = context;
    this.moved = moved;
  }

  /** Whether it takes requests. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Nothing waits here. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#arriving === undefined;
  }

  /** The next hop is connected. */
  start(to: RelayLeg): void {
    if (this.#isOver) return;
    this.to = to;
    to.sources.add(this);
    if (!this.isEmpty) this.#want();
  }

  begin(head: Head): BodyTaker | undefined {
    if (head.method !== 'SEND') return new RequestBody(head, this);
    if (head.messageId !== undefined && this.#refused.includes(head.messageId)) {
      this.from.connection.respond(head, 413);
      return undefined;
    }
    this.#swallowed = undefined;
    this.#arriving = new Passing(
      new ForwardedChunk(head, this),
      this.formatOf(head),
      this,
      this.from.connection.decoder,
    );
    return this;
  }

  formatOf(head: Head): ForwardFormat {
    if (this.#format?.block === head.headers.block) return this.#format;
    this.#format = new ForwardFormat(head, this.moved);
    return this.#format;
  }

  onBody(bytes: Buffer, more: boolean): void {
    const passing = this.#arriving;
    if (passing === undefined) return;
    passing.chunk.received += bytes.length;
    passing.add(bytes);
    this.#account(bytes.length);
    // The read ends within the body: it begins to leave now.
    if (more) return;
    this.#enqueue(passing);
    if (this.#queuedBytes >= promptBytes) this.to?.connection.outbox.flush();
  }

  onEnd(flag: Continuation): void {
    const passing = this.#arriving;
    if (passing === undefined) return this.#onSwallowed();
    this.#arriving = undefined;
    passing.flag = flag;
    if (!passing.isQueued) passing.rewrite(this.from.connection);
    passing.chunk.onArrived();
    this.counters.chunks++;
    this.counters.bytes += passing.chunk.received;
    this.#enqueue(passing);
  }

  /** The end of a chunk of which nothing was kept: if the hop before was not answered, it is now. */
  #onSwallowed(): void {
    this.#swallowed?.onArrived();
    this.#swallowed = undefined;
  }

  #enqueue(passing: Passing): void {
    if (!passing.isQueued) {
      passing.isQueued = true;
      this.#queue.push(passing);
      this.#account(chunkBytes);
    }
    this.#want();
  }

  /** A whole frame that is no SEND. */
  push(frame: WholeFrame): void {
    this.#queue.push(frame);
    this.#account(frame.bytes);
    this.#want();
  }

  /** Over the connection that the request came on. When that is gone, a relay on the way can be looked for (R4976-3-5), an endpoint not. */
  sendBack(path: readonly URI[], report: Chunk): void {
    const { connection } = this.from;
    if (connection.isOpen) return connection.outbox.controlChunk(report);
    const [relay] = path;
    if (path.length === 1 || relay?.useTLS !== true) return;
    this.#context.connect(relay).then(
      ({ outbox }) => outbox.controlChunk(report),
      () => this.counters.connectFailures++,
    );
  }

  newId(): string {
    return this.#context.settings.idents.transactionId();
  }

  pull(outbox: Outbox): Pulled {
    let left = outbox.isContended ? quantumBytes : aloneBytes;
    while (left > 0) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const isOpen = next instanceof Passing && next.isOpen;
      if (!isOpen && this.to?.isFull === true) break;
      if (!(next instanceof Passing)) left -= this.#pullWhole(outbox, next);
      else if (next.input !== undefined) left -= this.#pullRewritten(outbox, next, left);
      else {
        const sent = next.pull(outbox, left);
        this.#account(-sent);
        left -= sent;
        if (!next.isDone) return this.#pulledOpen(next);
        this.#queue.shift();
        this.#account(-chunkBytes);
      }
    }
    this.#afterPull();
    return this.#queue.length > 0 && this.to?.isFull !== true ? 'more' : 'idle';
  }

  #pulledOpen(passing: Passing): Pulled {
    this.#afterPull();
    if (passing.available > 0) return 'open';
    return passing.isOpen ? 'awaiting' : 'idle';
  }

  #pullWhole(outbox: Outbox, frame: WholeFrame): number {
    this.#queue.shift();
    if (frame.answered !== undefined) this.to!.expect(frame.answered);
    outbox.frame(frame.buffers, frame.answered);
    this.#account(-frame.bytes);
    return frame.bytes;
  }

  /** `first` and the frames behind it in the same read: in one piece. */
  #pullRewritten(outbox: Outbox, first: Passing, most: number): number {
    const leg = this.to!;
    const frames: ForwardedFrame[] = [];
    const end = first.from + most;
    let { to } = first;
    let bytes = 0;
    let count = 0;
    for (let next = first; ; ) {
      count++;
      bytes += next.bytes;
      to = next.to;
      if (next.frame !== undefined) {
        leg.expect(next.frame);
        frames.push(next.frame);
      }
      const following = this.#queue[count];
      if (!(following instanceof Passing) || following.input !== first.input || following.from !== to) break;
      if (to >= end || leg.isFull) break;
      next = following;
    }
    this.#queue.splice(0, count);
    this.#account(-bytes - count * chunkBytes);
    outbox.frame([first.input!.subarray(first.from, to)], frames.length > 0 ? new FrameRun(frames) : undefined);
    return to - first.from;
  }

  interrupt(outbox: Outbox, flag: '+' | '#'): void {
    const open = this.#queue[0];
    if (open instanceof Passing) open.interrupt(outbox, flag);
  }

  #want(): void {
    this.to?.connection.outbox.want(this);
  }

  /** There is room for requests again. */
  resume(): void {
    if (this.#queue.length > 0) this.#want();
  }

  /** Octets have come, or gone. */
  #account(bytes: number): void {
    this.#queuedBytes += bytes;
    this.counters.bufferedBytes += bytes;
    if (this.#isStopped || this.#queuedBytes <= 0) return;
    const { limits } = this.#context;
    if (this.#queuedBytes > limits.unreadBytes || this.counters.bufferedBytes > limits.bufferedBytes) this.#stop();
  }

  #stop(): void {
    this.#isStopped = true;
    this.counters.stops++;
    this.from.connection.stop(this);
    const { settings } = this.#context;
    this.#stall ??= settings.timers.start(settings.limits.stallMs, () => this.#onStall());
  }

  #afterPull(): void {
    if (this.#isStopped && this.#hasRoom) this.#go();
    if (this.isEmpty) this.to?.onDrained();
  }

  get #hasRoom(): boolean {
    const { limits, counters } = this.#context;
    if (this.#queuedBytes === 0) return true;
    return this.#queuedBytes <= limits.unreadBytes / 2 && counters.bufferedBytes <= limits.bufferedBytes;
  }

  #go(): void {
    this.#isStopped = false;
    this.#stall?.cancel();
    this.#stall = undefined;
    this.from.connection.go(this);
  }

  /** A next hop that does not read may stop its own session for as long as it likes, but not others. */
  #onStall(): void {
    if (this.from.connection.sessions <= 1) return this.#stall?.restart();
    this.counters.stalls++;
    this.fail(408, 'Downstream does not read');
    // What else comes for it is refused: it would stop them again.
    this.from.flows.set(this.#path, this);
  }

  /** The next hop has refused a frame (R4976-6.4.3). */
  onRefused({ chunk, range }: ForwardedFrame, code: number, comment: string | undefined): void {
    this.counters.refusals++;
    const { messageId } = chunk.head;
    if (messageId === undefined || !finalCodes.has(code)) return chunk.report(range, code, comment);
    chunk.refuse(range, code, comment);
    this.#refused.push(messageId);
    if (this.#refused.length > refusedKept) this.#refused.shift();
    this.#drop((each) => each.head.messageId === messageId, code, comment);
    this.resume();
  }

  /** What is here of these chunks is for nobody any more. One that is arriving goes on to its end, for that is when it is answered. */
  #drop(isDropped: (chunk: ForwardedChunk) => boolean, code: number, comment?: string): void {
    const [open] = this.#queue;
    // Its frame ends with "#".
    if (open instanceof Passing && open.isOpen && isDropped(open.chunk)) this.to?.connection.outbox.forget(this);
    const [dropped, kept] = partition(this.#queue, (each) => each instanceof Passing && isDropped(each.chunk));
    this.#queue = kept;
    for (const each of dropped) this.#dropOne(each as Passing, code, comment);
    const arriving = this.#arriving;
    if (arriving?.isQueued === false && isDropped(arriving.chunk)) this.#dropOne(arriving, code, comment);
    this.#afterPull();
  }

  #dropOne(passing: Passing, code: number, comment?: string): void {
    passing.chunk.fail(code, comment);
    this.#account(-passing.drop() - (passing.isQueued ? chunkBytes : 0));
    if (passing !== this.#arriving) return;
    this.#arriving = undefined;
    this.#swallowed = passing.chunk;
  }

  /** Nothing more comes, for the connection that it comes on is gone, or the session over: what has come whole still leaves (D-RELAY-4). */
  end(): void {
    this.#isOpen = false;
    this.from.flows.delete(this.#path);
    const passing = this.#arriving;
    this.#arriving = undefined;
    if (passing !== undefined) {
      passing.flag = '#';
      passing.chunk.fail(481);
      this.#enqueue(passing);
    }
    if (this.#isStopped) this.#go();
    if (this.isEmpty) this.to?.onDrained();
  }

  /** There is no way to the next hop, or none any more. */
  fail(code: number, comment?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isOpen = false;
    this.from.flows.delete(this.#path);
    const { to } = this;
    this.#drop(() => true, code, comment);
    for (const each of this.#queue.splice(0)) if (!(each instanceof Passing)) this.#failOther(each);
    to?.connection.outbox.forget(this);
    to?.sources.delete(this);
    if (this.#isStopped) this.#go();
    to?.onDrained();
    this.to = undefined;
  }

  #failOther({ bytes, answered }: WholeFrame): void {
    this.#account(-bytes);
    answered?.onUnsent();
  }
}

/** Frames that leave in one piece. */
class FrameRun implements Written {
  readonly #frames: readonly ForwardedFrame[];

  constructor(frames: readonly ForwardedFrame[]) {
    this.#frames = frames;
  }

  onWritten(): void {
    for (const frame of this.#frames) frame.onWritten();
  }
}

function partition<T>(all: readonly T[], isFirst: (each: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []];
  for (const each of all) parts[isFirst(each) ? 0 : 1].push(each);
  return parts;
}
