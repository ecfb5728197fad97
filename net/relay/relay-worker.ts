// The task of a worker thread of MSRPRelay: one shard of it.

import type { MessagePort } from 'node:worker_threads';
import { URI } from '../../codec/index.ts';
import { nodeNetwork } from '../node-network.ts';
import {
  errorOf,
  type Guest,
  type Host,
  host,
  type HostedListen,
  type ListenMessage,
  Mailbox,
  type ShardStart,
} from '../shards/index.ts';
import { RelayEngine } from './relay-engine.ts';
import type { RelayOptions } from './relay-options.ts';
import type { LinkMessage } from './link-protocol.ts';
import type { Callbacks, ClonedRelayOptions, FromRelayShard, RelayTask, ToRelayShard } from './relay-task.ts';
import { RelayCounters } from './relay-counters.ts';

export default async function shard(start: ShardStart): Promise<void> {
  await host(start, (hosting) => new RelayGuest(hosting, start.task as RelayTask));
}

/** The callbacks of the main thread. */
class Asking {
  readonly #mailbox: Pick<Mailbox<FromRelayShard>, 'post'>;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor(mailbox: Pick<Mailbox<FromRelayShard>, 'post'>) {
    this.#mailbox = mailbox;
  }

  ask<T>(what: keyof Callbacks, ...args: readonly unknown[]): Promise<T> {
    const id = ++this.#lastId;
    this.#mailbox.post({ kind: 'ask', id, what, args });
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  onAnswer({ id, value, error }: ToRelayShard & { kind: 'answer' }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(errorOf(error));
  }
}

class RelayGuest implements Guest {
  isIdle = false;
  readonly #host: Host;
  readonly #task: RelayTask;
  readonly #mailbox: Mailbox<FromRelayShard, ToRelayShard>;
  readonly #asking: Asking;
  readonly #engine: RelayEngine;
  readonly #links = new Map<number, MessagePort>();

  constructor(hosting: Host, task: RelayTask) {
    const { index, options, counters, port } = task;
    this.#host = hosting;
    this.#task = task;
    this.#mailbox = new Mailbox(port);
    this.#asking = new Asking(this.#mailbox);
    this.#engine = new RelayEngine(this.#optionsOf(options), { index, counters: new RelayCounters(counters) });
    this.#mailbox.receive((message) => this.#onMain(message));
  }

  #optionsOf({ publicUri, ...options }: ClonedRelayOptions): RelayOptions {
    const { logger } = this.#host;
    const { hasResolve, hasResolver } = this.#task;
    return {
      ...options,
      ...(publicUri !== undefined && { publicUri: URI.parse(publicUri) }),
      ...(logger && { logger }),
      credentials: (...args) => this.#asking.ask('credentials', ...args),
      authorize: (...args) => this.#asking.ask('authorize', ...args),
      ...(hasResolve && { resolve: (...args) => this.#asking.ask('resolve', ...args) }),
      ...(hasResolver && { resolver: { resolveSrv: (name) => this.#asking.ask('resolveSrv', name) } }),
    };
  }

  async listen({ host: name, port, tls }: ListenMessage, listen: HostedListen): Promise<void> {
    const uri = new URI({ host: name ?? 'localhost', port, useTLS: tls !== undefined });
    await this.#engine.listen(uri, { ...nodeNetwork, listen: async (_, onSocket) => listen({ tls }, onSocket) });
  }

  unlisten(): void {}

  onMessage(): void {}

  #onMain(message: ToRelayShard): void {
    switch (message.kind) {
      case 'neighbour':
        return this.#join(message.index, message.port);
      case 'lost':
        this.#links.get(message.index)?.close();
        this.#links.delete(message.index);
        return this.#engine.neighbours!.lose(message.index);
      case 'reload':
        return this.#engine.reload(this.#optionsOf(message.options));
      case 'answer':
        return this.#asking.onAnswer(message);
      case 'drain':
        return void this.#drain(message.ms);
      case 'close':
        return void this.#close();
    }
  }

  #join(index: number, port: MessagePort): void {
    const mailbox = new Mailbox<LinkMessage, LinkMessage>(port);
    const receive = this.#engine.neighbours!.join(index, (message, ...transfer) => mailbox.post(message, ...transfer));
    mailbox.receive(receive);
    this.#links.set(index, port);
  }

  async #drain(ms: number | undefined): Promise<void> {
    this.#mailbox.post({ kind: 'drained', left: await this.#engine.drain(ms) });
  }

  async #close(): Promise<void> {
    await this.#engine.close();
    this.#mailbox.post({ kind: 'closed' });
    this.isIdle = true;
    this.#host.check();
  }
}
