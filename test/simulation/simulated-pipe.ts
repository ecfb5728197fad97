// One direction of a simulated connection, with its faults. Bytes go through three places:
//
//   write -> queue (in the process) -> flight (in the system and on the wire, at most capacityBytes) -> read by the receiver
//
// Each step is an event of the clock. Bytes are copied when they are written; when the system takes the last of a write,
// which is when the sender may use its buffers again, they must still be what they were.

import type { Clock } from '../../net/clock.ts';
import { highWaterBytes } from '../../net/socket.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Trace } from './trace.ts';

/** What can be wrong with one direction. */
export interface PipeFaults {
  /** A read gives 1 to this many bytes, at random. Default: what has arrived, up to 64 KiB. */
  readonly readBytes?: number;
  /** How many bytes the system holds before the sender has to wait. Default 262,144. */
  readonly capacityBytes?: number;
  /** Queued bytes from which `write` gives `false`. Default 65,536, as on the real network. */
  readonly highWaterBytes?: number;
  /** How long bytes are under way, in milliseconds. Default 1. */
  readonly delayMs?: number;
  /** Once, when `afterBytes` (1 or more) have been read, nothing arrives for `ms`. */
  readonly stall?: { readonly afterBytes: number; readonly ms: number };
  /** The connection is reset when so many bytes have been read; 0: in place of the first. */
  readonly resetAfterBytes?: number;
  /** The receiver sees the end (FIN) when it has read so many bytes. Whatever comes behind vanishes. */
  readonly endAfterBytes?: number;
}

/** What runs a simulation. */
export interface Simulation {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly trace: Trace;
}

/** The end of a pipe that reads. */
export interface PipeReceiver {
  /** Whether bytes may be given to it, and whether the end may. */
  readonly takesData: boolean;
  readonly takesEnd: boolean;
  giveData(bytes: Buffer): void;
  giveEnd(): void;
}

/** The end of a pipe that writes. */
export interface PipeSender {
  drained(): void;
  endSent(): void;
}

interface Write {
  readonly originals: readonly Buffer[];
  readonly copy: Buffer;
  readonly written: (() => void) | undefined;
  taken: number;
}

interface Flight {
  readonly dueAt: number;
  /** `undefined` is the end. */
  bytes: Buffer | undefined;
}

const maxReadBytes = 65_536;

export class Pipe {
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #faults: PipeFaults;
  readonly #reset: () => void;
  #sender: PipeSender | undefined;
  #receiver: PipeReceiver | undefined;
  #queue: Write[] = [];
  #queuedBytes = 0;
  #flight: Flight[] = [];
  #flightBytes = 0;
  #readBytes = 0;
  #blocked = false;
  #ending = false;
  #endSent = false;
  #vanishing = false;
  #abandoned = false;
  #orphaned = false;
  #dead = false;
  #stalled = false;
  #stalledUntil = 0;
  #takeIsDue = false;
  #arriveIsDue = false;

  /** `reset` is what the pipe calls to break the whole connection. */
  constructor(simulation: Simulation, name: string, faults: PipeFaults, reset: () => void) {
    this.#simulation = simulation;
    this.#name = name;
    this.#faults = faults;
    this.#reset = reset;
  }

  connect(sender: PipeSender, receiver: PipeReceiver): void {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(originals: readonly Buffer[], written: (() => void) | undefined): boolean {
    const copy = Buffer.concat(originals);
    this.#trace('write', copy);
    this.#queue.push({ originals, copy, written, taken: 0 });
    this.#queuedBytes += copy.length;
    this.#blocked = this.#queuedBytes >= (this.#faults.highWaterBytes ?? highWaterBytes);
    if (this.#blocked) this.#trace('full');
    this.#takeSoon();
    return !this.#blocked;
  }

  /** The end, behind what is queued. */
  end(): void {
    this.#ending = true;
    this.#takeSoon();
  }

  /** The sender is gone: what is queued is lost, what is under way arrives, and then the end. */
  abandon(): void {
    this.#abandoned = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.end();
  }

  /** The receiver is gone: bytes that arrive reset the connection. */
  orphan(): void {
    this.#orphaned = true;
    this.#arriveSoon();
  }

  /** Nothing happens any more. */
  kill(): void {
    this.#dead = true;
    this.#abandoned = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#flight = [];
    this.#flightBytes = 0;
  }

  /** The receiver takes data, or the end, as it did not before. */
  receiverIsReady(): void {
    this.#arriveSoon();
  }

  #takeSoon(): void {
    if (this.#takeIsDue || this.#dead) return;
    this.#takeIsDue = true;
    this.#simulation.clock.setTimer(() => {
      this.#takeIsDue = false;
      this.#take();
    }, 0);
  }

  /** The system takes what it has room for. */
  #take(): void {
    const capacity = this.#vanishing ? Number.POSITIVE_INFINITY : (this.#faults.capacityBytes ?? 262_144);
    const confirmed: (() => void)[] = [];
    while (this.#queue.length > 0 && (this.#flightBytes < capacity || this.#queue[0]!.copy.length === 0)) {
      const write = this.#queue[0]!;
      this.#takeSome(write, capacity - this.#flightBytes);
      if (write.taken < write.copy.length) break;
      this.#queue.shift();
      this.#checkUnchanged(write);
      if (write.written !== undefined) confirmed.push(write.written);
    }
    if (this.#queue.length === 0) this.#takeEnd();
    for (const written of confirmed) if (!this.#abandoned) written();
    this.#tellDrained();
  }

  #takeSome(write: Write, room: number): void {
    const bytes = write.copy.subarray(write.taken, write.taken + room);
    write.taken += bytes.length;
    this.#queuedBytes -= bytes.length;
    if (bytes.length > 0) this.#send(bytes);
  }

