// Sessions over worker threads: the main thread accepts, and hands each connection over whole, unread.

export { type ErrorRecord, errorOf, recordOf } from './error-record.ts';
export { HandingListener } from './handing-listener.ts';
export { type Handler, handlerFailure, loadHandler } from './handler.ts';
export { HeadSender } from './head-slots.ts';
export { type Guest, type Host, host, type HostedListen } from './hosting.ts';
export { Mailbox } from './mailbox.ts';
export {
  bodyToken,
  creditBytes,
  factsOf,
  type ListenMessage,
  type ReadMessage,
  type ShardStart,
  type SocketFacts,
  type ToConnection,
  type Token,
} from './protocol.ts';
export { ProxiedSocket } from './proxied-socket.ts';
export { serverPool } from './server-pool.ts';
export type { ShardTask } from './shard.ts';
export type { Handled } from './shard-expectation.ts';
export { ShardListener } from './shard-listener.ts';
export { shardNetwork } from './shard-network.ts';
export { builtFile, checkShards, ShardPool, type ShardStats } from './shard-pool.ts';
