// Curves as SVG: what a row costs over what grows.

import { init } from 'echarts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from './row.ts';

const size = { width: 720, height: 360 };

/** One file for each group whose rows are points of a curve. Returns their names. */
export function plot(folder: string, rows: readonly Row[]): string[] {
  const points = rows.filter(({ x }) => x !== undefined);
  const groups = [...new Set(points.map(({ group }) => group))];
  mkdirSync(folder, { recursive: true });
  return groups.map((group) => {
    const file = join(folder, `${fileNameOf(group)}.svg`);
    writeFileSync(
      file,
      svgOf(
        group,
        points.filter((row) => row.group === group),
      ),
    );
    return file;
  });
}

function fileNameOf(group: string): string {
  return group
    .replace(/,.*/, '')
    .replaceAll(/[^a-z]+/gi, '-')
    .toLowerCase();
}

function svgOf(title: string, rows: readonly Row[]): string {
  const [first] = rows;
  const costName = first?.unit === 'B' ? 'CPU s a GB' : 'CPU us a message';
  const latencies = rows.flatMap(({ latency }) => latency ?? []);
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, textStyle: { fontSize: 13 } },
    legend: { bottom: 0 },
    xAxis: { type: 'category', data: rows.map(({ name }) => name) },
    yAxis: [
      { type: 'value', name: costName },
      { type: 'value', name: latencies.length > 0 ? 'ms' : '', splitLine: { show: false } },
    ],
    series: [
      { name: costName, type: 'line', data: rows.map(({ cpu = 0 }) => Number(cpu.toPrecision(3))) },
      ...(latencies.length > 0
        ? [
            {
              name: 'latency, median',
              type: 'line',
              yAxisIndex: 1,
              data: latencies.map((ms) => Number(ms.toPrecision(3))),
            },
          ]
        : []),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
