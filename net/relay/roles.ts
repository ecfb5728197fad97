// What the parts of a relay are to each other. A session has legs, one on each connection that it uses; flows go from leg to leg; chunks and
// other requests pass through a flow.

import type { Continuation, Head } from '../../codec/index.ts';
import type { Bound, Connection } from '../connection.ts';
import type { Written } from '../outbox.ts';
import type { Transaction, Transactions } from '../transactions.ts';
import type { ForwardFormat } from './forward-format.ts';
import type { RelayCounters } from './relay-counters.ts';

/** Takes the body of a request and its end. */
export interface BodyTaker {
  onBody(bytes: Buffer, more: boolean): void;
  onEnd(flag: Continuation): void;
}

/** A request that was sent on and waits for its response. */
export interface Waiting extends Transaction {
  /** Whether a response is sure to come, sooner or later: so many are allowed at a time. */
  readonly isCounted: boolean;
}

/** What a frame that is sent on waits for. */
export interface Answered extends Waiting, Written {
  /** It will not be sent. */
  onUnsent(): void;
}

/** A frame that leaves in one piece. */
export interface WholeFrame {
  readonly buffers: readonly Buffer[];
  readonly bytes: number;
  readonly answered: Answered | undefined;
}

/** A flow, for what passes through it. */
export interface Way {
  readonly counters: RelayCounters;
  /** How many URIs of To-Path are ours. */
  readonly moved: number;
  readonly isOpen: boolean;
  readonly from: RelayLeg;
  /** Undefined while that is being connected, and when there is no way any more. */
  readonly to: RelayLeg | undefined;
  newId(): string;
  formatOf(head: Head): ForwardFormat;
  push(frame: WholeFrame): void;
}

/** Where the requests go on that come to a leg for one To-Path: a flow, or the way to another shard. */
export interface Passage {
  /** Whether it takes requests. */
  readonly isOpen: boolean;
  /** A request begins to come. Returns who takes what follows: nobody when it has been answered. */
  begin(head: Head): BodyTaker | undefined;
  /** Nothing more comes: the session is over, or the connection, for this reason if not in order. */
  end(error?: Error): void;
}

/** A flow, for the leg that it goes to. */
export interface RelayFlow extends Way, Passage {
  readonly isEmpty: boolean;
  resume(): void;
  fail(code: number, comment?: string): void;
}

/** A session on one of its connections. */
export interface RelayLeg extends Bound {
  readonly connection: Connection;
  /** The key of the first URI on the path from the other side: whoever has it is reached here. */
  readonly remote: string;
  readonly transactions: Transactions;
  /** Those that begin here, by To-Path, and the flows that end here. */
  readonly flows: Map<string, Passage>;
  readonly sources: Set<RelayFlow>;
  /** Too many requests wait for their response: no other is sent. */
  readonly isFull: boolean;
  /** `waiting` is about to be sent here; and it waits no longer. */
  expect(waiting: Waiting): void;
  onSettled(waiting: Waiting): void;
  /** The next hop has answered what was due then. */
  onAnswerAfter(due: number, code: number): void;
  /** A flow that ends here has nothing more at present. */
  onDrained(): void;
  /** The next hop has answered a request that came here. */
  onAnswered(request: Head, response: Head): void;
  /** The session is over. */
  finish(): void;
}
