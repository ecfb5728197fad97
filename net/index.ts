// Connections, and sessions on them chunk by chunk: TCP and TLS, connectors, acceptors, the server.

export { AcceptorDirect } from './acceptor-direct.ts';
export { AcceptorRelay } from './acceptor-relay.ts';
export { type ReadOptions } from './chunk-reader.ts';
export { type Clock, systemClock, type Timer } from './clock.ts';
export { type CoarseTimer, type CoarseTimers } from './coarse-timers.ts';
export type { ConnectOptions } from './connect-options.ts';
export { ConnectionPool } from './connection-pool.ts';
export { ConnectorDirect } from './connector-direct.ts';
export { ConnectorRelay } from './connector-relay.ts';
export type { CompleteOptions, Connector } from './connector.ts';
export * from './errors.ts';
export * from './fingerprint.ts';
export { getAcceptor, getConnector, type GetConnectorOptions } from './get-connector.ts';
export { type ChunkOptions, longestFixedRange } from './make-chunk.ts';
export { MSRPServer, type PrepareOptions, type ServerOptions, type ServerStats } from './msrp-server.ts';
export {
  MSRPTransport,
  type PeerInfo,
  type TransportSink,
} from './msrp-transport.ts';
export { type IdentEntry, IdentTable } from './ident-table.ts';
export { nodeNetwork } from './node-network.ts';
export {
  type ConnectionLimits,
  type EndpointOptions,
  defaultConnectionLimits,
  type Logger,
  type Settings,
  type Timeouts,
} from './options.ts';
export type { PeerName, PeerProfile } from './peer-profile.ts';
export type { FrameSource, Outbox, Pulled, Written } from './outbox.ts';
export { type Random, systemRandom } from './random.ts';
export { formatResponse, isSuccess, makeResponse, mayReport, mayRespond, phraseOf } from './replies.ts';
export * from './relay/index.ts';
export type { Handler, ShardStats } from './shards/index.ts';
export * from './socket.ts';
export { type Remote, UnboundLimit, type UnboundLimits } from './unbound-limit.ts';
export { type MSRPRelayInit, MSRPRelaySettings } from './relay-settings.ts';
export type { ServiceRecord, ServiceResolver } from './srv.ts';
export { type Transaction, Transactions } from './transactions.ts';
