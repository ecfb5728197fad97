// npm run bench -- [suite…] [--only TEXT] [--once] [--json | --markdown] [--plots FOLDER]
// npm run bench -- --compare BEFORE.json AFTER.json
//
// Each group is measured in a process of its own: what one makes the optimiser believe does not hold for the next.

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { codecMeasurements } from './codec.ts';
import { format } from './format.ts';
import { growthMeasurements } from './growth/index.ts';
import { plot } from './plot.ts';
import { relayMeasurements } from './relay/index.ts';
import { compare, markdownOf, readReport } from './report.ts';
import type { Effort, Measurement, Row } from './row.ts';
import { shardMeasurements } from './shards/index.ts';
import { transferMeasurements } from './transfer/index.ts';

const suites: Readonly<Record<string, readonly Measurement[]>> = {
  codec: codecMeasurements,
  transfer: transferMeasurements,
  shards: shardMeasurements,
  relay: relayMeasurements,
  growth: growthMeasurements,
};

interface Options {
  readonly only?: string;
  readonly group?: string;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly plots?: string;
  readonly compare?: boolean;
}

/** One group, for the parent. */
async function runGroup(name: string, effort: Effort): Promise<void> {
  const measurement = Object.values(suites)
    .flat()
    .find((each) => each.name === name);
  if (measurement === undefined) throw new Error(`there is no group ${name}`);
  console.log(JSON.stringify(await measurement.rows(effort)));
}

function runAll(chosen: readonly Measurement[], effort: Effort, { json, markdown, plots }: Options): void {
  const isText = json !== true && markdown !== true;
  const machine = `Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}`;
  if (isText) console.log(`${machine}; medians of ${effort.rounds} rounds\n`);
  const all: Row[] = [];
  for (const { name } of chosen) {
    const self = fileURLToPath(import.meta.url);
    const once = effort.isOnce ? ['--once'] : [];
    const { status, stdout } = spawnSync(process.execPath, [...process.execArgv, self, '--group', name, ...once], {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name} failed`);
    const rows = JSON.parse(stdout) as Row[];
    all.push(...rows);
    if (isText) console.log(format(rows));
  }
  const report = { machine, effort, rows: all };
  if (json === true) console.log(JSON.stringify(report));
  else if (markdown === true) console.log(markdownOf(report));
  if (plots !== undefined) for (const file of plot(plots, all)) console.error(file);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      group: { type: 'string' },
      once: { type: 'boolean' },
      json: { type: 'boolean' },
      markdown: { type: 'boolean' },
      plots: { type: 'string' },
      compare: { type: 'boolean' },
    },
  });
  const { only = '', group, once = false }: Options = values;
  if (values.compare === true) {
    const [before = '', after = ''] = positionals;
    console.log(compare(readReport(before), readReport(after)));
    return undefined;
  }
  const unknown = positionals.filter((name) => !Object.hasOwn(suites, name));
  if (unknown.length > 0) throw new Error(`unknown ${unknown.join(', ')}; there is ${Object.keys(suites).join(', ')}`);
  const effort: Effort = { isOnce: once, rounds: once ? 1 : 7, milliseconds: once ? 1 : 150 };
  if (group !== undefined) return runGroup(group, effort);
  const names = positionals.length > 0 ? positionals : Object.keys(suites);
  const chosen = names.flatMap((name) => suites[name]!).filter(({ name }) => name.includes(only));
  return runAll(chosen, effort, values);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
