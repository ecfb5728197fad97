// By which URIs a relay goes (D-RELAY-12): each of its hosts with each of its ports; without a port only where nobody could say one, in an
// AUTH to a domain.

import { isIP } from 'node:net';
import { URI } from '../../codec/index.ts';

export class OwnNames {
  readonly #hosts = new Set<string>();
  readonly #ports = new Set<number>();
  readonly #domain: string | undefined;
  readonly #public: URI | undefined;
  readonly #listening: URI[] = [];

  constructor(domains: readonly string[], publicUri: URI | undefined) {
    for (const domain of domains) this.#hosts.add(new URI({ host: domain }).host);
    [this.#domain] = domains;
    this.#public = publicUri;
    if (publicUri !== undefined) this.#add(publicUri);
  }

  listen(uri: URI): void {
    this.#listening.push(uri);
    this.#add(uri);
  }

  #add({ host, port }: URI): void {
    this.#hosts.add(host);
    if (port !== undefined) this.#ports.add(port);
  }

  has({ host, port, sessionId }: URI): boolean {
    if (!this.#hosts.has(host)) return false;
    return port === undefined ? sessionId === undefined : this.#ports.has(port);
  }

  /** A URI to be reached by, for who came to that port. */
  tokenUri(port: number, sessionId: string): URI {
    const uri = this.#public ?? this.#listening.find((each) => each.port === port) ?? this.#listening[0]!;
    // R4976-4.2-2: a name, where there is one.
    const host = isIP(uri.host) === 0 ? uri.host : (this.#domain ?? uri.host);
    return new URI({ host, port: uri.port, useTLS: uri.useTLS, sessionId });
  }
}
