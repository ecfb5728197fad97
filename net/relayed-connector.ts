// What both sides do at a relay of theirs: find it, AUTH, and hold the URI that it gave until there is a session.

import { MSRPError, type URI } from '../codec/index.ts';
import { bindSession } from './connecting.ts';
import type { ConnectOptions } from './connect-options.ts';
import { abortedError, type CompleteOptions, type Connector, Stages } from './connector.ts';
import { MSRPTransport } from './msrp-transport.ts';
import { type Settings, settingsOf } from './options.ts';
import type { RelayLeg } from './relay-leg.ts';
import { openLeg } from './relay-search.ts';
import type { MSRPRelaySettings } from './relay-settings.ts';

/** {@link ConnectorRelay} or {@link AcceptorRelay}, for one session. */
export abstract class RelayedConnector implements Connector {
  /** @internal */
  protected readonly settings: Settings;
  /** @internal */
  protected readonly stages: Stages = new Stages();
  readonly #options: ConnectOptions;
  readonly #relays: readonly MSRPRelaySettings[];
  #leg: RelayLeg | undefined;

  /** `relay`: the one to use, or several of which the first that works is used. */
  constructor(relay: MSRPRelaySettings | readonly MSRPRelaySettings[], options: ConnectOptions = {}) {
    this.settings = settingsOf(options);
    this.#options = options;
    this.#relays = [relay].flat();
  }

  /**
   * Connects to the relay and gets a path from it (AUTH): this comes before the offer or answer, which needs the path. From then on the
   * path is renewed in time, until the session ends or `cleanup`. Rejects with {@link MSRPConnectTimeout}, {@link MSRPAuthTimeout},
   * {@link MSRPRelayAuthError}, `MSRP_ERR_CONNECT`, `MSRP_ERR_TLS`, `MSRP_ERR_CLOSED`, `MSRP_ERR_ABORTED`.
   */
  async prepare(localUri?: URI): Promise<URI[]> {
    this.stages.prepare();
    const { signal } = this.stages;
    const leg = await openLeg(this.#relays, { localUri, settings: this.settings, options: this.#options, signal });
    if (signal.aborted) {
      const aborted = abortedError('preparing', signal);
      leg.end(aborted);
      throw aborted;
    }
    this.#leg = leg;
    this.hold(leg);
    return leg.fullLocalPath();
  }

  abstract complete(fullRemotePath?: readonly URI[], o?: CompleteOptions): Promise<MSRPTransport>;

  /** @internal The leg is there, and no session yet. */
  protected hold(_leg: RelayLeg): void {}

  /** @internal The leg for the session, which is now to be bound. */
  protected take(): RelayLeg {
    this.stages.complete(this.#leg !== undefined);
    return this.#leg!;
  }

  /** @internal Binds the session from our side. */
  protected async bindThrough(
    leg: RelayLeg,
    fullRemotePath: readonly URI[],
    signal: AbortSignal | undefined,
  ): Promise<MSRPTransport> {
    if (fullRemotePath.length === 0) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', 'complete() needs the path of the peer', { scope: 'session' });
    }
    const transport = new MSRPTransport(leg.connection, leg.localUri, fullRemotePath, { place: leg });
    await bindSession(transport, this.settings, [signal, this.stages.signal]);
    return this.give(leg, transport);
  }

  /** @internal The session is bound: the leg is its own. */
  protected give(leg: RelayLeg, transport: MSRPTransport): MSRPTransport {
    leg.keepFor(transport);
    this.#leg = undefined;
    return transport;
  }

  async cleanup(): Promise<void> {
    this.stages.over();
    this.#leg?.end(abortedError('the session', this.stages.signal));
    this.#leg = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
}
