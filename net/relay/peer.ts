// What a relay knows about whoever is at the other end of a connection: which relay it is, if it has shown a certificate, and how it has
// behaved (R4976-6.1-1, 6.3-2, 6.3-16).

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Connection } from '../connection.ts';
import type { NonceCounts } from './nonces.ts';

export class Peer {
  /** One for each connection of the relay. */
  readonly id: number;
  readonly connection: Connection;
  readonly counts: NonceCounts;
  /** Its certificate names another host than it speaks for: nothing is taken from it any more (D-RELAY-14). */
  isBarred = false;
  /** Wrong AUTH requests. */
  failures = 0;
  /** AUTH requests that are being looked up. */
  lookups = 0;
  /** How many URIs at the head of its To-Path are ours and have been dealt with: another shard has found its sender to be the owner. */
  hops = 0;
  readonly #certificate: X509Certificate | undefined;
  readonly #isNamed = new Map<string, boolean>();

  constructor(id: number, connection: Connection, counts: NonceCounts) {
    this.id = id;
    this.connection = connection;
    this.counts = counts;
    this.#certificate = certificateOf(connection);
  }

  /** It has shown a certificate that we trust. Whoever has not is an endpoint. */
  get isRelay(): boolean {
    return this.#certificate !== undefined;
  }

  /** Whether it has proved to be that host. */
  isHost(host: string): boolean {
    let isNamed = this.#isNamed.get(host);
    if (isNamed === undefined) {
      isNamed = this.#names(host);
      if (this.#isNamed.size < 64) this.#isNamed.set(host, isNamed);
    }
    return isNamed;
  }

  #names(host: string): boolean {
    const certificate = this.#certificate;
    if (certificate === undefined) return false;
    const options = { subject: 'never', partialWildcards: false } as const;
    return (isIP(host) === 0 ? certificate.checkHost(host, options) : certificate.checkIP(host)) !== undefined;
  }
}

function certificateOf({ socket: { tls } }: Connection): X509Certificate | undefined {
  if (tls?.authorized !== true || tls.peerCertificate === undefined) return undefined;
  try {
    return new X509Certificate(tls.peerCertificate);
  } catch {
    return undefined;
  }
}