  #takeEnd(): void {
    if (!this.#ending || this.#endSent || this.#dead) return;
    this.#endSent = true;
    this.#trace('end');
    this.#send(undefined);
    this.#sender!.endSent();
  }

  #send(bytes: Buffer | undefined): void {
    if (this.#vanishing) return;
    this.#flight.push({ dueAt: this.#simulation.clock.now() + (this.#faults.delayMs ?? 1), bytes });
    this.#flightBytes += bytes?.length ?? 0;
    this.#arriveSoon();
  }

  #checkUnchanged(write: Write): void {
    if (Buffer.concat(write.originals).equals(write.copy)) return;
    throw new Error(`${this.#name}: a buffer was changed between write and written`);
  }

  #tellDrained(): void {
    if (!this.#blocked || this.#queue.length > 0 || this.#dead || this.#ending) return;
    this.#blocked = false;
    this.#trace('drain');
    this.#sender!.drained();
  }

  #arriveSoon(): void {
    if (this.#arriveIsDue || this.#dead || this.#flight.length === 0) return;
    const { clock } = this.#simulation;
    const at = Math.max(this.#flight[0]!.dueAt, this.#stalledUntil);
    this.#arriveIsDue = true;
    clock.setTimer(() => {
      this.#arriveIsDue = false;
      this.#arrive();
    }, at - clock.now());
  }

  /** One read, or the end. */
  #arrive(): void {
    const first = this.#flight[0];
    if (first === undefined || this.#breaks()) return;
    if (first.bytes === undefined) return this.#arriveEnd();
    if (this.#orphaned) return this.#break('reset: nobody is there');
    if (!this.#receiver!.takesData) return;
    this.#arriveData();
    this.#arriveSoon();
    if (this.#queue.length > 0) this.#takeSoon();
  }

  #arriveEnd(): void {
    if (this.#orphaned) this.#flight = [];
    if (this.#orphaned || !this.#receiver!.takesEnd) return;
    this.#flight = [];
    this.#giveEnd();
  }

  #giveEnd(): void {
    this.#trace('fin');
    this.#receiver!.giveEnd();
  }

  #arriveData(): void {
    const bytes = this.#pull(this.#sizeOfRead());
    this.#readBytes += bytes.length;
    this.#stallIfDue();
    this.#trace('read', bytes);
    this.#receiver!.giveData(bytes);
    this.#breaks();
  }

  #sizeOfRead(): number {
    const { readBytes, stall, resetAfterBytes, endAfterBytes } = this.#faults;
    let arrived = 0;
    for (const { dueAt, bytes } of this.#flight) {
      if (dueAt > this.#simulation.clock.now()) break;
      arrived += bytes?.length ?? 0;
    }
    const drawn = readBytes === undefined ? maxReadBytes : this.#simulation.random.between(1, readBytes);
    // A read ends where a fault begins.
    const marks = [this.#stalled ? undefined : stall?.afterBytes, resetAfterBytes, endAfterBytes];
    const left = marks.map((mark) => (mark ?? 0) - this.#readBytes).filter((bytes) => bytes > 0);
    return Math.min(drawn, arrived, ...left);
  }

  /** A fresh buffer, as a read of the system is. */
  #pull(size: number): Buffer {
    const read = Buffer.allocUnsafeSlow(size);
    for (let at = 0; at < size; ) {
      const first = this.#flight[0]!;
      const copied = first.bytes!.copy(read, at);
      at += copied;
      first.bytes = first.bytes!.subarray(copied);
      if (first.bytes.length === 0) this.#flight.shift();
    }
    this.#flightBytes -= size;
    return read;
  }

  #stallIfDue(): void {
    const { stall } = this.#faults;
    if (stall === undefined || this.#stalled || this.#readBytes < stall.afterBytes) return;
    this.#stalled = true;
    this.#stalledUntil = this.#simulation.clock.now() + stall.ms;
    this.#trace(`stall ${stall.ms}`);
  }

  /** Whether a fault has broken the pipe: it carries nothing any more. */
  #breaks(): boolean {
    const { resetAfterBytes = Number.POSITIVE_INFINITY, endAfterBytes = Number.POSITIVE_INFINITY } = this.#faults;
    if (this.#dead || this.#vanishing) return true;
    if (this.#readBytes >= resetAfterBytes) {
      this.#break('reset');
      return true;
    }
    if (this.#readBytes < endAfterBytes || this.#orphaned || !this.#receiver!.takesEnd) return false;
    this.#vanishing = true;
    this.#flight = [];
    this.#flightBytes = 0;
    this.#giveEnd();
    this.#takeSoon();
    return true;
  }

  #break(why: string): void {
    this.#trace(why);
    this.#reset();
  }

  #trace(what: string, bytes?: Buffer): void {
    this.#simulation.trace.add(this.#name, what, bytes);
  }
}
