// One socket, one decoder, one writer. Octets from the socket become tokens, and each frame goes to the session that its To-Path names:
//
//   socket --octets--> decoder --head, body, end--> route by To-Path --> session
//   socket <--writev-- outbox  <-- responses at once, frames of the sessions in turn
//
// Frames for nobody are answered with what the owner says (481, 506), or dropped. The connection lives as long as its sessions want.
// Memory: one read, what sessions hold unread (each up to `unreadBytes`, then the socket stops), and the outbox.

import {
  type ByteRange,
  ChunkDecoder,
  type ChunkParseError,
  type ChunkSink,
  type Continuation,
  type Head,
  MSRPError,
  type URI,
} from '../codec/index.ts';
import { FrameWatch } from './frame-watch.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import { channels, publishSent } from './diagnostics.ts';
import { Outbox } from './outbox.ts';
import type { Settings } from './options.ts';
import { formatResponse, mayReport, mayRespond, ReplyFormat } from './replies.ts';
import type { Decoder, Socket, SocketHandler } from './socket.ts';
import { hostPort } from './tls.ts';
import { TrafficLog } from './traffic-log.ts';
import { matchKey } from './uris.ts';
import { WriteWatch } from './write-watch.ts';

/** A session bound to a connection: takes the frames for its URI, after {@link ChunkSink}. */
export interface Bound extends ChunkSink {
  readonly localUri: URI;
  /** The connection is gone, and this session with it (R4975-5.4-10). Without `error` the peer closed in order. */
  onClose(error?: Error): void;
}

/** Answers later, for it is elsewhere that what came is dealt with: until it lets go, our direction does not end behind the peer's. */
export interface Holder {
  /** The connection is gone. */
  onGone(error?: Error): void;
}

/** Whoever opened or accepted the connection. */
export interface ConnectionOwner {
  /**
   * A request for a URI that no session on this connection has. Returns the session that it binds, which the connection has then been
   * given by `bind`, or the code to refuse it with, or undefined when it has been refused.
   */
  admit(connection: Connection, head: Head): Bound | number | undefined;
  /** Takes what is on its way through as well: a path of any length goes to the session of its first URI. Default false. */
  readonly isRelay?: boolean;
  onClose?(connection: Connection, error?: Error): void;
  /** No session is left. Default: it is closed. */
  onIdle?(connection: Connection): void;
}

/** How long a closing connection waits for the peer's end, so that what we sent last is not lost to a reset. */
const lingerMs = 5_000;

export class Connection implements SocketHandler {
  readonly socket: Socket;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly #owner: ConnectionOwner;
  /** Says where in the stream it is, within a method of a session. */
  readonly decoder: Decoder;
  /** The read that is being dealt with. */
  input: Buffer | undefined;
  readonly #watch: FrameWatch;
  readonly #writeWatch: WriteWatch;
  readonly #traffic: TrafficLog | undefined;
  readonly #replies = new ReplyFormat();
  readonly #sessions = new Map<string, Bound>();
  /** Why the socket is stopped: sessions that hold too much, and the outbox. */
  #stops: object[] = [];
  /** The path routed last and where it led: chunks of one message share it. */
  #lastPath: readonly URI[] | undefined;
  #lastSession: Bound | undefined;
  /** Whom the current frame goes to; undefined: nobody. */
  #current: Bound | undefined;
  #badRequests = 0;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #holders: Holder[] = [];
  /** The peer has ended its direction. */
  #isEnded = false;
  #lingerTimer: CoarseTimer | undefined;

