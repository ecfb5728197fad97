// In the main thread: a relay whose connections are spread over worker threads. It accepts and hands each connection over, answers what
// the shards ask of its callbacks, and joins the shards to each other.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { URI } from '../../codec/index.ts';
import type { Settings } from '../options.ts';
import {
  builtFile,
  checkShards,
  HandingListener,
  Mailbox,
  recordOf,
  ShardPool,
  type ShardTask,
} from '../shards/index.ts';
import { checkCredentials } from '../tls.ts';
import { UnboundLimit } from '../unbound-limit.ts';
import { counterMemory, RelayCounters } from './relay-counters.ts';
import { serverTLSOf } from './relay-listeners.ts';
import { type RelayOptions, type RelayRules, relaySettingsOf, reloadedOptions, rulesOf } from './relay-options.ts';
import type { Callbacks, ClonedRelayOptions, FromRelayShard, RelayTask, ToRelayShard } from './relay-task.ts';

/** As many as a token can tell apart, and more than there are cores. */
const mostShards = 1000;

/** How long shards may take to end when their connections are closed. */
const endingMs = 2000;

/** Sessions are the shards' affair. */
const noEvents = { onMessage: (): void => {}, onLost: (): void => {} };

/** What waits for the answer of a shard. */
type Expected = 'drained' | 'closed';

/** A shard, as far as it is a relay. */
class RelayShard {
  readonly counters: SharedArrayBuffer = counterMemory();
  readonly port: MessagePort;
  readonly mailbox: Mailbox<ToRelayShard, FromRelayShard>;
  readonly #callbacks: () => Callbacks;
  readonly #waiting = new Map<Expected, ((left: number) => void)[]>();

  constructor(callbacks: () => Callbacks) {
    const { port1, port2 } = new MessageChannel();
    this.#callbacks = callbacks;
    this.port = port2;
    this.mailbox = new Mailbox(port1);
    this.mailbox.receive((message) => this.#onMessage(message));
    port1.once('close', () => this.#settleAll());
  }

  #onMessage(message: FromRelayShard): void {
    if (message.kind === 'ask') void this.#answer(message);
    else this.#settle(message.kind, message.kind === 'drained' ? message.left : 0);
  }

  async #answer({ id, what, args }: FromRelayShard & { kind: 'ask' }): Promise<void> {
    const callback = this.#callbacks()[what] as ((...given: readonly unknown[]) => unknown) | undefined;
    try {
      // A user whom nobody is asked about may.
      const value = callback === undefined ? true : await callback(...args);
      this.mailbox.postNow({ kind: 'answer', id, value });
    } catch (error) {
      this.mailbox.post({ kind: 'answer', id, error: recordOf(error) });
    }
  }

  /** Sends it, and resolves with what the shard answers, or 0 when it is gone. */
  request(message: ToRelayShard, answer: Expected): Promise<number> {
    this.mailbox.post(message);
    return new Promise((resolve) => {
      this.#waiting.set(answer, [...(this.#waiting.get(answer) ?? []), resolve]);
    });
  }

  #settle(answer: Expected, left: number): void {
    for (const resolve of this.#waiting.get(answer) ?? []) resolve(left);
    this.#waiting.delete(answer);
  }

  #settleAll(): void {
    this.#settle('drained', 0);
    this.#settle('closed', 0);
  }
}

export class ShardedRelay {
  readonly #settings: Settings;
  readonly #pool: ShardPool;
  readonly #shards = new Map<number, RelayShard>();
  /** What shards have done that are gone. */
  readonly #past: RelayCounters = new RelayCounters();
  readonly #listeners: HandingListener[] = [];
  readonly #count: number;
  readonly #limits: { unboundConnections: number; unboundPerAddress: number };
  readonly #limit: UnboundLimit;
  #options: RelayOptions;
  #closed: Promise<void> | undefined;

