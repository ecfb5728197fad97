// The relay server of RFC 4976: it listens, gives URIs to users who have proved who they are, and passes requests on between whoever has
// such a URI and its owner. A session has a leg on each connection that it uses; flows go from leg to leg.

import type { URI } from '../../codec/index.ts';
import type { RelayAnswers, RelayNumbers } from './relay-counters.ts';
import { RelayEngine } from './relay-engine.ts';
import type { RelayOptions } from './relay-options.ts';
import { ShardedRelay } from './sharded-relay.ts';

/** What a relay is doing. */
export interface RelayStats extends RelayNumbers, RelayAnswers {
  /** Connections that were accepted and are open. */
  connections: number;
}

/** An RFC 4976 relay. See {@link RelayOptions}; `listen` as often as there are addresses, `close` when done. */
export class MSRPRelay {
  readonly #relay: RelayEngine | ShardedRelay;

  /** Throws `MSRP_ERR_ARGUMENT` for options that cannot be. */
  constructor(options: RelayOptions) {
    const { shards = 0 } = options;
    this.#relay = shards === 0 ? new RelayEngine(options) : new ShardedRelay(options, shards);
  }

  /**
   * Listens at `uri`: its host and port, any free one without. Resolves with the URI that clients send their AUTH to. A relay that
   * listens on loopback connects to loopback. Rejects with `MSRP_ERR_LISTEN`, `MSRP_ERR_TLS`, or `MSRP_ERR_ARGUMENT` for msrps without a
   * certificate.
   */
  listen(uri: URI): Promise<URI> {
    return this.#relay.listen(uri);
  }

  /** What it has done since it was made, and what it holds now. */
  stats(): RelayStats {
    const { counters, connections } = this.#relay;
    return { ...counters.read(), connections };
  }

  /**
   * Changes who may use the relay, and its limits; and the certificate, for connections to come. Throws as the constructor does, and
   * then nothing has changed.
   */
  reload(options: RelayOptions): void {
    this.#relay.reload(options);
  }

  /**
   * Listens no more and gives no new URIs; then waits up to `drain` milliseconds (default 0) for sessions to end, ends those that are
   * left, and closes all connections once what they hold has left. Resolves with how many sessions it ended.
   */
  async close(o: { drain?: number } = {}): Promise<number> {
    const left = await this.#relay.drain(o.drain);
    await this.#relay.close();
    return left;
  }
}
