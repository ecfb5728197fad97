// A relay on one thread and on two, between two of its clients: on two, each of them is in the other one, and every octet crosses.

import { Peer, type Usage } from '../peer-process.ts';
import type { ConnectCall } from '../growth/end.ts';
import type { Effort, Measurement, Row } from '../row.ts';
import { type Goal, inTurns, rowsOf, type Sample } from '../samples.ts';
import type { SendCall, Sent } from '../send-all.ts';

const mebibyte = 1_048_576;
const end = (): Peer => new Peer(new URL('../growth/end.js', import.meta.url));

class Line {
  readonly #near = end();
  readonly #relay = end();
  readonly #far = end();

  async open(shards: number, chunkSize: number): Promise<this> {
    const port = await this.#relay.call<number>('relay', shards);
    const path = await this.#far.call<string>('accept', [port]);
    await this.#near.call('connect', { path, relays: [port], chunkSize } satisfies ConnectCall);
    return this;
  }

  async run(call: SendCall, perMessage: boolean): Promise<Sample> {
    await this.#relay.call('begin');
    const { seconds } = await this.#near.call<Sent>('send', call);
    const { cpu } = await this.#relay.call<Usage>('usage');
    const units = perMessage ? call.messages : call.messages * call.bytes;
    return { speed: units / seconds, cpu: (cpu * (perMessage ? 1e6 : 1e9)) / units };
  }

  [Symbol.dispose](): void {
    for (const each of [this.#near, this.#relay, this.#far]) each[Symbol.dispose]();
  }
}

async function rows(group: string, call: SendCall, perMessage: boolean, effort: Effort, goal: Goal): Promise<Row[]> {
  using one = new Line();
  using two = new Line();
  await one.open(1, 65_536);
  await two.open(2, 65_536);
  const lines = new Map([
    ['one shard', one],
    ['two shards, one end in each', two],
  ]);
  const samples = await inTurns(lines, { rounds: effort.rounds, warmUps: 1 }, (line) => line.run(call, perMessage));
  return rowsOf(group, perMessage ? 'op' : 'B', samples, goal);
}

const largeName = 'relay on shards, messages of 64 MiB in 64 KiB chunks';
const smallName = 'relay on shards, messages of 100 B, 100 under way, with success reports';

export const shardedMeasurements: readonly Measurement[] = [
  {
    name: largeName,
    rows: (effort) => {
      const call = { messages: effort.isOnce ? 1 : 4, bytes: (effort.isOnce ? 1 : 64) * mebibyte, window: 1 };
      return rows(largeName, call, false, effort, { cpuReach: 1.25 });
    },
  },
  {
    name: smallName,
    rows: (effort) => {
      const call = { messages: effort.isOnce ? 200 : 20_000, bytes: 100, window: 100 };
      return rows(smallName, call, true, effort, {});
    },
  },
];
