// npm run bench -- [suite…] [--once] [--json]

import { availableParallelism, cpus } from 'node:os';
import { codecGroups } from './codec.ts';
import { type Effort, type Group, measure, type Row } from './rounds.ts';

const suites: Readonly<Record<string, () => (() => Group)[]>> = { codec: codecGroups };

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = [
  ...names.filter((name) => !Object.hasOwn(suites, name)),
  ...flags.filter((flag) => flag !== '--once' && flag !== '--json'),
];

if (unknown.length > 0) {
  console.error(`bench: unknown ${unknown.join(', ')}; there is ${Object.keys(suites).join(', ')}, --once and --json`);
  process.exitCode = 2;
} else {
  run(names.length > 0 ? names : Object.keys(suites));
}

function run(chosen: readonly string[]): void {
  const effort: Effort = flags.includes('--once') ? { rounds: 1, milliseconds: 1 } : { rounds: 7, milliseconds: 150 };
  const isJSON = flags.includes('--json');
  const machine = `Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}`;
  const all: Row[] = [];
  if (!isJSON) console.log(`${machine}; medians of ${effort.rounds} rounds\n`);
  for (const name of chosen) {
    for (const make of suites[name]!()) {
      const rows = measure(make(), effort);
      all.push(...rows);
      if (!isJSON) print(rows);
    }
  }
  if (isJSON) console.log(JSON.stringify({ machine, effort, rows: all }));
}

function print(rows: readonly Row[]): void {
  console.log(rows[0]!.group);
  for (const { name, unit, speed, p50, p99, ratio, lowest, highest, reach, ...row } of rows) {
    const amount = unit === 'B' ? `${(speed / 1e9).toFixed(3)} GB/s` : `${(1e9 / speed).toFixed(0)} ns/op`;
    const spread = `${ratio.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`;
    const verdict = reach === undefined ? '' : `  to reach ${reach}: ${ratio >= reach ? 'yes' : 'NO'}`;
    console.log(
      `  ${name.padEnd(38)} ${amount.padStart(12)}  p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms  ratio ${spread}${verdict}`,
    );
    if (row.chunksPerSecond === undefined) continue;
    const rate = `${(row.chunksPerSecond / 1e6).toFixed(3)} M chunks/s, ${(1e9 / row.chunksPerSecond).toFixed(0)} ns each`;
    const enough = row.chunksReach !== undefined && row.chunksPerSecond >= row.chunksReach ? 'yes' : 'NO';
    const goal = row.chunksReach === undefined ? '' : `  to reach ${(row.chunksReach / 1e6).toFixed(2)} M: ${enough}`;
    console.log(`  ${''.padEnd(38)} ${rate}${goal}`);
  }
  console.log('');
}
