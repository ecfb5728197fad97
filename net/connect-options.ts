// The options of connectors, acceptors and servers.

import type { ConnectionPool } from './connection-pool.ts';
import type { URI } from '../codec/index.ts';
import type { EndpointOptions } from './options.ts';
import type { ServiceResolver } from './srv.ts';

export interface ConnectOptions extends EndpointOptions {
  /** Outgoing connections are shared through it (RFC 4975 section 5.4). Default: each session has its own. */
  pool?: ConnectionPool;
  /** What asks the DNS where the relay of a domain is. Default: one of `node:dns`, with the name servers of this machine. */
  resolver?: ServiceResolver;
  /**
   * The relay gave us another path when AUTH was renewed: offer it to the peer (R4976-9.4-1). The session takes it when this returns, or
   * when the promise that it gives resolves, as it should once the peer has agreed. Until then, and where it throws or rejects, the
   * session goes on over the old one, which works until it expires.
   */
  onPathChange?: (fullLocalPath: URI[]) => Promise<void> | void;
}
