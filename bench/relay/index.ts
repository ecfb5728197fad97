// A relay beside a proxy that pipes the same octets, and beside Kamailio. What counts is the process in the middle.

import type { Effort, Measurement, Row } from '../row.ts';
import { type Goal, rowsOf } from '../samples.ts';
import { kamailioMeasurements } from './against-kamailio.ts';
import { compare, Line, type Run } from './line.ts';
import { shardedMeasurements } from './shards.ts';

const mebibyte = 1_048_576;

const goals: readonly [chunkBytes: number, Goal][] = [
  [65_536, { reach: 0.78, cpuReach: 1.45 }],
  [8192, { reach: 0.6 }],
  [2048, { reach: 0.38 }],
];

function chunkMeasurements(isTLS: boolean): Measurement[] {
  return goals.map(([chunkBytes, goal]) => {
    const name = `relay, ${chunkBytes / 1024} KiB chunks, ${isTLS ? 'TLS' : 'TCP'}`;
    return {
      name,
      rows: (effort) => {
        const totalBytes = (effort.isOnce ? 2 : chunkBytes < 8192 || isTLS ? 128 : 256) * mebibyte;
        const call = { chunkBytes, totalBytes, eachItsMessage: false };
        return compare({ group: name, middles: ['pipe', 'relay'], call, isTLS, goal: isTLS ? {} : goal }, effort);
      },
    };
  });
}

/** A long transfer whose receiver sleeps in the middle, with a heap of 64 MB for the process in the middle. */
async function memoryRows(effort: Effort): Promise<Row[]> {
  const totalBytes = (effort.isOnce ? 2 : 64) * mebibyte;
  const times = effort.isOnce ? 2 : 64;
  const stall = { ms: effort.isOnce ? 100 : 20_000, atBytes: (times * totalBytes) / 4 };
  const group = `relay, ${(times * totalBytes) / mebibyte} MiB, the receiver sleeps ${stall.ms / 1000} s`;
  const runs = new Map<string, Run[]>();
  for (const kind of ['pipe', 'relay'] as const) {
    using line = new Line(kind, ['--max-old-space-size=64']);
    await line.open(undefined, { chunkBytes: 65_536, totalBytes, eachItsMessage: false });
    runs.set(kind, [await line.run(false, times, stall)]);
  }
  return rowsOf(group, 'B', runs, {}).map((row) => ({ ...row, peak: runs.get(row.name)![0]!.peak }));
}

const smallName = 'relay, messages of 100 B';

export const relayMeasurements: readonly Measurement[] = [
  ...chunkMeasurements(false),
  ...chunkMeasurements(true),
  {
    name: smallName,
    rows: (effort) => {
      const call = { chunkBytes: 100, totalBytes: 100 * (effort.isOnce ? 1000 : 100_000), eachItsMessage: true };
      return compare({ group: smallName, middles: ['pipe', 'relay'], call, isTLS: false, goal: {} }, effort);
    },
  },
  { name: 'relay, 4 GiB, the receiver sleeps for 20 s in the middle', rows: memoryRows },
  ...shardedMeasurements,
  ...kamailioMeasurements,
];