  constructor(socket: Socket, settings: Settings, owner: ConnectionOwner) {
    this.socket = socket;
    this.settings = settings;
    this.#owner = owner;
    const { options, limits, logger } = settings;
    this.#traffic = options.traffic && logger && new TrafficLog(logger, socket, options.traffic === 'bodies');
    this.outbox = new Outbox(socket, settings.network, limits.unsentBytes, {
      onFull: () => this.stop(this.outbox),
      onRoom: () => this.go(this.outbox),
      onFlush: (buffers, bytes) => this.#onFlush(buffers, bytes),
    });
    this.decoder = socket.decode?.(this.#sink()) ?? new ChunkDecoder(this.#sink(), options);
    const isStopped = (): boolean => this.#stops.length > 0;
    this.#watch = new FrameWatch(this.decoder, settings, isStopped, (error) => this.#reject(error));
    this.#writeWatch = new WriteWatch(socket, settings, (error) => this.#reject(error));
    socket.attach(this);
    socket.resume();
    if (channels.open.hasSubscribers) channels.open.publish({ connection: this });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** How many sessions share it. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** From now on `session` gets the frames for its URI. Throws `MSRP_ERR_STATE` when another one has that URI here. */
  bind(session: Bound): void {
    const key = this.#keyOf(session.localUri);
    if (this.#sessions.has(key)) {
      throw new MSRPError('MSRP_ERR_STATE', 'that URI is in use on the connection', { scope: 'session' });
    }
    this.#sessions.set(key, session);
    this.#lastPath = undefined;
  }

  /** The session has ended: later frames for its URI are answered with 481. */
  unbind(session: Bound): void {
    if (!this.#sessions.delete(this.#keyOf(session.localUri))) return;
    this.#lastPath = undefined;
    if (this.#current === session) this.#current = undefined;
    this.go(session);
  }

  /** No more is read until `who` lets go. */
  stop(who: object): void {
    if (this.#stops.length === 0) this.socket.pause();
    if (!this.#stops.includes(who)) this.#stops.push(who);
  }

  go(who: object): void {
    if (!this.#stops.includes(who)) return;
    this.#stops = this.#stops.filter((other) => other !== who);
    if (this.#stops.length === 0) this.socket.resume();
  }

  /** Answers `request`, if section 7 has it answered. */
  respond(request: Head, code: number): void {
    if (mayRespond(request, code)) this.outbox.control(this.#replies.response(request, code));
  }

  /** Reports on octets of the message of `request`, if section 7 has it reported. */
  report(request: Head, range: ByteRange, code: number): void {
    if (!mayReport(request, code) || request.messageId === undefined) return;
    this.outbox.control(this.#replies.report(request, this.settings.idents.transactionId(), range, code));
  }

  /** Its last session has ended in order: its owner may keep it for others. */
  release(): void {
    if (this.#owner.onIdle === undefined) this.close();
    else this.#owner.onIdle(this);
  }

  /** Ends our direction once all is written; the socket closes when the peer has ended its own, or soon after. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#linger();
    this.outbox.end();
  }

  /** Closes at once: what is not written is lost. All sessions fail with `error`. */
  destroy(error?: Error): void {
    this.socket.destroy(error);
    this.#fail(error);
  }

  onData(input: Buffer): void {
    if (this.#state !== 'open') return;
    this.#traffic?.received(input);
    this.input = input;
    try {
      this.decoder.write(input);
      if (this.isOpen) this.#watch.onRead();
    } catch (error) {
      this.#reject(error as Error);
    }
    this.input = undefined;
  }

  onDrain(): void {
    this.outbox.onDrain();
  }

  #onFlush(buffers: readonly Buffer[], bytes: number): void {
    this.#writeWatch.onWrite(bytes);
    this.#traffic?.sent(buffers);
    if (channels.sent.hasSubscribers) publishSent(this, buffers);
  }

  /** FIN: what was received has been processed and is answered; the sessions have failed, nothing else is sent (D-CONN-7). */
  onEnd(): void {
    let error: Error | undefined;
    if (this.#state === 'open') {
      try {
        this.decoder.end();
      } catch (truncated) {
        error = truncated as Error;
      }
      this.#linger();
    }
    this.#isEnded = true;
    this.#endIfAnswered();
    this.#endSessions(error);
  }

  hold(holder: Holder): void {
    this.#holders.push(holder);
  }

  letGo(holder: Holder): void {
    const at = this.#holders.indexOf(holder);
    if (at === -1) return;
    this.#holders.splice(at, 1);
    this.#endIfAnswered();
  }

  #endIfAnswered(): void {
    if (this.#isEnded && this.#holders.length === 0) this.outbox.end(true);
  }

  onClose(error?: Error): void {
    this.#fail(error);
  }

  /** Reads on, to no purpose but to see the peer's end, and not for ever: a reset would take from the peer what we sent last. */
  #linger(): void {
    this.#state = 'closing';
    this.#watch.close();
    this.#stops = [];
    this.socket.resume();
    this.#lingerTimer = this.settings.timers.start(lingerMs, () => this.socket.destroy());
  }

  #fail(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#watch.close();
    this.#writeWatch.close();
    this.#lingerTimer?.cancel();
    this.outbox.close();
    this.#endSessions(error);
    for (const holder of this.#holders.splice(0)) holder.onGone(error);
    this.#owner.onClose?.(this, error);
    if (channels.close.hasSubscribers) channels.close.publish({ connection: this, error });
  }

  #endSessions(error: Error | undefined): void {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.#lastPath = undefined;
    this.#current = undefined;
    for (const session of sessions) session.onClose(error);
  }

  /** The peer has done what we do not put up with. What it did before is answered, where the system takes that at once. */
  #reject(error: Error): void {
    this.settings.logger?.warn(`${this.peerName}: ${error.message}; closing`);
    this.outbox.flush();
    this.destroy(error);
  }

  /** `address:port` of the peer. */
  get peerName(): string {
    return hostPort(this.socket.remoteAddress, this.socket.remotePort);
  }

  #sink(): ChunkSink {
    return {
      onHead: (head) => this.#onHead(head),
      onBody: (bytes, more) => this.#current?.onBody(bytes, more),
      onEnd: (flag) => this.#onEnd(flag),
      onInvalid: (error, head) => this.#onInvalid(error, head),
    };
  }

  #onHead(head: Head): void {
    // Closed because of a frame before, in the same read.
    if (this.#state !== 'open') return;
    if (channels.received.hasSubscribers) channels.received.publish({ connection: this, head });
    this.#current = this.#route(head);
    this.#current?.onHead(head);
  }

  #onEnd(flag: Continuation): void {
    const current = this.#current;
    this.#current = undefined;
    current?.onEnd(flag);
  }

  #route(head: Head): Bound | undefined {
    const path = head.toPath;
    if (path === this.#lastPath) return this.#lastSession;
    const session = this.#isOurs(path) ? this.#sessions.get(this.#keyOf(path[0]!)) : undefined;
    if (session === undefined) return this.#admit(head);
    this.#lastPath = path;
    this.#lastSession = session;
    return session;
  }

  #isOurs(path: readonly URI[]): boolean {
    return path.length === 1 || this.#owner.isRelay === true;
  }

  /** R4975-7.3-1: a request for no session here. */
  #admit(head: Head): Bound | undefined {
    if (head.method === undefined) return this.#askerOf(head);
    const admitted = this.#isOurs(head.toPath) ? this.#owner.admit(this, head) : 481;
    if (typeof admitted === 'object') return admitted;
    if (admitted !== undefined) this.respond(head, admitted);
    // Relays share connections: the rest of a session that is over is no reason to end the others.
    if (this.#owner.isRelay !== true || this.#sessions.size === 0) this.countBad('a request for no session here');
    return undefined;
  }

  /** A response may come with paths that its sender got wrong, such as those of the request: it is for any URI of ours that they name. */
  #askerOf({ toPath, fromPath }: Head): Bound | undefined {
    if (this.#sessions.size === 1) return [...this.#sessions.values()][0];
    const named = [...toPath, ...fromPath].find((uri) => this.#sessions.has(this.#keyOf(uri)));
    return named && this.#sessions.get(this.#keyOf(named));
  }

  #onInvalid(error: ChunkParseError, head: Head): void {
    this.settings.logger?.debug(`${this.peerName}: ${error.message}`);
    this.#current = undefined;
    if (error.action === 'respond') {
      const code = error.status ?? 400;
      this.outbox.control(formatResponse(head, code, this.#ownUri(head)));
    }
    this.countBad(error.message);
  }

  /** Who answers a malformed request: whom it named, if that can be read, or else a session here, or this end of the connection. */
  #ownUri(head: Head): string {
    try {
      const [first] = head.toPath;
      if (first !== undefined) return String(first);
    } catch {
      // It names nobody.
    }
    const [session] = this.#sessions.values();
    if (session !== undefined) return String(session.localUri);
    const { localAddress, localPort, encrypted } = this.socket;
    return `${encrypted ? 'msrps' : 'msrp'}://${hostPort(localAddress, localPort)};tcp`;
  }

  /** D-ERR-5 and D-CONN-4: several bad requests close the connection. */
  countBad(what: string): void {
    if (++this.#badRequests <= this.settings.limits.badRequests || this.#state !== 'open') return;
    this.#reject(new MSRPError('MSRP_ERR_CLOSED', `too many bad requests, the last one: ${what}`));
  }

  #keyOf(uri: URI): string {
    return matchKey(uri, this.settings.match);
  }
}
