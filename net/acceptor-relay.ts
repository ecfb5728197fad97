// The side that is connected to, through a relay of ours (RFC 4976 section 5): AUTH with the relay, then the peer binds through it.

import type { URI } from '../codec/index.ts';
import { abortedError, type CompleteOptions } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout } from './errors.ts';
import { Expectation } from './expectation.ts';
import type { MSRPTransport } from './msrp-transport.ts';
import { RelayedConnector } from './relayed-connector.ts';
import type { RelayLeg } from './relay-leg.ts';

/** For one session. Nothing listens: the peer comes over the connection to the relay. */
export class AcceptorRelay extends RelayedConnector {
  #expectation: Expectation | undefined;

  /** @internal */
  protected override hold(leg: RelayLeg): void {
    const expectation = new Expectation(leg.localUri, this.settings, () => {}, leg);
    leg.admit = (connection, head) => expectation.admit(connection, head);
    leg.onOver = (error) => expectation.cancel(error);
    this.#expectation = expectation;
  }

  /**
   * Waits for the peer: from `fullRemotePath` if that is given, else for whoever knows our path. Others are refused, and waiting goes on.
   * Rejects with {@link MSRPBindSessionTimeout}, `MSRP_ERR_CLOSED` when the relay is gone, `MSRP_ERR_ABORTED`.
   */
  async complete(fullRemotePath?: readonly URI[], o: CompleteOptions = {}): Promise<MSRPTransport> {
    const leg = this.take();
    if (leg.over !== undefined) throw leg.over;
    const expectation = this.#expectation!;
    try {
      return this.give(leg, await this.#inTime(expectation.complete(fullRemotePath), o.signal));
    } finally {
      await this.cleanup();
    }
  }

  /**
   * @internal Instead of `complete`, for who hears only now that it is to connect (RFC 6135 section 4.5): binds through the relay as
   * {@link ConnectorRelay} does. Whoever has come meanwhile is refused.
   */
  async connect(fullRemotePath: readonly URI[], o: CompleteOptions = {}): Promise<MSRPTransport> {
    const leg = this.take();
    try {
      if (leg.over !== undefined) throw leg.over;
      this.#expectation!.cancel(abortedError('waiting for the session', this.stages.signal));
      return await this.bindThrough(leg, fullRemotePath, o.signal);
    } finally {
      await this.cleanup();
    }
  }

  #inTime(bound: Promise<MSRPTransport>, signal: AbortSignal | undefined): Promise<MSRPTransport> {
    const { bindMs } = this.settings.timeouts;
    const late = (): Error => new MSRPBindSessionTimeout('waiting for the peer behind the relay', bindMs);
    return withDeadline(this.settings, bindMs, [signal, this.stages.signal], late, (stop) =>
      unlessAborted(bound, stop, () => abortedError('waiting for the session', stop)),
    );
  }
}
