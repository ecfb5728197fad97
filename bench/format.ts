// Rows as text, for people.

import type { Row } from './row.ts';

/** The rows of one group. */
export function format(rows: readonly Row[]): string {
  return [rows[0]!.group, ...rows.flatMap(linesOf), ''].join('\n');
}

function linesOf(row: Row): string[] {
  if (row.skipped !== undefined) return [`  ${row.name.padEnd(38)} skipped: ${row.skipped}`];
  if (row.bytesEach !== undefined) return [memoryLine(row, row.bytesEach)];
  const lines = [`  ${row.name.padEnd(38)} ${[speedOf(row).padStart(12), latencyOf(row), ratioOf(row)].join('  ')}`];
  const more = [chunksOf(row), cpuOf(row), peaksOf(row)].filter((text) => text !== '');
  for (const text of more) lines.push(`  ${''.padEnd(38)} ${text}`);
  return lines;
}

export function speedOf({ unit, speed }: Row): string {
  return unit === 'B' ? `${(speed / 1e9).toFixed(3)} GB/s` : `${(1e9 / speed).toFixed(0)} ns/op`;
}

function latencyOf({ p50, p99, latency }: Row): string {
  if (latency !== undefined) return `${latency.toFixed(3)} ms`;
  return p50 === undefined || p99 === undefined ? '' : `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms`;
}

function ratioOf({ ratio, lowest, highest, reach }: Row): string {
  const goal = reach === undefined ? '' : `  to reach ${reach}: ${ratio >= reach ? 'yes' : 'NO'}`;
  return `ratio ${ratio.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})${goal}`;
}

function chunksOf({ chunksPerSecond: rate, chunksReach: reach }: Row): string {
  if (rate === undefined) return '';
  const goal = reach === undefined ? '' : `  to reach ${(reach / 1e6).toFixed(2)} M: ${rate >= reach ? 'yes' : 'NO'}`;
  return `${(rate / 1e6).toFixed(3)} M chunks/s, ${(1e9 / rate).toFixed(0)} ns each${goal}`;
}

function cpuOf(row: Row): string {
  const { cpu, cpuRatio = 1, cpuReach: reach } = row;
  if (cpu === undefined) return '';
  const goal = reach === undefined ? '' : `  at most ${reach}: ${cpuRatio <= reach ? 'yes' : 'NO'}`;
  return `${costOf(row)}, ratio ${cpuRatio.toFixed(2)}${goal}`;
}

export function costOf({ unit, cpu }: Row): string {
  if (cpu === undefined) return '';
  return unit === 'B' ? `${cpu.toFixed(3)} CPU s a GB` : `${cpu.toFixed(2)} CPU us a message`;
}

/** Whether a row has what it is to reach, if that is anything. */
export function wasReached(row: Row): string {
  const { ratio, reach, chunksPerSecond = 0, chunksReach, cpuRatio = 1, cpuReach, bytesEach = 0, bytesEachReach } = row;
  const { peaks = [0, 0], peakReach } = row;
  const checks: readonly [number | undefined, boolean][] = [
    [reach, ratio >= (reach ?? 0)],
    [chunksReach, chunksPerSecond >= (chunksReach ?? 0)],
    [cpuReach, cpuRatio <= (cpuReach ?? 0)],
    [bytesEachReach, bytesEach <= (bytesEachReach ?? 0)],
    [peakReach, Math.max(...peaks) <= (peakReach ?? 0)],
  ];
  const asked = checks.filter(([goal]) => goal !== undefined);
  if (asked.length === 0) return '';
  return asked.every(([, isReached]) => isReached) ? 'yes' : 'NO';
}

export function memoryOf(bytes: number): string {
  return `${kibibytes(bytes)} each`;
}

function memoryLine({ name, bytesEachReach: reach }: Row, bytes: number): string {
  const goal = reach === undefined ? '' : `  at most ${kibibytes(reach)}: ${bytes <= reach ? 'yes' : 'NO'}`;
  return `  ${name.padEnd(38)} ${kibibytes(bytes)} each${goal}`;
}

function peaksOf({ peak, peaks, peakReach: reach }: Row): string {
  if (peak !== undefined) return `peak memory: ${mebibytes(peak)}`;
  if (peaks === undefined) return '';
  const [receiver, sender] = peaks;
  const isReached = reach !== undefined && Math.max(receiver, sender) <= reach;
  const goal = reach === undefined ? '' : `  at most ${mebibytes(reach)}: ${isReached ? 'yes' : 'NO'}`;
  return `peak memory: receiver ${mebibytes(receiver)}, sender ${mebibytes(sender)}${goal}`;
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}
