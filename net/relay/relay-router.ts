// Which way a request goes, if any. The rule that no relay is open (R4976-6.4-1, 6.4-2) is `#routeOf`:
//
//   To-Path   ours   next …        `ours` is a URI that we gave out, and
//                                  next is the way back to its owner (inbound), or the request came from its owner (outbound)
//
// It also knows all parts of the relay, and makes them.

import { type Head, MSRPError, type URI } from '../../codec/index.ts';
import type { Bound, Connection } from '../connection.ts';
import type { Settings } from '../options.ts';
import { systemRandom } from '../random.ts';
import { mayRespond } from '../replies.ts';
import { Authentication, type Grants } from './authentication.ts';
import { Flow } from './flow.ts';
import { Leg, type Router } from './leg.ts';
import { NextHops } from './next-hops.ts';
import { OwnNames } from './own-names.ts';
import type { Peer } from './peer.ts';
import type { RelayContext } from './relay-context.ts';
import { RelayCounters } from './relay-counters.ts';
import { RelayListeners } from './relay-listeners.ts';
import { type RelayOptions, type RelayRules, relaySettingsOf, rulesOf } from './relay-options.ts';
import { type RelaySession, RelaySessions } from './relay-session.ts';
import type { Passage, RelayLeg } from './roles.ts';
import { type Neighbour, Neighbours } from './neighbours.ts';
import type { Outlet } from './outlet.ts';

/** From here on another shard knows. */
interface Elsewhere {
  readonly moved: number;
  readonly home: Neighbour;
}

interface Route {
  /** How many URIs of To-Path are ours, and the session of the last one. */
  readonly moved: number;
  readonly session: RelaySession;
  /** Whom it goes to. */
  readonly next: URI;
  readonly isInbound: boolean;
}

/** Which shard of a relay one is, and where it counts. */
export interface ShardPlace {
  readonly index: number;
  readonly counters: RelayCounters;
}

export class RelayRouter implements Router, Grants {
  readonly context: RelayContext & { limits: RelayRules['limits'] };
  readonly names: OwnNames;
  readonly sessions: RelaySessions;
  readonly authentication: Authentication;
  readonly nextHops: NextHops;
  readonly listeners: RelayListeners;
  /** Undefined where the relay has no shards. */
  readonly neighbours: Neighbours | undefined;
  readonly #settings: Settings;

  /** `shard`: where this is one of several. Throws `MSRP_ERR_ARGUMENT` for options that cannot be. */
  constructor(options: RelayOptions, shard?: ShardPlace) {
    const rules = rulesOf(options);
    const settings = relaySettingsOf(options);
    this.#settings = settings;
    const connect = (uri: URI): Promise<Connection> => this.nextHops.connect(uri);
    const counters = shard?.counters ?? new RelayCounters();
    this.context = { settings, limits: rules.limits, counters, connect };
    this.sessions = new RelaySessions(counters);
    this.names = new OwnNames(options.domains ?? [], options.publicUri);
    this.authentication = new Authentication(options, rules, settings, this.context.counters, this);
    const owner = { isRelay: true, admit: (connection: Connection, head: Head) => this.#admit(connection, head) };
    const onSize = (change: number): void => void (counters.nextHops += change);
    const { allowPrivateNextHops: allowPrivate = false, resolve, resolver, random = systemRandom } = options;
    this.nextHops = new NextHops(settings, { allowPrivate, resolve, resolver, random }, { ...owner, onSize });
    this.listeners = new RelayListeners(this.context, owner, () => this.authentication.newCounts());
    this.neighbours = shard && this.#neighboursOf(shard.index);
  }

  #neighboursOf(index: number): Neighbours {
    const { sessions, authentication } = this;
    const neighbours = new Neighbours(index, {
      settings: this.#settings,
      admit: (connection, head) => this.#admit(connection, head),
      onLink: (connection, hops) => void (this.listeners.peerOf(connection).hops = hops),
      onFailure: (address) => authentication.countFailureOf(address),
      users: sessions.users,
    });
    sessions.onCount = (username, count) => neighbours.tell({ kind: 'users', username, count });
    authentication.onFailure = (address) => neighbours.tell({ kind: 'failure', address });
    return neighbours;
  }

