// The counters of a shard where all threads can see them: each is written by that shard alone.

import { newCounters, type RelayCounters } from './relay-context.ts';

const names = Object.keys(newCounters()) as (keyof RelayCounters)[];

/** Of one shard. */
export function counterMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(names.length * Float64Array.BYTES_PER_ELEMENT);
}

class SharedCounters {
  readonly values: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.values = new Float64Array(memory);
  }
}

for (const [at, name] of names.entries()) {
  Object.defineProperty(SharedCounters.prototype, name, {
    get(this: SharedCounters) {
      return this.values[at];
    },
    set(this: SharedCounters, value: number) {
      this.values[at] = value;
    },
  });
}

export function countersIn(memory: SharedArrayBuffer): RelayCounters {
  return new SharedCounters(memory) as unknown as RelayCounters;
}

export function addCounters(sum: RelayCounters, counters: RelayCounters): void {
  for (const name of names) sum[name] += counters[name];
}
