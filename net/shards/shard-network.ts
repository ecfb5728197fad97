// The network of a server whose connections live in shards, without a handler: its sockets stand for those of the shards, and whoever listens
// on it need not know. This is all that proxied sessions take.

import type { Transferable } from 'node:worker_threads';
import { nodeNetwork } from '../node-network.ts';
import type { ListenAddress, Listener, Network, Socket } from '../socket.ts';
import { HandingListener } from './handing-listener.ts';
import { ProxiedSocket } from './proxied-socket.ts';
import type { FromConnection, FromShard, Handed, ToConnection } from './protocol.ts';
import type { Shard } from './shard.ts';
import type { ShardPool } from './shard-pool.ts';

export function shardNetwork(pool: ShardPool): Network {
  return {
    ...nodeNetwork,
    listen: (at, onSocket, onError = () => {}) => listen(pool, at, onSocket, onError),
  };
}

async function listen(
  pool: ShardPool,
  at: ListenAddress,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void,
): Promise<Listener> {
  const proxied = new Map<Shard, Map<number, ProxiedSocket>>();
  const onMessage = (shard: Shard, message: FromShard): void => {
    if (!('connection' in message) || message.kind === 'gone') return;
    const sockets = proxied.get(shard) ?? new Map<number, ProxiedSocket>();
    proxied.set(shard, sockets);
    if (message.kind === 'opened') onSocket(open(shard, message, sockets));
    else sockets.get(message.connection)?.onMessage(message);
  };
  const onLost = (shard: Shard, error: Error): void => {
    for (const socket of proxied.get(shard)?.values() ?? []) socket.lose(error);
    proxied.delete(shard);
  };
  return HandingListener.open(pool, at, { onMessage, onLost }, onError);
}

function open(
  shard: Shard,
  message: FromConnection & Handed & { kind: 'opened' },
  sockets: Map<number, ProxiedSocket>,
): ProxiedSocket {
  const { connection } = message;
  const post = (to: ToConnection, ...transfer: readonly Transferable[]): void =>
    shard.post({ ...to, connection }, ...transfer);
  const socket = new ProxiedSocket(message, post, () => sockets.delete(connection));
  sockets.set(connection, socket);
  return socket;
}
