// The side that connects, through a relay of ours (RFC 4976 section 5): AUTH with the relay, then the session is bound through it.

import type { URI } from '../codec/index.ts';
import type { CompleteOptions } from './connector.ts';
import type { MSRPTransport } from './msrp-transport.ts';
import { RelayedConnector } from './relayed-connector.ts';

/** For one session. */
export class ConnectorRelay extends RelayedConnector {
  /**
   * Binds through the relay, which answers for the next hop: that the peer refuses shows later, by a REPORT. Rejects with
   * {@link MSRPBindSessionTimeout}, `MSRP_ERR_BIND_REFUSED` (`status` has the relay's code), `MSRP_ERR_CLOSED`, `MSRP_ERR_ABORTED`.
   */
  async complete(fullRemotePath: readonly URI[] = [], o: CompleteOptions = {}): Promise<MSRPTransport> {
    const leg = this.take();
    try {
      return await this.bindThrough(leg, fullRemotePath, o.signal);
    } finally {
      await this.cleanup();
    }
  }
}
