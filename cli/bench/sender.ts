// One message in one of the sessions, from when it was due until it is over, counted.

import { randomFillSync } from 'node:crypto';
import type { MSRPSession } from '../../index.ts';
import type { Send } from './open-loop.ts';
import type { Load } from './plan.ts';
import { largestOf, pickSize } from './sizes.ts';
import type { Tally } from './tally.ts';

export interface SenderInit {
  readonly load: Pick<Load, 'sizes' | 'reports' | 'rate' | 'threads'>;
  /** One at least. */
  readonly sessions: readonly MSRPSession[];
  readonly tally: Tally;
  /** Milliseconds from the start of the run. */
  readonly now: () => number;
}

export class Sender {
  readonly #init: SenderInit;
  readonly #body: Buffer;
  readonly #lost = new Set<MSRPSession>();

  constructor(init: SenderInit) {
    this.#init = init;
    this.#body = randomFillSync(Buffer.allocUnsafe(largestOf(init.load.sizes)));
    for (const session of init.sessions) void session.closed.then(() => this.#lost.add(session));
  }

  readonly isUsable = (session: number): boolean => !this.#lost.has(this.#sessionOf(session));

  /** In an open loop the sessions take turns, in a closed one the number is that of the session. */
  readonly send: Send = (number, dueMs, over) => {
    const { load, tally, now } = this.#init;
    const { sizes, reports, rate, threads } = load;
    const session = this.#sessionOf(rate === undefined ? number : Math.floor(number / threads));
    const body = this.#body.subarray(0, pickSize(sizes, Math.random()));
    const succeeded = (): void => {
      tally.onDelivered(dueMs, now(), body.length);
      over();
    };
    const failed = (error: unknown): void => {
      tally.onFailed(error);
      over();
    };
    tally.onSent(dueMs, now());
    try {
      void session.send(body, { successReport: reports ? 'yes' : 'no' }).delivered.then(succeeded, failed);
    } catch (error) {
      queueMicrotask(() => failed(error));
    }
  };

  #sessionOf(number: number): MSRPSession {
    const { sessions } = this.#init;
    const session = sessions[number % sessions.length];
    if (session === undefined) throw new RangeError('there is no session');
    return session;
  }
}
