// A session on one of the connections that it uses: towards its owner, or towards a peer. It takes the frames that come for the session
// there, finds the way on, and holds the requests sent there that wait for a response.
//
//   owner's connection <--> leg ==flow==> leg <--> connection of the next hop
//                               <==flow==

import { type Continuation, type Head, MSRPError, type URI } from '../../codec/index.ts';
import type { Connection } from '../connection.ts';
import { Transactions } from '../transactions.ts';
import type { RelayCounters } from './relay-counters.ts';
import type { RelaySession } from './relay-session.ts';
import type { BodyTaker, Passage, RelayFlow, RelayLeg, Waiting } from './roles.ts';

/** Requests with Failure-Report partial whose error response is still recognised: nothing tells when there will be none. */
const mostUncertain = 4096;

function closed(): MSRPError {
  return new MSRPError('MSRP_ERR_CLOSED', 'the connection is closed');
}

/** Finds the way on. */
export interface Router {
  /** The most requests that may wait at one leg. */
  readonly mostUnanswered: number;
  readonly counters: RelayCounters;
  /** The way on for the path of `head`, or the code to refuse it with. */
  flowFor(leg: RelayLeg, session: RelaySession, head: Head): Passage | number;
  /** A request is not passed on. */
  reject(connection: Connection, head: Head, code: number): void;
  /** A request other than SEND has been answered by the next hop. */
  onAnswered(connection: Connection, request: Head, response: Head): void;
}

export class Leg implements RelayLeg {
  readonly localUri: URI;
  readonly session: RelaySession;
  readonly connection: Connection;
  readonly remote: string;
  readonly transactions: Transactions;
  readonly sources: Set<RelayFlow> = new Set();
  readonly flows: Map<string, Passage> = new Map();
  readonly #router: Router;
  #lastPath: readonly URI[] | undefined;
  #lastFlow: Passage | undefined;
  #taker: BodyTaker | undefined;
  #counted = 0;
  readonly #uncertain: Waiting[] = [];
  #isFinishing = false;

  constructor(session: RelaySession, connection: Connection, localUri: URI, remote: string, router: Router) {
    this.session = session;
    this.connection = connection;
    this.localUri = localUri;
    this.remote = remote;
    this.#router = router;
    this.transactions = new Transactions(connection.settings);
  }

  onHead(head: Head): void {
    this.#taker = undefined;
    if (head.code !== undefined) return this.transactions.settle(head);
    const flow = head.toPath === this.#lastPath && this.#lastFlow!.isOpen ? this.#lastFlow! : this.#find(head);
    if (typeof flow === 'number') return this.#router.reject(this.connection, head, flow);
    this.#taker = flow.begin(head);
  }

  #find(head: Head): Passage | number {
    if (!this.session.isOpen) return 481;
    const flow = this.#router.flowFor(this, this.session, head);
    if (typeof flow === 'number') return flow;
    this.#lastPath = head.toPath;
    this.#lastFlow = flow;
    return flow;
  }

  onBody(bytes: Buffer, more: boolean): void {
    this.#taker?.onBody(bytes, more);
  }

  onEnd(flag: Continuation): void {
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.onEnd(flag);
  }

  get isFull(): boolean {
    return this.#counted >= this.#router.mostUnanswered;
  }

  expect(waiting: Waiting): void {
    this.transactions.add(waiting);
    if (waiting.isCounted) this.#counted++;
    else this.#addUncertain(waiting);
  }

  #addUncertain(waiting: Waiting): void {
    this.#uncertain.push(waiting);
    if (this.#uncertain.length < 2 * mostUncertain) return;
    for (const oldest of this.#uncertain.splice(0, mostUncertain)) this.transactions.remove(oldest);
  }

  onSettled({ isCounted }: Waiting): void {
    if (!isCounted) return;
    const wasFull = this.isFull;
    this.#counted--;
    if (wasFull) for (const flow of this.sources) flow.resume();
    if (this.#isFinishing) this.onDrained();
  }

  /** What is answered before it was sent whole took no time. */
  onAnswerAfter(due: number, code: number): void {
    const { clock, timeouts } = this.connection.settings;
    const took = timeouts.responseMs - (due - clock.now());
    this.#router.counters.onResponse(code, Math.max(took, 0));
  }

  onAnswered(request: Head, response: Head): void {
    this.#router.onAnswered(this.connection, request, response);
  }

  /** The session is over: nothing more is taken here, and when all has left and is answered, the connection is done with. */
  finish(): void {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    this.#taker = undefined;
    for (const flow of [...this.flows.values(), ...this.sources]) flow.end();
    this.onDrained();
  }

  onDrained(): void {
    if (!this.#isFinishing || this.#counted > 0) return;
    for (const flow of this.sources) if (!flow.isEmpty) return;
    for (const flow of this.sources) flow.fail(481);
    this.session.legs.delete(this);
    this.connection.unbind(this);
    if (this.connection.isOpen && this.connection.sessions === 0) this.connection.release();
  }

  onClose(error?: Error): void {
    this.#isFinishing = true;
    this.#taker = undefined;
    this.session.legs.delete(this);
    this.transactions.close(error ?? closed());
    for (const flow of this.flows.values()) flow.end(error);
    for (const flow of this.sources) flow.fail(408, 'Downstream connection lost');
    this.session.onLegClosed(this);
  }
}
