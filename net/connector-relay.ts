// The side that connects, through a relay of ours (RFC 4976 section 5): AUTH with the relay, then the session is bound through it.

import { MSRPError, type URI } from '../codec/index.ts';
import { bindSession } from './connecting.ts';
import type { CompleteOptions } from './connector.ts';
import { MSRPTransport } from './msrp-transport.ts';
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
      if (fullRemotePath.length === 0) {
        throw new MSRPError('MSRP_ERR_ARGUMENT', 'complete() needs the path of the peer', { scope: 'session' });
      }
      const transport = new MSRPTransport(leg.connection, leg.localUri, fullRemotePath, { place: leg });
      await bindSession(transport, this.settings, [o.signal, this.stages.signal]);
      return this.give(leg, transport);
    } finally {
      await this.cleanup();
    }
  }
}
