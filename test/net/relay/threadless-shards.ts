// A relay of several shards in one thread, on a simulated network: who connects goes to one after the other, and what crosses is cloned and
// comes later, as between threads.

import type { URI } from '../../../codec/index.ts';
import { RelayEngine } from '../../../net/relay/relay-engine.ts';
import type { LinkMessage } from '../../../net/relay/link-protocol.ts';
import { RelayCounters } from '../../../net/relay/relay-counters.ts';
import type { MSRPRelay, RelayOptions, RelayStats } from '../../../net/relay/index.ts';
import type { Listener, Network, Socket } from '../../../net/socket.ts';

type OnSocket = (socket: Socket) => void;

export class ThreadlessShards implements Pick<MSRPRelay, 'listen' | 'stats' | 'reload' | 'close'> {
  readonly #network: Network;
  readonly #shards: RelayEngine[];
  #next = 0;

  constructor(options: RelayOptions & { network: Network }, count: number) {
    this.#network = options.network;
    const limits = { ...options.limits };
    if (limits.bufferedBytes !== undefined) limits.bufferedBytes /= count;
    this.#shards = Array.from(
      { length: count },
      (_, index) => new RelayEngine({ ...options, limits }, { index, counters: new RelayCounters() }),
    );
    for (const [at, a] of this.#shards.entries()) {
      for (const [to, b] of this.#shards.entries()) {
        if (at < to) this.#join([a, at], [b, to]);
      }
    }
  }

  #join([a, at]: [RelayEngine, number], [b, to]: [RelayEngine, number]): void {
    const { defer } = this.#network;
    const toA: LinkMessage[] = [];
    const toB: LinkMessage[] = [];
    const into = (queue: LinkMessage[], receive: () => (message: LinkMessage) => void) => (message: LinkMessage) => {
      queue.push(structuredClone(message));
      defer(() => receive()(queue.shift()!));
    };
    const receiveA: (message: LinkMessage) => void = a.neighbours!.join(
      to,
      into(toB, () => receiveB),
    );
    const receiveB: (message: LinkMessage) => void = b.neighbours!.join(
      at,
      into(toA, () => receiveA),
    );
  }

  async listen(uri: URI): Promise<URI> {
    const takers: OnSocket[] = [];
    let listening: Promise<Listener> | undefined;
    const network: Network = {
      ...this.#network,
      listen: (at, onSocket) => {
        takers.push(onSocket);
        listening ??= this.#network.listen(at, (socket) => takers[this.#next++ % takers.length]!(socket));
        return listening;
      },
    };
    const uris = await Promise.all(this.#shards.map((shard) => shard.listen(uri, network)));
    return uris[0]!;
  }

  stats(): RelayStats {
    const sum = new RelayCounters();
    for (const { counters } of this.#shards) sum.add(counters);
    const connections = this.#shards.reduce((count, shard) => count + shard.connections, 0);
    return { ...sum.read(), connections };
  }

  reload(options: RelayOptions): void {
    for (const shard of this.#shards) shard.reload(options);
  }

  async close(o: { drain?: number } = {}): Promise<number> {
    const left = await Promise.all(this.#shards.map((shard) => shard.drain(o.drain)));
    await Promise.all(this.#shards.map((shard) => shard.close()));
    return left.reduce((sum, each) => sum + each, 0);
  }
}
