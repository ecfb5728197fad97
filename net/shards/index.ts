// Sessions over worker threads: the main thread accepts, and hands each connection over whole, unread.

export { type Handler, handlerFailure, loadHandler } from './handler.ts';
export { ShardPool, type ShardStats } from './shard-pool.ts';
export type { Handled } from './shard-expectation.ts';
export { serverPool } from './server-pool.ts';
export { ShardListener } from './shard-listener.ts';
export { shardNetwork } from './shard-network.ts';
