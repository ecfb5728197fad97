// A URI that was given out and waits for the peer to bind it:
//
//   expected --complete()--> awaited --binding request--> bound --session over--> over
//      `------binding request------> arrived --complete()----^
//
// Who may bind it: whoever knows its session-id, and comes from the path that `complete` names, if it names one (D-PATH-1).

import { type ChunkSink, type Continuation, type Head, MSRPError, type URI } from '../codec/index.ts';
import type { CoarseTimer } from './coarse-timers.ts';
import type { Bound, Connection } from './connection.ts';
import { isEmptySend } from './binding.ts';
import { MSRPTransport, peerPathIn, type SessionPlace } from './msrp-transport.ts';
import type { Settings } from './options.ts';
import { isSamePath } from './uris.ts';

/** Who is to be told what happens to an expectation, when it is another thread that decides. */
export interface ExpectationWatcher {
  /** A peer has sent a binding request, and waits for `complete`. */
  onArrival(request: Head): void;
  /** It waits no longer: it is gone, or its time was up. */
  onLeft(): void;
  onOver(): void;
}

export class Expectation {
  readonly localUri: URI;
  watcher: ExpectationWatcher | undefined;
  readonly #settings: Settings;
  readonly #onOver: () => void;
  readonly #place: SessionPlace | undefined;
  #state: 'expected' | 'awaited' | 'arrived' | 'bound' | 'over' = 'expected';
  #remotePath: readonly URI[] | undefined;
  #settle: { resolve(transport: MSRPTransport): void; reject(error: Error): void } | undefined;
  /** Who came before `complete`, and how long that one waits. */
  #arrived: Arrival | undefined;
  #patience: CoarseTimer | undefined;

  /** `onOver`: the URI serves nobody any more. `place`: who holds it meanwhile, if not the connection. */
  constructor(localUri: URI, settings: Settings, onOver: () => void, place?: SessionPlace) {
    this.localUri = localUri;
    this.#settings = settings;
    this.#onOver = onOver;
    this.#place = place;
  }

  /** Whether `complete` was called. */
  get isClaimed(): boolean {
    return this.#state !== 'expected' && this.#state !== 'arrived';
  }

  /** Whether a peer waits for `complete`. */
  get hasArrived(): boolean {
    return this.#state === 'arrived';
  }

  /** Resolves when the session is bound. Without a path, whoever knows the session-id is the peer. */
  complete(remotePath: readonly URI[] | undefined): Promise<MSRPTransport> {
    if (this.#state !== 'expected' && this.#state !== 'arrived') {
      return Promise.reject(
        new MSRPError('MSRP_ERR_STATE', 'complete() comes once, after prepare()', { scope: 'session' }),
      );
    }
    this.#remotePath = remotePath;
    const arrived = this.#arrived;
    this.#leaveArrived();
    this.#state = 'awaited';
    const bound = new Promise<MSRPTransport>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    if (arrived !== undefined) this.#decide(arrived);
    return bound;
  }

