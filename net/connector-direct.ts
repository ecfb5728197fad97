// The side that connects, without a relay (R4975-5.4-2): to the first URI of the peer's path, then binds.

import type { ConnectOptions } from './connect-options.ts';
import { MSRPError, type URI } from '../codec/index.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { bindSession, openConnection } from './connecting.ts';
import { type CompleteOptions, type Connector, Stages } from './connector.ts';
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
      const signals = [o.signal, this.#stages.signal];
      const connection = await openConnection(target, this.#settings, this.#pool, signals);
      const transport = new MSRPTransport(connection, this.#localUri!, fullRemotePath);
      await bindSession(transport, this.#settings, signals);
      return transport;
    } finally {
      this.#stages.over();
    }
  }

  async cleanup(): Promise<void> {
    this.#stages.over();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
  }
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
