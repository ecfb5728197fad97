// The right connector for the options, so that callers need not know the classes.

import { AcceptorDirect } from './acceptor-direct.ts';
import { AcceptorRelay } from './acceptor-relay.ts';
import type { Connector } from './connector.ts';
import { ConnectorDirect } from './connector-direct.ts';
import { ConnectorRelay } from './connector-relay.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { MSRPRelaySettings } from './relay-settings.ts';

export interface GetConnectorOptions extends ConnectOptions {
  /** Our relay, or several of which the first that works is used. Default: none, the peers connect to each other. */
  relay?: MSRPRelaySettings | readonly MSRPRelaySettings[] | undefined;
}

/** For the side that connects. */
export function getConnector({ relay, ...options }: GetConnectorOptions = {}): Connector {
  return relay === undefined ? new ConnectorDirect(options) : new ConnectorRelay(relay, options);
}

/** For the side that is connected to. */
export function getAcceptor({ relay, ...options }: GetConnectorOptions = {}): Connector {
  return relay === undefined ? new AcceptorDirect(options) : new AcceptorRelay(relay, options);
}
