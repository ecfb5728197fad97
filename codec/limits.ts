// How much a peer may make us hold for one frame (D-LIMIT-1). The body of a SEND has no limit: it streams.

import { MSRPError } from './errors.ts';

export interface Limits {
  /** Octets of a start-line or header line, without its CRLF. A longer one closes the connection. Default 16,384. */
  lineBytes: number;
  /** Octets of a head: start-line, header lines and the empty line, CRLFs included. More closes the connection. Default 65,536. */
  headBytes: number;
  /** URIs in one To-Path, From-Path or Use-Path; no real route has more hops. More is answered with 400. Default 64. */
  pathURIs: number;
  /** WWW-Authenticate header fields in one head, one for each digest algorithm. More is a bad header. Default 8. */
  challenges: number;
  /** Octets of the body of a request other than SEND: it is held whole and may not be chunked (RFC 4975 7.1). Default 10,240. */
  nonSendBodyBytes: number;
}

export const defaultLimits: Readonly<Limits> = {
  lineBytes: 16_384,
  headBytes: 65_536,
  pathURIs: 64,
  challenges: 8,
  nonSendBodyBytes: 10_240,
};

/** The defaults with what is given in their place. Throws `MSRP_ERR_ARGUMENT` for a limit that is not a positive number. */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaultLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) {
      throw new MSRPError('MSRP_ERR_ARGUMENT', `the limit ${name} cannot be ${value}`, { scope: 'message' });
    }
  }
  return limits;
}
