// The relay server of RFC 4976: it listens, gives URIs to users who have proved who they are, and passes requests on between whoever has
// such a URI and its owner. A session has a leg on each connection that it uses; flows go from leg to leg.

import type { URI } from '../../codec/index.ts';
import { isLoopback } from './next-hops.ts';
import type { RelayCounters } from './relay-context.ts';
import { type RelayOptions, rulesOf } from './relay-options.ts';
import { RelayRouter } from './relay-router.ts';

/** What a relay is doing. */
export interface RelayStats extends RelayCounters {
  /** Connections that were accepted and are open, and those to next hops. */
  connections: number;
  nextHops: number;
  sessions: number;
}

/** An RFC 4976 relay. See {@link RelayOptions}; `listen` as often as there are addresses, `close` when done. */
export class MSRPRelay {
  readonly #router: RelayRouter;

  /** Throws `MSRP_ERR_ARGUMENT` for options that cannot be. */
  constructor(options: RelayOptions) {
    this.#router = new RelayRouter(options);
  }

  /**
   * Listens at `uri`: its host and port, any free one without. Resolves with the URI that clients send their AUTH to. A relay that
   * listens on loopback connects to loopback. Rejects with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, or `MSRP_ERR_ARGUMENT` for msrps without a
   * certificate.
   */
  async listen(uri: URI): Promise<URI> {
    const { listeners, names, nextHops } = this.#router;
    const listening = await listeners.listen(uri);
    if (isLoopback(uri.host) || uri.host === 'localhost') nextHops.allowLoopback = true;
    names.listen(listening);
    return listening;
  }

  /** What it has done since it was made, and what it holds now. */
  stats(): RelayStats {
    const { context, listeners, nextHops, sessions } = this.#router;
    return {
      ...context.counters,
      connections: listeners.size,
      nextHops: nextHops.size,
      sessions: sessions.size,
    };
  }

  /**
   * Changes who may use the relay, and its limits; and the certificate, for connections to come. Throws as the constructor does, and
   * then nothing has changed.
   */
  reload(options: RelayOptions): void {
    const { authentication, context, listeners } = this.#router;
    const rules = rulesOf(options);
    if (options.tls !== undefined) listeners.setTLS(options.tls);
    authentication.rules = rules;
    context.limits = rules.limits;
  }

  /**
   * Listens no more and gives no new URIs; then waits up to `drain` milliseconds (default 0) for sessions to end, ends those that are
   * left, and closes all connections once what they hold has left. Resolves with how many sessions it ended.
   */
  async close(o: { drain?: number } = {}): Promise<number> {
    const { authentication, listeners, nextHops, sessions, context } = this.#router;
    authentication.isDraining = true;
    await listeners.stop();
    if (sessions.size > 0 && o.drain !== undefined) await sessions.ended(context.settings, o.drain);
    const left = sessions.size;
    sessions.endAll();
    await nextHops.stop();
    await listeners.close();
    nextHops.close();
    return left;
  }
}
