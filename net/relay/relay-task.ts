// What the main thread and the shards of a relay tell each other, beside what every shard is told (net/shards/protocol.ts).

import type { MessagePort } from 'node:worker_threads';
import type { ErrorRecord } from '../shards/index.ts';
import type { ServiceResolver } from '../srv.ts';
import type { RelayOptions } from './relay-options.ts';

/** What of the options can be cloned. Of a reload too. */
export type ClonedRelayOptions = Omit<
  RelayOptions,
  | 'credentials'
  | 'authorize'
  | 'resolve'
  | 'resolver'
  | 'logger'
  | 'clock'
  | 'random'
  | 'network'
  | 'publicUri'
  | 'shards'
> & { readonly publicUri?: string };

/** The callbacks, which stay where they are; some need not be there. */
export interface Callbacks {
  credentials: RelayOptions['credentials'];
  authorize?: RelayOptions['authorize'] | undefined;
  resolve?: RelayOptions['resolve'] | undefined;
  resolveSrv?: ServiceResolver['resolveSrv'] | undefined;
}

/** The task of a worker of a relay. */
export interface RelayTask {
  readonly index: number;
  readonly options: ClonedRelayOptions;
  /** Whether these are asked: else the thread finds out for itself. */
  readonly hasResolve: boolean;
  readonly hasResolver: boolean;
  readonly counters: SharedArrayBuffer;
  readonly port: MessagePort;
}

export type ToRelayShard =
  /** Another shard is there, at the other end of that port. */
  | { readonly kind: 'neighbour'; readonly index: number; readonly port: MessagePort }
  | { readonly kind: 'lost'; readonly index: number }
  | { readonly kind: 'reload'; readonly options: ClonedRelayOptions }
  | { readonly kind: 'drain'; readonly ms: number | undefined }
  | { readonly kind: 'close' }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: ErrorRecord };

export type FromRelayShard =
  | { readonly kind: 'ask'; readonly id: number; readonly what: keyof Callbacks; readonly args: readonly unknown[] }
  | { readonly kind: 'drained'; readonly left: number }
  | { readonly kind: 'closed' };
