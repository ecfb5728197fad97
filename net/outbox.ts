// What leaves a connection, in the order of D-SEND-2: responses and reports before anything else, then the frames of the sources, one
// from each in turn; one that leaves its frame open goes on until others wait. What is written while events are dealt with leaves
// together, in one writev. Sources are asked only while the socket has room, so that what waits there is little and an urgent frame is
// never far from the wire (D-SEND-3).

import { type Chunk, encodeChunk } from '../codec/index.ts';
import { highWaterBytes, type Network, type Socket } from './socket.ts';

/**
 * Whether a source has more: nothing until it asks again, another frame, the rest of one that is open, or that but not before it asks
 * again.
 */
export type Pulled = 'idle' | 'more' | 'open' | 'awaiting';

/** Has frames to send: a session, or a transport. */
export interface FrameSource {
  /** The outbox notes here whether it is going to ask. */
  isWaiting: boolean;
  /** Adds the next frame, or part of one, by `outbox.frame`. */
  pull(outbox: Outbox): Pulled;
  /** Ends the frame that it left open (R4975-7.1.1-21, 7.1.1-22): with `+` since others wait, with `#` since the session is over. */
  interrupt?(outbox: Outbox, flag: '+' | '#'): void;
}

/** Learns when the system has a frame of its. */
export interface Written {
  /** `bytes` as they were given with the frame. */
  onWritten(bytes: number): void;
}

export interface OutboxEvents {
  /** Control frames pile up since the peer does not read. */
  onFull(): void;
  onRoom(): void;
  /** These are about to be written, so many octets. */
  onFlush(buffers: readonly Buffer[], bytes: number): void;
}

/** What leaves in one writev. */
class Batch {
  readonly buffers: Buffer[] = [];
  bytes = 0;
  readonly #written: Written[] = [];
  readonly #amounts: number[] = [];

  get isEmpty(): boolean {
    return this.buffers.length === 0;
  }

  get hasWritten(): boolean {
    return this.#written.length > 0;
  }

  add(buffers: readonly Buffer[], written: Written | undefined, amount: number): void {
    for (const buffer of buffers) {
      this.buffers.push(buffer);
      this.bytes += buffer.length;
    }
    if (written === undefined) return;
    this.#written.push(written);
    this.#amounts.push(amount);
  }

