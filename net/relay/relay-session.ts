// What a relay has given to a user: a URI with a secret, for one session (RFC 4976 section 6.3). It belongs to the connection that the AUTH
// came on, or to the relay that the AUTH came from if that has proved its name; and it ends with that connection, or when its time is over.

import type { URI } from '../../codec/index.ts';
import type { CoarseTimer } from '../coarse-timers.ts';
import type { Connection } from '../connection.ts';
import type { Settings } from '../options.ts';
import type { RelayCounters } from './relay-counters.ts';
import type { RelayLeg } from './roles.ts';

export interface RelaySessionInit {
  /** What Use-Path names. */
  readonly uri: URI;
  readonly username: string;
  /** The first URI of the way back to the owner. */
  readonly back: URI;
  /** The connection that the AUTH came on. */
  readonly connection: Connection;
  /** The name of the relay that it came from, if that showed a certificate: then any connection of that relay is good (R4976-6.3-7). */
  readonly relayHost: string | undefined;
  /** One for each user, connection and way back: a second AUTH extends the session. */
  readonly key: string;
}

export class RelaySession {
  readonly uri: URI;
  readonly username: string;
  readonly back: URI;
  readonly relayHost: string | undefined;
  readonly key: string;
  /** The connection of the owner, of a session that is not its relay's. */
  readonly #connection: Connection;
  readonly legs: Set<RelayLeg> = new Set();
  #timer: CoarseTimer | undefined;
  #isOpen = true;
  readonly #onEnd: (session: RelaySession) => void;

  constructor(init: RelaySessionInit, onEnd: (session: RelaySession) => void) {
    this.uri = init.uri;
    this.username = init.username;
    this.back = init.back;
    this.relayHost = init.relayHost;
    this.key = init.key;
    this.#connection = init.connection;
    this.#onEnd = onEnd;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** It is good for so many seconds from now. */
  extend(seconds: number, { timers }: Settings): void {
    this.#timer?.cancel();
    this.#timer = timers.start(seconds * 1000, () => this.end());
  }

  /** Whether `connection` is the one of the owner. */
  isOwnedBy(connection: Connection): boolean {
    return this.relayHost === undefined && connection === this.#connection;
  }

  legOn(connection: Connection): RelayLeg | undefined {
    for (const leg of this.legs) if (leg.connection === connection) return leg;
    return undefined;
  }

  /** A leg that is good for something and leads to where it should. */
  legTo(isRight: (leg: RelayLeg) => boolean): RelayLeg | undefined {
    for (const leg of this.legs) if (leg.connection.isOpen && isRight(leg)) return leg;
    return undefined;
  }

  onLegClosed(leg: RelayLeg): void {
    if (this.isOwnedBy(leg.connection)) this.end();
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#timer?.cancel();
    this.#onEnd(this);
    for (const leg of this.legs) leg.finish();
  }
}

/** All sessions of a relay, by the secret of their URI. */
export class RelaySessions {
  readonly #byToken = new Map<string, RelaySession>();
  readonly #byKey = new Map<string, RelaySession>();
  readonly #ofUser = new Map<string, number>();
  readonly #counters: RelayCounters;
  #onEmpty: (() => void) | undefined;
  /** How many a user has, now. */
  onCount: ((username: string, count: number) => void) | undefined;

  constructor(counters: RelayCounters) {
    this.#counters = counters;
  }

  get size(): number {
    return this.#byToken.size;
  }

  /** The one that `uri` names. */
  find({ sessionId }: URI): RelaySession | undefined {
    return sessionId === undefined ? undefined : this.#byToken.get(sessionId);
  }

  findByKey(key: string): RelaySession | undefined {
    return this.#byKey.get(key);
  }

  countOf(username: string): number {
    return this.#ofUser.get(username) ?? 0;
  }

  open(init: RelaySessionInit): RelaySession {
    const session = new RelaySession(init, (ended) => this.#remove(ended));
    this.#byToken.set(session.uri.sessionId!, session);
    this.#byKey.set(session.key, session);
    this.#count(session.username, 1);
    return session;
  }

  #count(username: string, change: number): void {
    const count = this.countOf(username) + change;
    if (count > 0) this.#ofUser.set(username, count);
    else this.#ofUser.delete(username);
    this.#counters.sessions += change;
    this.onCount?.(username, count);
  }

  /** Everybody who has one, and how many. */
  get users(): ReadonlyMap<string, number> {
    return this.#ofUser;
  }

  #remove(session: RelaySession): void {
    this.#byToken.delete(session.uri.sessionId!);
    this.#byKey.delete(session.key);
    this.#count(session.username, -1);
    if (this.size === 0) this.#onEmpty?.();
  }

  /** Resolves when none is left, or after so many milliseconds. */
  ended({ timers }: Settings, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timers.start(ms, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  endAll(): void {
    for (const session of this.#byToken.values()) session.end();
  }
}