  #admit(connection: Connection, head: Head): Bound | undefined {
    const [first, next] = head.toPath;
    if (!this.names.has(first!)) {
      connection.destroy(new MSRPError('MSRP_ERR_CLOSED', 'a request for another relay'));
      return undefined;
    }
    const peer = this.listeners.peerOf(connection);
    if (next === undefined && head.method === 'AUTH' && !peer.isBarred) return this.#authenticator(peer, head);
    const own = head.toPath[peer.hops] ?? first!;
    const session = this.sessions.find(own);
    const home = session === undefined && !peer.isBarred ? this.neighbours?.homeOf(own) : undefined;
    if (home !== undefined) return this.#bindElsewhere(home, connection, first!);
    const route = peer.isBarred ? 403 : session === undefined ? 481 : this.#routeOf(session, connection, head);
    if (typeof route === 'number') {
      this.reject(connection, head, route);
      return undefined;
    }
    this.listeners.onMerit(connection);
    // Who comes by way of another session of ours is reached by that way alone.
    const remote = peer.hops > 0 ? '' : head.fromPath[0]!.key;
    return session!.legOn(connection) ?? this.#bind(session!, connection, first!, remote);
  }

  /** Another shard has the session: whatever comes for it here goes there. */
  #bindElsewhere(home: Neighbour, connection: Connection, localUri: URI): Bound {
    const outlet: Outlet = home.open({
      connection,
      localUri,
      hops: 0,
      onKnown: () => this.listeners.onMerit(connection),
      onUnknown: () => this.#onUnknown(connection),
      onEnded: () => connection.unbind(outlet),
    });
    connection.bind(outlet);
    return outlet;
  }

  /** Others that are asked for at the same time are no sessions yet: a stranger who asks for many that are not there is cut off. */
  #onUnknown(connection: Connection): void {
    if (connection.sessions > 0 && this.listeners.hasMerit(connection)) return;
    connection.countBad('a request for no session here');
  }

  #authenticator(peer: Peer, head: Head): Bound {
    const { connection } = peer;
    return {
      localUri: head.toPath[0]!,
      onHead: () => {},
      onBody: () => {},
      onEnd: () => void this.authentication.answer(peer, head),
      onClose: () => void connection,
    };
  }

  #bind(session: RelaySession, connection: Connection, localUri: URI, remote: string): Leg {
    const leg = new Leg(session, connection, localUri, remote, this);
    connection.bind(leg);
    session.legs.add(leg);
    return leg;
  }

  /** A user has proved who it is: it gets a token, or the one that it has for longer. */
  grant(peer: Peer, head: Head, username: string, seconds: number): { usePath: string } | number {
    const { connection } = peer;
    const [back] = head.fromPath as readonly [URI];
    const relayHost = peer.isRelay && back.useTLS ? back.host : undefined;
    const key = `${relayHost ?? peer.id} ${JSON.stringify(username)} ${head.fromPath.join(' ')}`;
    let session = this.sessions.findByKey(key);
    if (session === undefined) {
      const count = this.sessions.countOf(username) + (this.neighbours?.countOf(username) ?? 0);
      if (count >= this.context.limits.sessionsPerUser) return 403;
      const secret = this.#settings.idents.sessionId();
      const uri = this.names.tokenUri(connection.socket.localPort, this.neighbours?.tokenOf(secret) ?? secret);
      session = this.sessions.open({ uri, username, back, connection, relayHost, key });
    }
    if (session.legOn(connection) === undefined) this.#bind(session, connection, session.uri, session.back.key);
    session.extend(seconds, this.#settings);
    this.listeners.onMerit(connection);
    const inner = head.fromPath.slice(0, -1).toReversed();
    return { usePath: [...inner, session.uri].join(' ') };
  }

  get counters(): RelayCounters {
    return this.context.counters;
  }

  get mostUnanswered(): number {
    return this.context.limits.unansweredRequests;
  }

  reject(connection: Connection, head: Head, code: number): void {
    this.context.counters.rejected++;
    // Only a SEND is answered, and what asks for an endpoint here (D-RELAY-2).
    if (head.method === 'SEND' || head.toPath.length === 1) {
      if (mayRespond(head, code)) connection.respond(head, code);
    }
  }

  /** R4976-6.3-17: whoever tries passwords elsewhere through us. */
  onAnswered(connection: Connection, request: Head, response: Head): void {
    if (request.method !== 'AUTH' || !request.headers.has('Authorization') || response.code !== 401) return;
    const isStale = response.headers.all('WWW-Authenticate').some((challenge) => /stale="?true/i.test(challenge));
    if (!isStale) this.authentication.countForwardedFailure(this.listeners.peerOf(connection));
  }

  flowFor(leg: RelayLeg, session: RelaySession, head: Head): Passage | number {
    const path = head.toPath.join(' ');
    const known = leg.flows.get(path);
    if (known !== undefined) return known.isOpen ? known : 408;
    if (leg.flows.size >= this.context.limits.nextHopsPerSession) return 403;
    const route = this.#routeOf(session, leg.connection, head);
    if (typeof route === 'number') return route;
    if ('home' in route) return this.#passElsewhere(route, leg, path);
    const flow = new Flow(leg, this.context, path, route.moved);
    leg.flows.set(path, flow);
    this.#open(flow, route);
    return flow;
  }

  /** The path goes on with a session of another shard. */
  #passElsewhere({ home, moved }: Elsewhere, leg: RelayLeg, path: string): Passage {
    const { connection, localUri } = leg;
    const outlet = home.open({
      connection,
      localUri,
      hops: moved,
      onKnown: () => {},
      onUnknown: () => {},
      onEnded: () => leg.flows.delete(path),
    });
    leg.flows.set(path, outlet);
    return outlet;
  }

  #routeOf(first: RelaySession, connection: Connection, { toPath }: Head): Route | Elsewhere | number {
    let session = first;
    for (let moved = this.listeners.peerOf(connection).hops + 1; ; moved++) {
      const next = toPath[moved];
      if (next === undefined) return 481;
      const isInbound = next.key === session.back.key;
      if (!isInbound && !this.#isOwner(session, connection)) return 403;
      if (!this.names.has(next)) return { moved, session, next, isInbound };
      const another = this.sessions.find(next);
      const home = another === undefined ? this.neighbours?.homeOf(next) : undefined;
      if (home !== undefined) return { moved, home };
      if (another === undefined) return 481;
      session = another;
    }
  }

  #isOwner(session: RelaySession, connection: Connection): boolean {
    const { relayHost } = session;
    if (relayHost === undefined) return session.isOwnedBy(connection);
    return this.listeners.peerOf(connection).isHost(relayHost);
  }

  /** Responses go over connections that there are; requests may open one (R4976-3-5). */
  #open(flow: Flow, { session, next, isInbound }: Route): void {
    const leg = session.legTo((each) =>
      isInbound ? this.#isOwner(session, each.connection) : each.remote === next.key,
    );
    if (leg !== undefined) return flow.start(leg);
    this.nextHops.connect(next).then(
      (connection) => this.#onConnected(flow, session, next, connection),
      (error: unknown) => {
        this.context.counters.connectFailures++;
        this.#settings.logger?.warn(`the next hop cannot be reached: ${(error as Error).message}`);
        flow.fail(408, 'Next hop cannot be reached');
      },
    );
  }

  #onConnected(flow: Flow, session: RelaySession, next: URI, connection: Connection): void {
    if (!connection.isOpen) return flow.fail(408, 'Next hop cannot be reached');
    const leg = session.legOn(connection) ?? this.#bind(session, connection, session.uri, next.key);
    flow.start(leg);
    if (!session.isOpen) leg.finish();
  }
}
