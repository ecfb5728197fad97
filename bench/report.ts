// What a run has measured, as JSON, as a table in Markdown, and beside an earlier run.

import { readFileSync } from 'node:fs';
import { costOf, memoryOf, speedOf, wasReached } from './format.ts';
import type { Effort, Row } from './row.ts';

export interface Report {
  /** Node, cores, processor. */
  readonly machine: string;
  readonly effort: Effort;
  readonly rows: readonly Row[];
}

/** Throws where it is no report. */
export function readReport(file: string): Report {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Partial<Report>;
  if (!Array.isArray(report.rows)) throw new Error(`${file} is no report: make one with --json`);
  return report as Report;
}

export function markdownOf({ machine, rows }: Report): string {
  const lines = [
    machine,
    '',
    '| group | case | speed | ratio (spread) | cost | reached |',
    '| --- | --- | ---: | ---: | ---: | --- |',
  ];
  for (const row of rows) {
    const { group, name, ratio, lowest, highest } = row;
    const spread = `${ratio.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`;
    const cost = row.bytesEach === undefined ? costOf(row) : memoryOf(row.bytesEach);
    lines.push(
      `| ${group} | ${name} | ${row.bytesEach === undefined ? speedOf(row) : ''} | ${spread} | ${cost} | ${wasReached(row)} |`,
    );
  }
  return lines.join('\n');
}

/** What has changed between two runs: ratios to the anchors, which say more than speeds where machines are shared. */
export function compare(before: Report, after: Report): string {
  const known = new Map(before.rows.map((row) => [`${row.group} ${row.name}`, row]));
  const lines = [
    '| group | case | ratio before | after | change | CPU ratio before | after |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const row of after.rows) {
    const old = known.get(`${row.group} ${row.name}`);
    if (old === undefined) continue;
    const change = `${((row.ratio / old.ratio - 1) * 100).toFixed(0)} %`;
    const isBeyond = row.lowest > old.highest || row.highest < old.lowest;
    const cells = [old.ratio.toFixed(2), row.ratio.toFixed(2), isBeyond ? `**${change}**` : change];
    lines.push(`| ${row.group} | ${row.name} | ${cells.join(' | ')} | ${cpuOf(old)} | ${cpuOf(row)} |`);
  }
  const note = '\nBold: the spreads of the two runs do not overlap.';
  return [`before: ${before.machine}`, `after:  ${after.machine}`, '', ...lines, note].join('\n');
}

function cpuOf({ cpuRatio }: Row): string {
  return cpuRatio === undefined ? '' : cpuRatio.toFixed(2);
}
