// The right connector for the options, so that callers need not know the classes.

import { AcceptorDirect } from './acceptor-direct.ts';
import type { Connector } from './connector.ts';
import { ConnectorDirect } from './connector-direct.ts';
import type { ConnectOptions } from './connect-options.ts';

/** For the side that connects. */
export function getConnector(options?: ConnectOptions): Connector {
  return new ConnectorDirect(options);
}

/** For the side that is connected to. */
export function getAcceptor(options?: ConnectOptions): Connector {
  return new AcceptorDirect(options);
}
