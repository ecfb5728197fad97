// What leaves a connection, in the order of D-SEND-2: responses and reports before anything else, then the frames of the sources, one
// from each in turn. What is written while events are dealt with leaves together, in one writev. Sources are asked only while the socket
// has room, so that what waits there is little and an urgent frame is never far from the wire (D-SEND-3).

import { highWaterBytes, type Network, type Socket } from './socket.ts';

/** Has frames to send: a session, or a transport. */
export interface FrameSource {
  /** Adds the next frame to `outbox.frame`, whole. Returns whether there is another one. */
  pull(outbox: Outbox): boolean;
}

export interface OutboxEvents {
  /** Control frames pile up since the peer does not read. */
  onFull(): void;
  onRoom(): void;
  onFlush?: ((buffers: readonly Buffer[]) => void) | undefined;
}

export class Outbox {
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #unsentBytes: number;
  readonly #events: OutboxEvents;
  /** Responses and reports, a character an octet: one string is cheaper than many buffers. */
  #control = '';
  #isFull = false;
  readonly #sources = new Set<FrameSource>();
  #frames: Buffer[] = [];
  #frameBytes = 0;
  #written: (() => void)[] = [];
  /** Of the write that the system was given last and does not have yet. */
  #lastWritten: (() => void)[] | undefined;
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

  /** `source` has something to send: it will be asked, in its turn. Harmless when it waits already. */
  want(source: FrameSource): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#sources.add(source);
    this.#schedule();
  }

  /** `source` has nothing more to send. */
  forget(source: FrameSource): void {
    this.#sources.delete(source);
  }

  /** For sources: a whole frame. The buffers stay as they are until `written`, which is when the system has them all. */
  frame(buffers: readonly Buffer[], written?: () => void): void {
    for (const buffer of buffers) {
      this.#frames.push(buffer);
      this.#frameBytes += buffer.length;
    }
    if (written !== undefined) this.#written.push(written);
  }

  onDrain(): void {
    this.#isBlocked = false;
    this.#flush();
  }

  /** Ends our direction behind all that waits, or behind the control frames alone. */
  end(controlOnly = false): void {
    if (controlOnly) this.#sources.clear();
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#schedule();
  }

  /** Nothing more leaves. */
  close(): void {
    this.#isClosed = true;
    this.#control = '';
    this.#sources.clear();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    this.#network.defer(this.#onDeferred);
  }

  readonly #onDeferred = (): void => {
    this.#isScheduled = false;
    if (!this.#isBlocked) this.#flush();
  };

  #flush(): void {
    while (!this.#isBlocked && !this.#isClosed && this.#fill()) this.#write();
    if (this.#isEnding && !this.#isBlocked && !this.#isClosed) this.#socket.end();
  }

  /** Collects what may go in one writev. Returns whether there is anything. */
  #fill(): boolean {
    if (this.#control !== '') {
      this.frame([Buffer.from(this.#control, 'latin1')]);
      this.#control = '';
      this.#leaveFull();
    }
    while (this.#frameBytes < highWaterBytes) {
      const [source] = this.#sources;
      if (source === undefined) break;
      this.#sources.delete(source);
      if (source.pull(this)) this.#sources.add(source);
    }
    return this.#frames.length > 0 || this.#written.length > 0;
  }

  #leaveFull(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events.onRoom();
  }

  #write(): void {
    const frames = this.#frames;
    const written = this.#written;
    this.#frames = [];
    this.#frameBytes = 0;
    this.#written = [];
    if (frames.length === 0) return this.#afterOthers(written);
    const done = written.length === 0 ? undefined : this.#doneOf(written);
    this.#events.onFlush?.(frames);
    this.#isBlocked = !this.#socket.write(frames, done);
  }

  #doneOf(written: (() => void)[]): () => void {
    this.#lastWritten = written;
    return () => {
      if (this.#lastWritten === written) this.#lastWritten = undefined;
      for (const callback of written) callback();
    };
  }

  /** A write of nothing is done when those before it are. */
  #afterOthers(written: readonly (() => void)[]): void {
    if (this.#lastWritten !== undefined) this.#lastWritten.push(...written);
    else for (const callback of written) callback();
  }
}