  /** Those who wait for `other` wait for this one. */
  join(other: Batch): void {
    for (const [at, written] of other.#written.entries()) this.add([], written, other.#amounts[at]!);
  }

  onWritten(): void {
    for (let at = 0; at < this.#written.length; at++) this.#written[at]!.onWritten(this.#amounts[at]!);
  }
}

export class Outbox {
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #unsentBytes: number;
  readonly #events: OutboxEvents;
  /** Responses and reports, a character an octet: one string is cheaper than many buffers. */
  #control = '';
  #isFull = false;
  /** In turn, each once. Not a Set: one that is changed without end keeps the collector busy. */
  #sources: FrameSource[] = [];
  /** The source that has left a frame open; not among the others. */
  #running: FrameSource | undefined;
  /** Whether it has the next part of that frame. */
  #isReady = false;
  #batch = new Batch();
  /** What the system was given last and does not have yet. */
  #last: Batch | undefined;
  #isScheduled = false;
  #isBlocked = false;
  #isEnding = false;
  #isClosed = false;

  constructor(socket: Socket, network: Network, unsentBytes: number, events: OutboxEvents) {
    this.#socket = socket;
    this.#network = network;
    this.#unsentBytes = unsentBytes;
    this.#events = events;
  }

  /** Sends a whole frame before all others that wait. Each character is an octet. */
  control(octets: string): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#control += octets;
    if (!this.#isFull && this.#control.length > this.#unsentBytes) {
      this.#isFull = true;
      this.#events.onFull();
    }
    this.#schedule();
  }

  /** Sends a chunk as `control` does. */
  controlChunk(chunk: Chunk): void {
    this.control(Buffer.concat(encodeChunk(chunk)).toString('latin1'));
  }

  /** `source` has something to send: it will be asked, in its turn. Harmless when it waits already. */
  want(source: FrameSource): void {
    if (this.#isClosed || this.#isEnding) return;
    if (source === this.#running) this.#isReady = true;
    else this.#enqueue(source);
    this.#schedule();
  }

  /** Sends what there is now, without waiting for what else the events at hand will bring: it is much, and still in the cache. */
  flush(): void {
    if (!this.#isBlocked) this.#flush();
  }

  #enqueue(source: FrameSource): void {
    if (source.isWaiting) return;
    source.isWaiting = true;
    this.#sources.push(source);
  }

  /** `source` has nothing more to send; a frame that it left open is given up. */
  forget(source: FrameSource): void {
    if (source.isWaiting) this.#sources = this.#sources.filter((other) => other !== source);
    source.isWaiting = false;
    if (this.#running !== source) return;
    this.#interrupt('#');
    this.#schedule();
  }

  /** For sources: a whole frame, or part of one. The buffers stay as they are until `written`, which is when the system has them all. */
  frame(buffers: readonly Buffer[], written?: Written, bytes = 0): void {
    this.#batch.add(buffers, written, bytes);
  }

  onDrain(): void {
    this.#isBlocked = false;
    this.#flush();
  }

  /** Others wait for their turn. */
  get isContended(): boolean {
    return this.#sources.length > 0;
  }

  /** Ends our direction behind all that waits, or behind the control frames alone: these would be lost in a frame that is open. */
  end(controlOnly = false): void {
    if (this.#isClosed) return;
    if (controlOnly) {
      this.#interrupt('#');
      this.#forgetAll();
    }
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#schedule();
  }

  /** Nothing more leaves. */
  close(): void {
    this.#isClosed = true;
    this.#control = '';
    this.#forgetAll();
  }

  #forgetAll(): void {
    for (const source of this.#sources) source.isWaiting = false;
    this.#sources = [];
    this.#running = undefined;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    this.#network.defer(this.#onDeferred);
  }

  readonly #onDeferred = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  #flush(): void {
    while (!this.#isBlocked && !this.#isClosed && this.#fill()) this.#write();
    if (this.#isEnding && !this.#isBlocked && !this.#isClosed) this.#socket.end();
  }

  /** Collects what may go in one writev. Returns whether there is anything. */
  #fill(): boolean {
    if (this.#control !== '') this.#takeControl();
    while (this.#batch.bytes < highWaterBytes) {
      if (this.#running !== undefined && this.#sources.length > 0) this.#yield(this.#running);
      const source = this.#sources.shift() ?? (this.#isReady ? this.#running : undefined);
      if (source === undefined) break;
      this.#pull(source);
    }
    // Nobody will ask again for what it still awaits.
    if (this.#isEnding && !this.#isReady) this.#interrupt('#');
    else if (this.#running !== undefined && this.#socket.wholeFrames === true) this.#yield(this.#running);
    return !this.#batch.isEmpty || this.#batch.hasWritten;
  }

  /** Before the control frames an open one ends (R4975-7.1.1-21). */
  #takeControl(): void {
    if (this.#running !== undefined) this.#yield(this.#running);
    this.frame([Buffer.from(this.#control, 'latin1')]);
    this.#control = '';
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events.onRoom();
  }

  #pull(source: FrameSource): void {
    source.isWaiting = false;
    const pulled = source.pull(this);
    this.#running = pulled === 'open' || pulled === 'awaiting' ? source : undefined;
    this.#isReady = pulled === 'open';
    if (pulled === 'more') this.#enqueue(source);
  }

  /** Others have their turn, then `running` again. */
  #yield(running: FrameSource): void {
    this.#interrupt('+');
    this.#enqueue(running);
  }

  #interrupt(flag: '+' | '#'): void {
    const running = this.#running;
    this.#running = undefined;
    running?.interrupt?.(this, flag);
  }

  #write(): void {
    const batch = this.#batch;
    this.#batch = new Batch();
    if (batch.isEmpty) return this.#afterLast(batch);
    this.#events.onFlush(batch.buffers, batch.bytes);
    this.#isBlocked = !this.#socket.write(batch.buffers, batch.hasWritten ? this.#doneOf(batch) : undefined);
  }

  #doneOf(batch: Batch): () => void {
    this.#last = batch;
    return () => {
      if (this.#last === batch) this.#last = undefined;
      batch.onWritten();
    };
  }

  /** A write of nothing is done when those before it are. */
  #afterLast(batch: Batch): void {
    if (this.#last !== undefined) this.#last.join(batch);
    else batch.onWritten();
  }
}
