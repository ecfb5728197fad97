// A relay in one thread: all of it, or one of its shards.

import type { URI } from '../../codec/index.ts';
import type { Network } from '../socket.ts';
import { isLoopback } from './next-hops.ts';
import type { RelayCounters } from './relay-counters.ts';
import { type RelayOptions, rulesOf } from './relay-options.ts';
import { RelayRouter, type ShardPlace } from './relay-router.ts';
import type { Neighbours } from './neighbours.ts';

export class RelayEngine {
  readonly #router: RelayRouter;

  /** As {@link RelayRouter}. */
  constructor(options: RelayOptions, shard?: ShardPlace) {
    this.#router = new RelayRouter(options, shard);
  }

  /** Of a shard: the others. */
  get neighbours(): Neighbours | undefined {
    return this.#router.neighbours;
  }

  /** `network`: what opens the listener. Default: the one of the options. */
  async listen(uri: URI, network?: Network): Promise<URI> {
    const { listeners, names, nextHops } = this.#router;
    const listening = await listeners.listen(uri, network);
    if (isLoopback(uri.host) || uri.host === 'localhost') nextHops.allowLoopback = true;
    names.listen(listening);
    return listening;
  }

  get counters(): RelayCounters {
    return this.#router.context.counters;
  }

  /** Connections that were accepted and are open. */
  get connections(): number {
    return this.#router.listeners.size;
  }

  reload(options: RelayOptions): void {
    const { authentication, context, listeners } = this.#router;
    const rules = rulesOf(options);
    if (options.tls !== undefined) listeners.setTLS(options.tls);
    authentication.rules = rules;
    context.limits = rules.limits;
  }

  /** Listens no more and gives no new URIs; resolves when no session is left, or after so many milliseconds, with how many are. */
  async drain(ms: number | undefined): Promise<number> {
    const { authentication, listeners, sessions, context } = this.#router;
    authentication.isDraining = true;
    await listeners.stop();
    if (sessions.size > 0 && ms !== undefined) await sessions.ended(context.settings, ms);
    return sessions.size;
  }

  /** Ends the sessions, and all connections once what they hold has left. */
  async close(): Promise<void> {
    const { listeners, nextHops, sessions } = this.#router;
    sessions.endAll();
    await nextHops.stop();
    await listeners.close();
    nextHops.close();
  }
}
