// The side that is connected to, without a relay: one listening socket for one session. MSRPServer shares one between many.

import type { ConnectOptions } from './connect-options.ts';
import { isIP } from 'node:net';
import { MSRPError, type URI } from '../codec/index.ts';
import { abortedError, type CompleteOptions, type Connector, Stages } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout, MSRPIncomingConnectTimeout } from './errors.ts';
import type { Expectation } from './expectation.ts';
import type { MSRPTransport } from './msrp-transport.ts';
import { type Settings, settingsOf } from './options.ts';
import { type ListenPlace, SharedListener } from './shared-listener.ts';

/** For one session. */
export class AcceptorDirect implements Connector {
  readonly #settings: Settings;
  readonly #stages = new Stages();
  #listener: SharedListener | undefined;
  #expectation: Expectation | undefined;

  constructor(options?: ConnectOptions) {
    this.#settings = settingsOf(options);
  }

  /** Listens where `localUri` says: its host and port, 0 or none for any free port. Rejects with `MSRP_ERR_LISTEN` or `MSRP_ERR_TLS`. */
  async prepare(localUri?: URI): Promise<URI[]> {
    this.#stages.prepare();
    const listener = await SharedListener.open(this.#settings, placeOf(localUri, this.#settings));
    this.#listener = listener;
    try {
      if (this.#stages.signal.aborted) throw abortedError('preparing', this.#stages.signal);
      this.#expectation = listener.expect(localUri);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return [this.#expectation.localUri];
  }

  /**
   * Waits for the peer: from `fullRemotePath` if that is given, else for whoever knows our session-id. Others are refused, and waiting
   * goes on. Rejects with {@link MSRPIncomingConnectTimeout}, {@link MSRPBindSessionTimeout}, `MSRP_ERR_ABORTED`. Stops listening.
   */
  async complete(fullRemotePath?: readonly URI[], o: CompleteOptions = {}): Promise<MSRPTransport> {
    this.#stages.complete(this.#expectation !== undefined);
    const expectation = this.#expectation!;
    const bound = expectation.complete(fullRemotePath);
    bound.catch(() => {});
    try {
      return await this.#bound(bound, o.signal);
    } catch (error) {
      expectation.abandon(bound, error as Error);
      throw error;
    } finally {
      await this.cleanup();
    }
  }

  /** Who connects within `incomingMs` has `bindMs` from then on; whoever is refused meanwhile changes nothing. */
  async #bound(bound: Promise<MSRPTransport>, signal: AbortSignal | undefined): Promise<MSRPTransport> {
    const listener = this.#listener!;
    const { incomingMs, bindMs } = this.#settings.timeouts;
    const nobody = new MSRPIncomingConnectTimeout('waiting for a connection', incomingMs);
    try {
      return await this.#inTime(bound, incomingMs, nobody, signal);
    } catch (error) {
      if (error !== nobody || (listener.hopeful === 0 && !listener.hasTimedOut)) throw error;
    }
    const silent = new MSRPBindSessionTimeout('binding the session', bindMs);
    return this.#inTime(Promise.race([bound, this.#deserted(silent)]), bindMs, silent, signal);
  }

  /** Rejects when none of those who connected has time left to bind. */
  #deserted(error: Error): Promise<never> {
    const listener = this.#listener!;
    return new Promise((_, reject) => {
      listener.onGone = () => {
        if (listener.hopeful === 0) reject(error);
      };
      listener.onGone();
    });
  }

  #inTime<T>(promise: Promise<T>, ms: number, late: Error, signal: AbortSignal | undefined): Promise<T> {
    return withDeadline(
      this.#settings,
      ms,
      [signal, this.#stages.signal],
      () => late,
      (stop) => unlessAborted(promise, stop, () => abortedError('waiting for the session', stop)),
    );
  }

  async cleanup(): Promise<void> {
    this.#stages.over();
    this.#expectation?.cancel(new MSRPError('MSRP_ERR_ABORTED', 'the acceptor was cleaned up', { scope: 'session' }));
    await this.#listener?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
}

/** Where to listen for the URI that is to be given out. */
export function placeOf(uri: URI | undefined, settings: Settings): ListenPlace {
  const { options } = settings;
  const useTLS = uri?.useTLS ?? options.tls !== undefined;
  const address = uri !== undefined && isIP(uri.host) !== 0 ? uri.host : undefined;
  const port = uri?.port;
  return {
    host: options.listenHost ?? address,
    ports: port === undefined ? (options.portRange ?? [0, 0]) : [port, port],
    tls: useTLS ? (options.tls ?? {}) : undefined,
  };
}