  /** Throws `MSRP_ERR_ARGUMENT` for options that cannot be. */
  constructor(options: RelayOptions, shards: number) {
    checkShards(shards, options.network, mostShards);
    const rules = rulesOf(options);
    this.#settings = relaySettingsOf(options);
    this.#options = options;
    this.#count = shards;
    this.#limits = limitsOf(rules);
    const { logger } = this.#settings;
    this.#limit = new UnboundLimit(this.#limits, (reason) => logger?.warn(`a connection was closed: ${reason}`));
    this.#pool = new ShardPool(this.#settings, {
      shards,
      resourceLimits: undefined,
      worker: builtFile(import.meta.url, './relay-worker.js'),
      taskOf: (index) => this.#taskOf(index),
      onLost: (index) => this.#onLost(index),
    });
  }

  #taskOf(index: number): ShardTask {
    const shard = new RelayShard(() => callbacksOf(this.#options));
    const { counters, port } = shard;
    const options = clonedOf(this.#options, this.#count);
    const { resolve, resolver } = this.#options;
    const has = { hasResolve: resolve !== undefined, hasResolver: resolver !== undefined };
    for (const [other, { mailbox }] of this.#shards) {
      const { port1, port2 } = new MessageChannel();
      mailbox.post({ kind: 'neighbour', index, port: port1 }, port1);
      shard.mailbox.post({ kind: 'neighbour', index: other, port: port2 }, port2);
    }
    this.#shards.set(index, shard);
    return { task: { index, options, counters, port, ...has } satisfies RelayTask, transfer: [port] };
  }

  #onLost(index: number): void {
    const lost = this.#shards.get(index);
    if (lost === undefined) return;
    this.#shards.delete(index);
    this.#past.add(new RelayCounters(lost.counters));
    this.#past.forget();
    lost.mailbox.close();
    for (const { mailbox } of this.#shards.values()) mailbox.post({ kind: 'lost', index });
  }

  async listen(uri: URI): Promise<URI> {
    const tls = uri.useTLS ? serverTLSOf(this.#settings) : undefined;
    const at = { host: uri.host, port: uri.port, tls, limit: this.#limit };
    const { logger } = this.#settings;
    const handing = await HandingListener.open(this.#pool, at, noEvents, (error) => logger?.warn(error.message));
    this.#listeners.push(handing);
    return new URI({ host: uri.host, port: handing.port, useTLS: uri.useTLS });
  }

  get counters(): RelayCounters {
    const sum = new RelayCounters();
    sum.add(this.#past);
    for (const { counters } of this.#shards.values()) sum.add(new RelayCounters(counters));
    sum.limited += this.#limit.refused;
    return sum;
  }

  get connections(): number {
    return this.#listeners.reduce((sum, { connections }) => sum + connections, 0);
  }

  reload(options: RelayOptions): void {
    const limits = limitsOf(rulesOf(options));
    if (options.tls !== undefined) checkCredentials(options.tls);
    Object.assign(this.#limits, limits);
    if (options.tls !== undefined) for (const listener of this.#listeners) listener.setTLS(options.tls);
    this.#options = reloadedOptions(this.#options, options);
    for (const { mailbox } of this.#shards.values()) {
      mailbox.post({ kind: 'reload', options: clonedOf(this.#options, this.#count) });
    }
  }

  async drain(ms: number | undefined): Promise<number> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    const left = await Promise.all(
      [...this.#shards.values()].map((shard) => shard.request({ kind: 'drain', ms }, 'drained')),
    );
    return left.reduce((sum, each) => sum + each, 0);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => shard.request({ kind: 'close' }, 'closed')));
    await this.#pool.stopNow(endingMs);
  }
}

function limitsOf({ limits }: RelayRules) {
  return { unboundConnections: Number.POSITIVE_INFINITY, unboundPerAddress: limits.connectionsPerAddress };
}

function callbacksOf({ credentials, authorize, resolve, resolver }: RelayOptions): Callbacks {
  return { credentials, authorize, resolve, resolveSrv: resolver && ((name) => resolver.resolveSrv(name)) };
}

/** Callbacks, and what opens sockets and tells the time, stay here. */
const kept = new Set<string>(['resolver', 'logger', 'clock', 'random', 'network', 'shards', 'publicUri']);

function clonedOf(options: RelayOptions, shards: number): ClonedRelayOptions {
  const all = Object.entries(options).filter(([name, value]) => !kept.has(name) && typeof value !== 'function');
  const { limits, publicUri } = options;
  const { bufferedBytes } = rulesOf(options).limits;
  return {
    ...(Object.fromEntries(all) as ClonedRelayOptions),
    limits: { ...limits, bufferedBytes: bufferedBytes / shards },
    ...(publicUri !== undefined && { publicUri: String(publicUri) }),
  };
}
