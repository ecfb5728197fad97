// The options of connectors, acceptors and servers.

import type { ConnectionPool } from './connection-pool.ts';
import type { EndpointOptions } from './options.ts';

export interface ConnectOptions extends EndpointOptions {
  /** Outgoing connections are shared through it (RFC 4975 section 5.4). Default: each session has its own. */
  pool?: ConnectionPool;
}
