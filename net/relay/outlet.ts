// The source of a link: takes the requests that come on a connection here for a session in another shard, and sends there what comes back.
//
//   connection --head, body, end--> [ the tokens of this read, their octets ] ----> home
//              <--whole frames, in turn with others-- [ what has come ] <----------
//
// Bounded by credit: then the connection stops, and if others share it not for longer than `stallMs`. Until the home knows the session, no
// more than one read is taken.

import type { Transferable } from 'node:worker_threads';
import { ChunkParseError, type Continuation, copyOf, type Head, MSRPError, type URI } from '../../codec/index.ts';
import type { CoarseTimer } from '../coarse-timers.ts';
import type { Bound, Connection, Holder } from '../connection.ts';
import type { FrameSource, Outbox, Pulled } from '../outbox.ts';
import { bodyToken, creditBytes, factsOf, HeadSender, recordOf, type Token } from '../shards/index.ts';
import type { BodyTaker, Passage } from './roles.ts';
import { requestBytes, type ToHome, type ToSource } from './link-protocol.ts';

/** So much is not kept for more to come. */
const batchBytes = 262_144;

export interface OutletInit {
  readonly connection: Connection;
  readonly localUri: URI;
  readonly hops: number;
  readonly post: (message: ToHome, ...transfer: readonly Transferable[]) => void;
  /** The session is there. */
  readonly onKnown: () => void;
  /** It never was. */
  readonly onUnknown: () => void;
  /** It takes no requests any more. */
  readonly onEnded: () => void;
  /** Nothing comes back any more. */
  readonly onOver: () => void;
}

export class Outlet implements Bound, Passage, BodyTaker, FrameSource, Holder {
  isWaiting = false;
  readonly localUri: URI;
  readonly #connection: Connection;
  readonly #init: OutletInit;
  readonly #heads = new HeadSender();
  /** What has come since the last was sent, and the octets of its bodies. */
  #tokens: Token[] = [];
  #parts: Buffer[] = [];
  #cost = 0;
  /** Where the next octet stands among all that were sent. */
  #position = 0;
  /** The request that is arriving, or was when no more was taken: then nobody has answered it. */
  #head: Head | undefined;
  #uncredited = 0;
  #stall: CoarseTimer | undefined;
  #isKnown = false;
  #isOpen = true;
  #isOver = false;
  /** It has stopped others for too long. */
  #isRefusing = false;
  readonly #frames: Uint8Array[] = [];
  /** Nothing comes behind these frames. */
  #isLast = false;

