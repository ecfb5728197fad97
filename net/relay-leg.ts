// Our URI at a relay: a connection on which AUTH gave us a path, kept alive for the one session that it is for (R4976-3.1-1).
//
//   open: connect, AUTH with each relay of the chain --> held --a session is bound--> kept --the session ends--> over
//                                                          '---------- connection lost, or renewal refused ------^
//
// On the connection it stands where a session stands, for its URI. The responses to its own AUTHs it takes itself; all else goes to the
// session, or to `admit` as long as there is none. It renews in time: R4976-9.4-1 and D-AUTH-5.

import { type Chunk, type ChunkSink, type Continuation, type Head, MSRPError, type URI } from '../codec/index.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import type { Bound, Connection } from './connection.ts';
import { abortedError } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPAuthTimeout } from './errors.ts';
import type { SessionPlace } from './msrp-transport.ts';
import type { Settings } from './options.ts';
import { type Grant, RelayAuth } from './relay-auth.ts';
import type { MSRPRelaySettings } from './relay-settings.ts';
import { isSamePath } from './uris.ts';

/** When to renew, as a part of the time granted. */
const renewAfter = 0.8;

/** A relay that grants no time worth the name is not asked more often than this. */
const leastRenewalMs = 1_000;

/** A renewal that failed is tried again in half of what time is left, if that is at least so long. */
const leastRetryMs = 5_000;

/** A path is renewed long before it expires: of those that a relay gave, two work at most. */
const knownPaths = 2;

interface Asked {
  readonly id: string;
  resolve(response: Head): void;
  reject(error: Error): void;
}

/** See `ConnectOptions`. */
export interface LegEvents {
  onPathChange?: ((fullLocalPath: URI[]) => Promise<void> | void) | undefined;
}

export class RelayLeg implements Bound, SessionPlace {
  readonly localUri: URI;
  readonly connection: Connection;
  /** What a request for us, for whom there is no session yet, binds; or the code to refuse it with. */
  admit: (connection: Connection, head: Head) => Bound | number = () => 481;
  /** There will be no session any more. */
  onOver: (error: Error) => void = () => {};
  readonly #settings: Settings;
  readonly #events: LegEvents;
  readonly #auths: readonly RelayAuth[];
  readonly #abort = new AbortController();
  #usePath: readonly URI[] = [];
  /** What the relays gave last and before, each valid until it expires. */
  #known: readonly (readonly URI[])[] = [];
  #asked: Asked | undefined;
  /** The response to what we asked, until its end has come. */
  #answer: Head | undefined;
  #session: Bound | undefined;
  #isKept = false;
  /** Whom the current frame is for. */
  #current: ChunkSink | undefined;
  #renewal: CoarseTimer | undefined;
  #expiresAt = Number.POSITIVE_INFINITY;
  #over: Error | undefined;

  constructor(
    connection: Connection,
    localUri: URI,
    relays: readonly MSRPRelaySettings[],
    settings: Settings,
    o: LegEvents,
  ) {
    this.connection = connection;
    this.localUri = localUri;
    this.#settings = settings;
    this.#events = o;
    this.#auths = relays.map((relay) => new RelayAuth(relay, settings));
    connection.bind(this);
  }

  /** What goes before the peer's path in To-Path, the nearest relay first: as it was offered to the peer last. */
  get usePath(): readonly URI[] {
    return this.#usePath;
  }

  peerPath(fromPath: readonly URI[]): readonly URI[] | undefined {
    const ours = this.#known.find((path) => isSamePath(fromPath.slice(0, path.length), path, 'path'));
    return ours === undefined || ours.length === fromPath.length ? undefined : fromPath.slice(ours.length);
  }

  /** For the SDP: the furthest relay first, ourselves last (R4976-5.1-7). */
  fullLocalPath(usePath: readonly URI[] = this.#usePath): URI[] {
    return [...usePath.toReversed(), this.localUri];
  }

  /** Why there is no leg any more. */
  get over(): Error | undefined {
    return this.#over;
  }

  /** The first AUTH. When it rejects the leg is over. */
  async authenticate(signal: AbortSignal): Promise<void> {
    try {
      this.#usePath = (await this.#run(signal)).usePath;
    } catch (error) {
      this.end(error as Error);
      // A relay that does not answer is of no use to the next one either.
      if (error instanceof MSRPAuthTimeout && this.connection.sessions === 0) this.connection.destroy(error);
      throw error;
    }
  }

