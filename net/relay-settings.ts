// Which relay to use, and who we are there: MSRPRelaySettings of the API document.

import { isIP } from 'node:net';
import { MSRPError, URI } from '../codec/index.ts';
import type { ClientTLS } from './socket.ts';
import { defaultPort } from './uris.ts';

export interface MSRPRelayInit {
  /** The domain of the relay: SRV is asked for it, the relay's certificate must name it, and AUTH is addressed to it. */
  domain: string;
  username: string;
  password: string;
  /** Where the relay is, if that is known: then SRV is not asked. */
  host?: string | undefined;
  /** Default: what SRV says, or 2855. With a port SRV is not asked (R4976-8-3). */
  port?: number | undefined;
  /** RFC 4976 allows nothing else (R4976-8-6); false is for a relay behind a TLS terminator or in a laboratory. Default true. */
  useTLS?: boolean | undefined;
  /** For TLS with this relay, where `ConnectOptions.tls` gives none. */
  credentials?: ClientTLS | undefined;
  /** How long we ask to be let use it, in seconds; it is renewed in time. Default: the relay chooses. */
  expires?: number | undefined;
  /** The relay behind this one, seen from us: AUTH goes to it through this one, and so does everything later (R4976-5.1-1). */
  outer?: MSRPRelaySettings | undefined;
}

/** Immutable. Throws `MSRP_ERR_BAD_URI` for a domain or port that cannot be, `MSRP_ERR_ARGUMENT` for such an `expires`. */
export class MSRPRelaySettings {
  readonly domain: string;
  readonly username: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly useTLS: boolean;
  readonly credentials: ClientTLS | undefined;
  readonly expires: number | undefined;
  readonly outer: MSRPRelaySettings | undefined;
  /** The public URI of the relay: the last of To-Path in AUTH, and what the digest is made for. */
  readonly uri: URI;
  readonly #password: string;

  constructor(init: MSRPRelayInit) {
    const { domain, username, password, host, port, useTLS = true, credentials, expires, outer } = init;
    if (expires !== undefined && !(Number.isInteger(expires) && expires > 0)) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', `expires cannot be ${expires} seconds`, { scope: 'session' });
    }
    this.domain = domain;
    this.username = username;
    this.#password = password;
    this.host = host;
    this.port = port;
    this.useTLS = useTLS;
    this.credentials = credentials;
    this.expires = expires;
    this.outer = outer;
    // R4976-8-5: a numeric address has a port in any case.
    this.uri = new URI({ host: domain, useTLS, port: port ?? (isIP(domain) === 0 ? undefined : defaultPort) });
  }

  /** Not among what a logger prints of this object. */
  get password(): string {
    return this.#password;
  }

  /** This relay and those behind it, the nearest first. */
  get chain(): readonly MSRPRelaySettings[] {
    return [this, ...(this.outer?.chain ?? [])];
  }
}
