// What a run of the benchmarks says, and how two of them compare.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { wasReached } from '../../bench/format.ts';
import { plot } from '../../bench/plot.ts';
import { compare, markdownOf, readReport, type Report } from '../../bench/report.ts';
import type { Row } from '../../bench/row.ts';

const effort = { isOnce: false, rounds: 7, milliseconds: 150 };

function row(name: string, ratio: number, more: Partial<Row> = {}): Row {
  return { group: 'g', name, unit: 'op', speed: 1e6, ratio, lowest: ratio - 0.1, highest: ratio + 0.1, ...more };
}

const report = (...rows: Row[]): Report => ({ machine: 'a machine', effort, rows });

test('a table in Markdown has a line for each row, with its spread and whether it reached its goal', () => {
  const text = markdownOf(report(row('anchor', 1), row('ours', 0.8, { reach: 0.7, cpu: 2.5 })));
  expect(text.split('\n').slice(4)).toEqual([
    '| g | anchor | 1000 ns/op | 1.00 (0.90-1.10) |  |  |',
    '| g | ours | 1000 ns/op | 0.80 (0.70-0.90) | 2.50 CPU us a message | yes |',
  ]);
});

test.each<[string, Partial<Row>, string]>([
  ['nothing is asked', {}, ''],
  ['the ratio is there', { reach: 0.8 }, 'yes'],
  ['the ratio is not there', { reach: 0.81 }, 'NO'],
  ['the CPU is too much', { reach: 0.5, cpuRatio: 1.3, cpuReach: 1.25 }, 'NO'],
  ['the memory is too much', { bytesEach: 30_000, bytesEachReach: 20_480 }, 'NO'],
  ['both peaks are low enough', { peaks: [5, 6], peakReach: 6 }, 'yes'],
])('a row says whether it is good enough: %s', (_, more, said) => {
  expect(wasReached(row('ours', 0.8, more))).toBe(said);
});

test('two runs are compared by their ratios, and what is beyond their spread stands out', () => {
  const before = report(row('same', 1), row('better', 1), row('gone', 1));
  const after = report(row('same', 1.1), row('better', 1.5), row('new', 1));
  const lines = compare(before, after).split('\n');
  expect(lines).toContain('| g | same | 1.00 | 1.10 | 10 % |  |  |');
  expect(lines).toContain('| g | better | 1.00 | 1.50 | **50 %** |  |  |');
  expect(lines.filter((line) => /gone|new/.test(line))).toEqual([]);
});

test('what is no report is said so', () => {
  const folder = mkdtempSync(join(tmpdir(), 'msrp-bench-'));
  const file = join(folder, 'x.json');
  writeFileSync(file, '{}');
  expect(() => readReport(file)).toThrow(`${file} is no report: make one with --json`);
  rmSync(folder, { recursive: true });
});

test('curves become pictures, one for each group of points', () => {
  const folder = mkdtempSync(join(tmpdir(), 'msrp-bench-'));
  const points = [1, 10, 100].map((x) => row(`${x} sessions`, 1, { group: 'growth with sessions, each', x, cpu: x }));
  const files = plot(folder, [...points, row('no curve', 1)]);
  expect(files).toEqual([join(folder, 'growth-with-sessions.svg')]);
  const svg = readFileSync(files[0]!, 'utf8');
  expect(svg).toMatch(/^<svg /);
  for (const text of ['1 sessions', '100 sessions', 'CPU us a message']) expect(svg).toContain(text);
  rmSync(folder, { recursive: true });
});
