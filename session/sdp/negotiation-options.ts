// What an offer or an answer is to say, and how its connection is to be made.

import type { URI } from '../../codec/index.ts';
import type { ConnectOptions, MSRPRelaySettings, MSRPServer } from '../../net/index.ts';
import type { SessionOptions } from '../session-options.ts';
import type { NameLookup } from './cema.ts';
import type { FileAttributes } from './file-attributes.ts';
import type { MediaDirection } from './msrp-media.ts';

export interface NegotiationOptions {
  /** What we take: media types, `type/*` or `*`, the preferred first. Default: `['*']`. Others are answered with 415. */
  acceptTypes?: readonly string[];
  /** What we also take inside of those, such as `text/plain` in `message/cpim`. Default: none. */
  acceptWrappedTypes?: readonly string[];
  /** Octets of the largest message that we take; larger ones are answered with 413. Default: no limit. */
  maxSize?: number;
  /** Default: `sendrecv`, of an answer the reverse of the offer, of a file in an offer `sendonly`. */
  direction?: MediaDirection;
  /** One section is for one file (RFC 5547). In an offer the `transferId` is made, unless given. */
  file?: FileAttributes;
  /** What our chat room can do (RFC 7701 section 8). */
  chatroom?: readonly string[];
  /** Other lines for the section, such as `a=mid:1`. */
  lines?: readonly string[];

  /** Our URI: its host, user, parameters, and where to listen. Default: any free port, at an address of this machine. */
  localUri?: URI;
  /** Sockets, TLS, time limits. `tls` needs a certificate: both sides show one (RFC 8122). `tolerant` holds for SDP too. */
  connect?: ConnectOptions;
  /**
   * Listens instead of a socket for this session alone, and is not closed. For TLS it needs the certificate of `connect.tls`, and
   * `requestClientCertificate: 'unchecked'`.
   */
  server?: MSRPServer;
  /**
   * Our relay (RFC 4976), or several of which the first that works is used: the path that it gives us stands before our URI, and all goes
   * through it. `connect.tls` is then for the connection to it, `connect.onPathChange` hears when the path is to be offered anew. An offer
   * without TLS can only be answered through a relay without, and the other way round. Not with `server`, `cema`, `connectTo`. Default:
   * none.
   */
  relay?: MSRPRelaySettings | readonly MSRPRelaySettings[];
  /** Of the session that comes of it. */
  session?: Omit<SessionOptions, 'acceptTypes' | 'maxSize'>;

  /** Refuse a connection without TLS. Default false. */
  requireTLS?: boolean;
  /** Take part in CEMA (RFC 6714): connect where the c- and m-line point, through middleboxes. Default false. */
  cema?: boolean;
  /**
   * Where to connect to: `path`, or `media-line`, where the c- and m-line point, for middleboxes that rewrite these alone and say nothing
   * (without CEMA it is against RFC 4975 section 8.1). Default `path`.
   */
  connectTo?: 'path' | 'media-line';
  /** Finds the addresses of names for CEMA. Default: that of the system. */
  lookup?: NameLookup;
}

export interface OfferOptions extends NegotiationOptions {
  /** `active` where nobody can reach us, as behind a NAT (R6135-4.2.2-3). Default `actpass`: we listen, and the peer chooses. */
  setup?: 'actpass' | 'active';
  /** The description to put the m-line into, behind the others. Default: one with nothing else. */
  description?: string;
}

export interface AnswerOptions extends NegotiationOptions {
  /** What we are when the offer leaves the choice. Default `passive`. */
  setup?: 'active' | 'passive';
  /** The m-line of the offer to answer, from 0. Default: the first that a session can come of. */
  index?: number;
  /** The answer so far, to put the m-line into. Default: one that refuses all other m-lines. */
  description?: string;
}