  /** AUTH with each relay, the nearest first, each through those before (R4976-5.1-1); the shortest time counts. */
  async #run(signal: AbortSignal): Promise<Grant> {
    const startedAt = this.#settings.clock.now();
    let grant: Grant = { usePath: [], expires: undefined };
    let expires = Number.POSITIVE_INFINITY;
    for (const auth of this.#auths) {
      grant = await auth.run(this.localUri, grant.usePath, (request) => this.#ask(request, signal));
      expires = Math.min(expires, grant.expires ?? expires);
    }
    this.#known = [grant.usePath, ...this.#known].slice(0, knownPaths);
    this.#expiresAt = startedAt + expires * 1000;
    this.#renewIn(Math.max(expires * 1000 * renewAfter, leastRenewalMs));
    return grant;
  }

  #renewIn(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY || this.#over !== undefined) return;
    this.#renewal = this.#settings.timers.start(ms, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      const { usePath } = await this.#run(this.#abort.signal);
      if (!isSamePath(usePath, this.#usePath, 'path')) void this.#changePath(usePath);
    } catch (error) {
      this.#onRenewalFailed(error as Error);
    }
  }

  /** The session goes on over the old path until the peer knows the new one. */
  async #changePath(usePath: readonly URI[]): Promise<void> {
    const { onPathChange } = this.#events;
    const { logger } = this.#settings;
    const { peerName } = this.connection;
    if (onPathChange === undefined) return logger?.warn(`${peerName}: the relay gave another path, nobody offers it`);
    try {
      await onPathChange(this.fullLocalPath(usePath));
      this.#usePath = usePath;
    } catch (error) {
      logger?.warn(`${peerName}: the new path was not agreed on: ${(error as Error).message}`);
    }
  }

  #onRenewalFailed(error: Error): void {
    if (this.#over !== undefined) return;
    this.#settings.logger?.warn(`${this.connection.peerName}: renewal failed: ${error.message}`);
    const retryMs = (this.#expiresAt - this.#settings.clock.now()) / 2;
    if (retryMs >= leastRetryMs) this.#renewIn(retryMs);
    else this.end(error);
  }

  #ask(request: Chunk, signal: AbortSignal): Promise<Head> {
    const { authMs } = this.#settings.timeouts;
    const late = (): Error => new MSRPAuthTimeout(`AUTH with ${this.connection.peerName}`, authMs);
    return withDeadline(this.#settings, authMs, [signal], late, async (stop) => {
      try {
        return await unlessAborted(this.#exchange(request), stop, () => abortedError('AUTH', stop));
      } finally {
        this.#asked = undefined;
      }
    });
  }

  #exchange(request: Chunk): Promise<Head> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (!this.connection.isOpen) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#asked = { id: request.transactionId, resolve, reject };
      this.connection.outbox.controlChunk(request);
    });
  }

  onHead(head: Head): void {
    this.#current = undefined;
    this.#answer = head.code !== undefined && head.transactionId === this.#asked?.id ? head : undefined;
    if (this.#answer === undefined) this.#current = this.#session ?? this.#admit(head);
    this.#current?.onHead(head);
  }

  #admit(head: Head): ChunkSink | undefined {
    const admitted = this.admit(this.connection, head);
    if (typeof admitted !== 'number') return admitted;
    this.connection.respond(head, admitted);
    return undefined;
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#current?.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    if (this.#answer !== undefined) this.#asked?.resolve(this.#answer);
    this.#answer = undefined;
    this.#current?.onEnd(flag);
    this.#current = undefined;
  }

  /** The connection is gone. */
  onClose(error?: Error): void {
    this.#end(error ?? closedError(), error);
  }

  /** For the session that is bound here. One at a time. */
  bind(session: Bound): void {
    if (this.#over !== undefined) throw this.#over;
    this.#session = session;
  }

  /** A session that was only tried leaves the place to another; the one that the leg is kept for takes it along. */
  unbind(session: Bound): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#current = undefined;
    this.connection.go(session);
    if (this.#isKept) this.#leave(new MSRPError('MSRP_ERR_CLOSED', 'the session has ended'));
  }

  /** The leg lives from now on as long as `session`, which may be over already. */
  keepFor(session: Bound): void {
    this.#isKept = true;
    if (this.#session !== session) this.end(new MSRPError('MSRP_ERR_CLOSED', 'the session has ended'));
  }

  /** Gives the URI up, and the connection if it serves nobody else. A session that is bound here fails with `error`. */
  end(error: Error): void {
    if (this.#over !== undefined) return;
    this.#end(error, error);
    if (this.connection.sessions === 0) this.connection.release();
  }

  #end(reason: Error, error: Error | undefined): void {
    const session = this.#session;
    this.#leave(reason);
    this.#session = undefined;
    this.#current = undefined;
    if (session !== undefined) this.connection.go(session);
    session?.onClose(error);
    this.onOver(reason);
  }

  #leave(reason: Error): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#renewal?.cancel();
    this.#abort.abort(reason);
    this.#asked?.reject(reason);
    this.connection.unbind(this);
  }
}

function closedError(): MSRPError {
  return new MSRPError('MSRP_ERR_CLOSED', 'the relay closed the connection');
}
