// The shards of an MSRPServer.

import type { ResourceLimits } from 'node:worker_threads';
import type { Settings } from '../options.ts';
import type { ClonedOptions, ServerTask } from './protocol.ts';
import { builtFile, ShardPool } from './shard-pool.ts';

export interface ServerPoolOptions {
  readonly shards: number;
  readonly handler: URL | undefined;
  readonly resourceLimits: ResourceLimits | undefined;
}

export function serverPool(settings: Settings, { handler, ...o }: ServerPoolOptions): ShardPool {
  const task: ServerTask = { options: cloned(settings.options), handler: handler?.href };
  const worker = builtFile(import.meta.url, './worker.js');
  return new ShardPool(settings, { ...o, worker, taskOf: () => ({ task }) });
}

function cloned(options: Settings['options']): ClonedOptions {
  const { traffic, timeouts, limits, tolerant, match } = options;
  return {
    ...(traffic && { traffic }),
    ...(timeouts && { timeouts }),
    ...(limits && { limits }),
    ...(tolerant !== undefined && { tolerant }),
    ...(match && { match }),
  };
}
