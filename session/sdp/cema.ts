// Connections through middleboxes that rewrite c- and m-lines but not the path (CEMA, RFC 6714), for ends without a relay of
// their own: what each side does, given whether the other's c- and m-line name the same place as a URI of its path.
//
//   answerer   offer without msrp-cema that does not match: refused; the offerer has a relay and will connect: as RFC 4975;
//              else the answer has msrp-cema, and if it connects then to the c- and m-line                       (4.3)
//   offerer    answer without msrp-cema that does not match, and it waits or the answerer has a relay: a new offer without;
//              the answerer has a relay and matches: as RFC 4975; else it connects to the c- and m-line            (4.2)
//
// Only the place to connect to changes: paths and their checks stay (section 4.1).

import { lookup } from 'node:dns/promises';
import { URI } from '../../codec/index.ts';
import type { Network } from '../../net/index.ts';
import type { MSRPMedia } from './msrp-media.ts';
import { discardPort, type Role } from './setup.ts';

/** The IP addresses of a name. */
export type NameLookup = (name: string) => Promise<readonly string[]>;

/** Where the c- and m-line point to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export const systemLookup: NameLookup = async (name) => {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
};

/** `undefined` where they point nowhere: `c=0.0.0.0`, which many write who mean nothing by it, or the discard port. */
export function placeOf({ address = '', port }: MSRPMedia): Place | undefined {
  const host = canonical(address);
  return ['', '0.0.0.0', '::'].includes(host) || port === 0 || port === discardPort ? undefined : { host, port };
}

/** Whether a URI of the path names the place of the c- and m-line (section 4.4); what points nowhere contradicts nothing. */
export async function matchesPath(media: MSRPMedia, resolve: NameLookup = systemLookup): Promise<boolean> {
  const place = placeOf(media);
  if (place === undefined) return true;
  const candidates = media.path.filter((uri) => uri.port === place.port);
  if (candidates.some((uri) => uri.host === place.host)) return true;
  if (candidates.length === 0) return false;
  const addresses = new Set(await addressesOf(place.host, resolve));
  for (const { host } of candidates) {
    if ((await addressesOf(host, resolve)).some((address) => addresses.has(address))) return true;
  }
  return false;
}

/** What the answerer does with an offer; `cema` says whether its answer has msrp-cema. */
export function answererRule(offer: MSRPMedia, matches: boolean, role: Role): 'refuse' | 'path' | 'cema' {
  if (!offer.cema) return matches ? 'path' : 'refuse';
  return offer.path.length > 1 && role === 'passive' ? 'path' : 'cema';
}

/** What the offerer does with an answer to an offer that has msrp-cema. */
export function offererRule(answer: MSRPMedia, matches: boolean, role: Role): 'offer-again' | 'path' | 'cema' {
  const hasRelay = answer.path.length > 1;
  if (!answer.cema && !matches && (hasRelay || role === 'passive')) return 'offer-again';
  return hasRelay && matches ? 'path' : 'cema';
}

/** The network, except that every connection goes to `place`; certificates must still name whom the path names. */
export function networkVia(network: Network, place: Place): Network {
  return {
    defer: (callback) => network.defer(callback),
    listen: (at, onSocket, onError) => network.listen(at, onSocket, onError),
    connect: (target, signal) => network.connect({ ...target, ...place, name: target.name ?? target.host }, signal),
  };
}

async function addressesOf(host: string, resolve: NameLookup): Promise<string[]> {
  try {
    return (await resolve(host)).map(canonical);
  } catch {
    return [];
  }
}

function canonical(host: string): string {
  try {
    return new URI({ host }).host;
  } catch {
    return host.toLowerCase();
  }
}
