// Our own side of offers and answers: the media section from the options, and the session from the transport.

import { MSRPError, type URI } from '../../codec/index.ts';
import type { ConnectOptions, MSRPRelaySettings, MSRPTransport } from '../../net/index.ts';
import { MSRPSession } from '../msrp-session.ts';
import { matchesPath, type Place, placeOf, systemLookup } from './cema.ts';
import { SDPError } from './errors.ts';
import { refusalOf } from './media-rules.ts';
import { MSRPMedia, type MSRPMediaInit } from './msrp-media.ts';
import type { NegotiationOptions } from './negotiation-options.ts';
import { ownFingerprints } from './own-fingerprints.ts';
import { discardPort, type Role } from './setup.ts';

/** The section that shows our `path`; `own` is what is not in the options as it stands. */
export function localMedia(path: readonly URI[], o: NegotiationOptions, own: MSRPMediaInit): MSRPMedia {
  const { acceptTypes = ['*'], acceptWrappedTypes, maxSize, chatroom, lines, connect } = o;
  if (acceptTypes.length === 0) throw badOptions('acceptTypes is empty');
  // R6135-4.3-1: nobody who connects to a relay of ours gets to see our certificate.
  const cert = o.relay === undefined && path[0]?.useTLS === true ? connect?.tls?.cert : undefined;
  const fingerprints = cert === undefined ? [] : ownFingerprints(cert);
  return new MSRPMedia({
    path,
    acceptTypes,
    acceptWrappedTypes,
    maxSize,
    chatroom,
    lines,
    fingerprints,
    ...own,
  });
}

/** The options for sockets of a session with or without TLS. */
export function connectOptionsOf({ connect = {} }: NegotiationOptions, useTLS: boolean): ConnectOptions {
  const { tls, ...others } = connect;
  if (!useTLS) return others;
  if (tls === undefined) throw badOptions('TLS needs a certificate: connect.tls');
  return { ...others, tls };
}

/** Our relays; `useTLS`: those with TLS, or those without. None: we have no relay. */
export function relaysOf(o: NegotiationOptions, useTLS?: boolean): readonly MSRPRelaySettings[] {
  if (o.relay === undefined) return [];
  if (o.server !== undefined) throw badOptions('behind a relay nobody listens: server or relay');
  if (o.cema === true || o.connectTo === 'media-line') {
    throw badOptions('who is behind a relay connects to that one: without cema and connectTo');
  }
  const relays = [o.relay].flat();
  const usable = relays.filter((relay) => relay.useTLS === (useTLS ?? relay.useTLS));
  const isBare = usable.some((relay) => !relay.useTLS);
  if (o.requireTLS === true && isBare) throw badOptions('TLS is required, but our relay is without');
  if (usable.length > 0) return usable;
  if (relays.length === 0) throw badOptions('there is no relay in relay');
  // D-SDP-8: the answer has the protocol of the offer.
  throw new SDPError('unusable', `the offer is with${useTLS === true ? '' : 'out'} TLS, and our relay is not`);
}

/** Throws an {@link SDPError} unless a session can come of `media`. */
export function checkRemote(media: MSRPMedia | undefined, o: NegotiationOptions): MSRPMedia {
  if (media === undefined) throw new SDPError('no-media', 'the session description has no m-line for MSRP');
  if (media.port === 0) throw new SDPError('rejected', 'the port of the m-line is 0');
  const { connect, requireTLS } = o;
  const refusal = refusalOf(media, { tolerant: connect?.tolerant, requireTLS });
  if (refusal !== undefined) throw new SDPError('unusable', refusal);
  const oddity = refusalOf(media, { requireTLS });
  if (oddity !== undefined) connect?.logger?.warn(`tolerated in the SDP of the peer: ${oddity}`);
  return media;
}

/** Throws an {@link SDPError} when we are to connect and the peer has nothing to connect to. */
export function checkReachable({ path, setup }: MSRPMedia, role: Role): void {
  const [first] = path;
  if (role === 'passive' || first === undefined) return;
  if (first.transport !== 'tcp') throw new SDPError('unusable', `there is no way to connect by ${first.transport}`);
  if (setup === 'active' && first.port === discardPort) throw new SDPError('unusable', 'both sides only connect');
}

/** Where to connect to, if not where the path says. */
export function viaOf(remote: MSRPMedia, o: NegotiationOptions, cema: boolean): Place | undefined {
  return cema || o.connectTo === 'media-line' ? placeOf(remote) : undefined;
}

export function isAtItsPath(remote: MSRPMedia, { lookup = systemLookup }: NegotiationOptions): Promise<boolean> {
  return matchesPath(remote, lookup);
}

/** What the caller asks for cannot be. */
export function badOptions(message: string): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', message, { scope: 'session' });
}

/** A session that takes what we said, and sends what the peer said. */
export function sessionOf(transport: MSRPTransport, o: NegotiationOptions, remote: MSRPMedia): MSRPSession {
  const { acceptTypes, maxSize } = o;
  return new MSRPSession(transport, {
    peer: { ...(remote.acceptTypes.length > 0 && { acceptTypes: remote.acceptTypes }), maxSize: remote.maxSize },
    ...o.session,
    ...(acceptTypes !== undefined && { acceptTypes }),
    ...(maxSize !== undefined && { maxSize }),
  });
}