  /** A request for the URI came on `connection`. Returns whom it goes to, or the code to refuse it with. */
  admit(connection: Connection, head: Head): Bound | number {
    if (this.#state === 'bound' || this.#state === 'arrived') return 506;
    if (this.#state === 'over' || head.method !== 'SEND') return 481;
    const peerPath = peerPathIn(head.fromPath, this.#place);
    if (peerPath === undefined || (this.#state === 'awaited' && !this.#isPeer(peerPath))) return 481;
    const arrival = new Arrival(connection, this.localUri, head, peerPath, this.#place);
    if (this.#state === 'awaited') this.#bind(arrival);
    else this.#keepArrived(arrival, head);
    return arrival.transport;
  }

  #isPeer(path: readonly URI[]): boolean {
    return this.#remotePath === undefined || isSamePath(path, this.#remotePath, this.#settings.match);
  }

  #keepArrived(arrival: Arrival, request: Head): void {
    this.#state = 'arrived';
    this.#arrived = arrival;
    arrival.onGone = () => {
      if (this.#arrived !== arrival) return;
      this.#leaveArrived();
      this.watcher?.onLeft();
    };
    this.#patience = this.#settings.timers.start(this.#settings.timeouts.bindMs, () => this.refuse(481));
    this.watcher?.onArrival(request);
  }

  /** Whoever waits for `complete` is not the peer. */
  refuse(code: number): void {
    const arrived = this.#arrived;
    if (arrived === undefined) return;
    this.#leaveArrived();
    arrived.refuse(code);
    this.watcher?.onLeft();
  }

  #leaveArrived(): void {
    this.#patience?.cancel();
    this.#arrived = undefined;
    if (this.#state === 'arrived') this.#state = 'expected';
  }

  #decide(arrival: Arrival): void {
    if (this.#isPeer(arrival.transport.fullRemotePath)) this.#bind(arrival);
    else arrival.refuse();
  }

  #bind(arrival: Arrival): void {
    this.#state = 'bound';
    const { transport } = arrival;
    arrival.onGone = () => this.#end();
    arrival.accept();
    transport.announce();
    this.#settle?.resolve(transport);
    this.#settle = undefined;
  }

  /** The URI is no longer expected. Rejects a `complete` that waits; a session that was bound lives on. */
  cancel(error: Error): void {
    if (this.#state === 'bound' || this.#state === 'over') return;
    const arrived = this.#arrived;
    this.#leaveArrived();
    arrived?.refuse();
    this.#settle?.reject(error);
    this.#end();
  }

  /** Nobody waits for `bound` any more, which `complete` gave: also a session that was bound at the same moment goes. */
  abandon(bound: Promise<MSRPTransport>, error: Error): void {
    this.cancel(error);
    bound.then(
      (transport) => transport.destroy(error),
      () => {},
    );
  }

  #end(): void {
    this.#state = 'over';
    this.#onOver();
    this.watcher?.onOver();
  }
}

/** A peer that sent a binding request, with its session: what it sends is kept, and an empty request not yet answered. */
class Arrival {
  readonly transport: MSRPTransport;
  /** The session is over. */
  onGone: (() => void) | undefined;
  readonly #connection: Connection;
  #isAccepted = false;
  /** The binding request, until it is clear what becomes of it. */
  #request: Head | undefined;
  /** What came last, until it shows whether it is empty. */
  #held: Head | undefined;
  /** The empty request, once its end has come. */
  #empty: Head | undefined;

  constructor(
    connection: Connection,
    localUri: URI,
    request: Head,
    peerPath: readonly URI[],
    place: SessionPlace | undefined,
  ) {
    this.#request = request;
    this.#held = request;
    this.#connection = connection;
    this.transport = new MSRPTransport(connection, localUri, peerPath, {
      ...(place !== undefined && { place }),
      admission: () => this.#admission(),
      onOver: () => this.onGone?.(),
    });
  }

  accept(): void {
    this.#isAccepted = true;
    this.#request = undefined;
    if (this.#empty !== undefined) this.#connection.respond(this.#empty, 200);
    this.#empty = undefined;
  }

  /** As any stray, but its time is up: if nothing else keeps the connection, it goes. */
  refuse(code = 481): void {
    this.onGone = undefined;
    if (this.#request !== undefined) this.#connection.respond(this.#request, code);
    void this.#leave();
  }

  async #leave(): Promise<void> {
    await this.transport.close();
    if (this.#connection.sessions === 0) this.#connection.close();
  }

  /** Takes an empty request, which is nothing to read. Of another one, head and all are for the reader. */
  #admission(): ChunkSink {
    return {
      onHead: (head) => {
        this.#held = head;
      },
      onBody: (bytes, more) => {
        this.#passOn();
        this.transport.onBody(bytes, more);
      },
      onEnd: (flag) => this.#onEnd(flag),
    };
  }

  #onEnd(flag: Continuation): void {
    const held = this.#held!;
    if (isEmptySend(held, flag)) {
      this.#held = undefined;
      this.transport.admitted();
      if (this.#isAccepted) this.#connection.respond(held, 200);
      else this.#empty = held;
    } else {
      this.#passOn();
      this.transport.onEnd(flag);
    }
  }

  #passOn(): void {
    const held = this.#held!;
    this.#held = undefined;
    this.transport.admitted();
    this.transport.onHead(held);
  }
}