  constructor(init: OutletInit) {
    this.#init = init;
    this.#connection = init.connection;
    this.localUri = init.localUri;
    init.post({ kind: 'open', hops: init.hops, facts: factsOf(init.connection.socket) });
    init.connection.hold(this);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  begin(head: Head): BodyTaker {
    this.onHead(head);
    return this;
  }

  onHead(head: Head): void {
    this.#head = undefined;
    if (this.#isRefusing) return this.#connection.respond(head, 408);
    this.#head = head;
    const token = this.#heads.token(head, this.#position);
    this.#add(token, costOf(token));
  }

  onBody(bytes: Buffer, more: boolean): void {
    if (this.#head === undefined || !this.#isOpen) return;
    this.#parts.push(bytes);
    this.#position += bytes.length;
    this.#add(bodyToken(bytes.length, more), bytes.length);
  }

  onEnd(flag: Continuation): void {
    if (this.#head === undefined || !this.#isOpen) return;
    this.#head = undefined;
    this.#add(flag, 0);
  }

  #add(token: Token, cost: number): void {
    this.#cost += cost;
    if (this.#tokens.push(token) === 1) this.#sendLater(0);
  }

  /** What costs most is not the octets but each message between threads: while more comes in each turn, it goes with the rest. */
  #sendLater(before: number): void {
    this.#connection.settings.network.defer(() => {
      const cost = this.#cost;
      if (cost > before && cost < batchBytes && this.#isKnown) this.#sendLater(cost);
      else this.#send();
    });
  }

  #send(): void {
    if (this.#tokens.length === 0 || !this.#isOpen) return;
    const { lookAlikes } = this.#connection.decoder;
    const bytes = copyOf(this.#parts);
    const openPart = this.#head === undefined ? undefined : 'body';
    const read = { bytes, tokens: this.#tokens, openPart, openOffset: 0, cost: this.#cost } as const;
    this.#uncredited += this.#cost;
    this.#tokens = [];
    this.#parts = [];
    this.#cost = 0;
    this.#init.post({ kind: 'read', ...read, ...(lookAlikes !== undefined && { lookAlikes }) }, bytes.buffer);
    this.#check();
  }

  /** Whether the connection goes on. */
  #check(): void {
    if (this.#isKnown && this.#uncredited < creditBytes) {
      this.#stall?.cancel();
      this.#stall = undefined;
      this.#connection.go(this);
    } else if (this.#isOpen && this.#connection.isOpen) {
      this.#connection.stop(this);
      const { timers, limits } = this.#connection.settings;
      this.#stall ??= timers.start(limits.stallMs, () => this.#onStall());
    }
  }

  #onStall(): void {
    if (this.#connection.sessions <= 1) return this.#stall?.restart();
    this.#isRefusing = true;
    this.#close(new MSRPError('MSRP_ERR_CLOSED', 'the session did not take what came for it', { scope: 'session' }));
  }

  onMessage(message: ToSource): void {
    switch (message.kind) {
      case 'known':
        this.#isKnown = true;
        this.#init.onKnown();
        return this.#check();
      case 'credit':
        this.#uncredited -= message.bytes;
        return this.#check();
      case 'write':
        this.#frames.push(message.bytes);
        return this.#connection.outbox.want(this);
      case 'idle':
        return this.#onIdle();
      case 'end':
        this.#isLast = true;
        return this.#endIfLast();
      case 'destroy':
        return this.lose();
    }
  }

  pull(outbox: Outbox): Pulled {
    const next = this.#frames.shift();
    if (next !== undefined) {
      const { buffer, byteOffset, byteLength } = next;
      outbox.frame([Buffer.from(buffer, byteOffset, byteLength)], { onWritten: () => this.#onWritten() });
    }
    return this.#frames.length > 0 ? 'more' : 'idle';
  }

  #onWritten(): void {
    if (!this.#isOver) this.#init.post({ kind: 'written' });
    this.#endIfLast();
  }

  #endIfLast(): void {
    if (this.#isLast && this.#frames.length === 0) this.#close(undefined);
  }

  /** The home has no session for it, or none any more: it answers what has come until now. */
  #onIdle(): void {
    this.#send();
    this.#head = undefined;
    if (!this.#isOpen) return;
    this.#endRequests(undefined);
    if (!this.#isKnown) this.#init.onUnknown();
    else if (this.#connection.sessions === 0) this.#connection.release();
  }

  /** The session that it belongs to here is over: who was sending something is told, when it is known that the home has not done so. */
  end(error?: Error): void {
    if (!this.#isOpen) return;
    if (!this.#connection.isOpen) return this.onClose(error);
    this.#send();
    this.#endRequests(this.#head && new MSRPError('MSRP_ERR_CLOSED', 'the session ended within a request'));
  }

  /** Nothing more comes. What came before an end in order is still taken, and answered. */
  onClose(error?: Error): void {
    this.#send();
    if (error === undefined || error instanceof ChunkParseError) this.#endRequests(error);
    else this.#close(error);
  }

  onGone(error?: Error): void {
    this.#close(error);
  }

  /** The other shard wants no more of the connection, or is gone. */
  lose(): void {
    const wasOpen = this.#isOpen;
    this.#close(undefined);
    if (wasOpen && this.#connection.sessions === 0) this.#connection.destroy();
  }

  #endRequests(error: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#init.post({ kind: 'ended', error: error && recordOf(error) });
    this.#leave();
  }

  #leave(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    this.#connection.go(this);
    if (!this.#isRefusing) this.#init.onEnded();
  }

  #close(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#init.post({ kind: 'closed', error: error && recordOf(error) });
    this.#connection.outbox.forget(this);
    this.#connection.letGo(this);
    if (this.#head !== undefined) this.#connection.respond(this.#head, this.#isOpen ? 408 : 481);
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#leave();
    }
    this.#init.onOver();
  }
}

/** Of a head: fields cross with the first that has them, and may be long. */
function costOf(token: Token): number {
  const fields = typeof token === 'object' && token.kind === 'head' ? token.head.fields : [];
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, requestBytes);
}
