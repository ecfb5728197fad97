// The side that connects, without a relay (R4975-5.4-2): to the first URI of the peer's path, then binds.

import type { ConnectOptions } from './connect-options.ts';
import { MSRPError, type URI } from '../codec/index.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { Connection } from './connection.ts';
import { abortedError, type CompleteOptions, type Connector, Stages } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout, MSRPConnectTimeout } from './errors.ts';
import { MSRPTransport } from './msrp-transport.ts';
import { type Settings, settingsOf } from './options.ts';
import type { ConnectTarget } from './socket.ts';
import { completeUri, defaultPort } from './uris.ts';

/** For one session. */
export class ConnectorDirect implements Connector {
  readonly #settings: Settings;
  readonly #pool: ConnectionPool | undefined;
  readonly #stages = new Stages();
  #localUri: URI | undefined;

  constructor(options?: ConnectOptions) {
    this.#settings = settingsOf(options);
    this.#pool = options?.pool;
  }

  /** Opens nothing: nobody is going to connect to us, the port only has to be there (R4975-8.2-1). */
  async prepare(localUri?: URI): Promise<URI[]> {
    this.#stages.prepare();
    this.#localUri = completeUri(localUri, this.#settings, localUri?.port ?? defaultPort);
    return [this.#localUri];
  }

  /**
   * Connects to the first URI of `fullRemotePath` and binds. Rejects with {@link MSRPConnectTimeout}, {@link MSRPBindSessionTimeout},
   * `MSRP_ERR_CONNECT`, `MSRP_ERR_TLS`, `MSRP_ERR_BIND_REFUSED` (`status` has the peer's code), `MSRP_ERR_ABORTED`.
   */
  async complete(fullRemotePath: readonly URI[] = [], o: CompleteOptions = {}): Promise<MSRPTransport> {
    this.#stages.complete();
    try {
      const target = targetOf(fullRemotePath, this.#settings);
      const connection = await this.#connect(target, o.signal);
      return await this.#bind(connection, fullRemotePath, o.signal);
    } finally {
      this.#stages.over();
    }
  }

  #connect(target: ConnectTarget, signal: AbortSignal | undefined): Promise<Connection> {
    const settings = this.#settings;
    const { connectMs } = settings.timeouts;
    const late = (): Error => new MSRPConnectTimeout(`connecting to ${target.host}:${target.port}`, connectMs);
    return withDeadline(settings, connectMs, [signal, this.#stages.signal], late, (stop) => {
      if (stop.aborted) throw abortedError('connecting', stop);
      const aborted = (): Error => abortedError('connecting', stop);
      if (this.#pool !== undefined) return unlessAborted(this.#pool.connect(target, settings, stop), stop, aborted);
      return unlessAborted(connectAlone(target, settings, stop), stop, aborted, (tooLate) => tooLate.destroy());
    });
  }

  async #bind(connection: Connection, path: readonly URI[], signal: AbortSignal | undefined): Promise<MSRPTransport> {
    const { timeouts } = this.#settings;
    const transport = new MSRPTransport(connection, this.#localUri!, path);
    const late = (): Error =>
      new MSRPBindSessionTimeout(`binding the session with ${connection.peerName}`, timeouts.bindMs);
    try {
      await withDeadline(this.#settings, timeouts.bindMs, [signal, this.#stages.signal], late, (stop) =>
        unlessAborted(transport.bind(), stop, () => abortedError('binding', stop)),
      );
    } catch (error) {
      transport.destroy(error as Error);
      throw error;
    }
    transport.announce();
    return transport;
  }

  async cleanup(): Promise<void> {
    this.#stages.over();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
}

/** A connection that nobody else may use. */
async function connectAlone(target: ConnectTarget, settings: Settings, stop: AbortSignal): Promise<Connection> {
  return new Connection(await settings.network.connect(target, stop), settings, { admit: () => 481 });
}

/** R4975-5.4-4: the first URI says where to and whether by TLS. */
function targetOf(path: readonly URI[], settings: Settings): ConnectTarget {
  const [first] = path;
  if (first?.port === undefined) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', 'complete() needs the path of the peer, with a port', {
      scope: 'session',
    });
  }
  const { host, port, useTLS } = first;
  return { host, port, ...(useTLS && { tls: settings.options.tls ?? {} }) };
}
