// --report: one page that needs nothing else, neither network nor files. The charts are drawn by uPlot, whose code is in it, and so is the
// result, as JSON.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type BenchResult, latencyNames, type Sample } from '../bench-result.ts';
import { type Chart, drawCharts } from './report-script.ts';
import { errorsText, formatBytes, formatCount, type Line, settingsLines, warningsOf } from './table.ts';
import { formatMs } from './latency.ts';

const style = `
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --grid: #d0d7de; --soft: #59636e;
  --one: #0969da; --two: #bc4c00; --three: #8250df; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --grid: #30363d; --soft: #9198a1;
  --one: #58a6ff; --two: #f0883e; --three: #bc8cff; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; } td, th { padding: .2rem 1.2rem .2rem 0; text-align: left; vertical-align: top; font-weight: normal; }
th { color: var(--soft); } td { font-variant-numeric: tabular-nums; }
.bad { color: var(--bad); } .chart { width: 100%; } .u-legend { color: var(--ink); }
`;

/** Nothing from anywhere, whatever a text may try. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

export async function reportPage(result: BenchResult): Promise<string> {
  const [plotScript, plotStyle] = await Promise.all([ofPlot('uPlot.iife.min.js'), ofPlot('uPlot.min.css')]);
  const charts = chartsOf(result);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>msrp bench, ${escape(result.startedAt)}</title>
<link rel="icon" href="data:,">
<style>${plotStyle}${style}</style>
</head>
<body>
<h1>msrp bench, ${escape(result.startedAt)}</h1>
${notesOf(result)}
<h2>Result</h2>
<table>${figuresOf(result).map(row).join('')}</table>
${charts.map(({ id }) => `<h2>${titles[id] ?? id}</h2>\n<div class="chart" id="${id}"></div>`).join('\n')}
<h2>Settings</h2>
<table>${settingsLines(result).map(textRow).join('')}</table>
<script type="application/json" id="result">${jsonOf(result)}</script>
<script type="application/json" id="charts">${jsonOf(charts)}</script>
<script>addEventListener('error', (event) => { document.documentElement.dataset.error = event.message; });</script>
<script>${plotScript}</script>
<script>(${drawCharts.toString()})({ document, uPlot, getComputedStyle: (e) => getComputedStyle(e), matchMedia: (q) => matchMedia(q),
  addEventListener: (n, l) => addEventListener(n, l) });</script>
</body>
</html>
`;
}

function ofPlot(file: string): Promise<string> {
  return readFile(fileURLToPath(import.meta.resolve(`uplot/dist/${file}`)), 'utf8');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Ends no script element. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', String.raw`\u003c`);
}

/** A number of the result: its place there, itself, and as it is shown. */
type Figure = readonly [name: string, place: string, value: number, text: string];

function figuresOf(result: BenchResult): Figure[] {
  const { measured, latencyMs, latenessMs, errors, generator, peer } = result;
  const { rssPeakBytes } = generator;
  return [
    ['messages delivered', 'measured.messages', measured.messages, String(measured.messages)],
    ['in seconds', 'measured.seconds', measured.seconds, String(measured.seconds)],
    ['messages/s', 'measured.messagesPerSecond', measured.messagesPerSecond, formatCount(measured.messagesPerSecond)],
    ['throughput', 'measured.bytesPerSecond', measured.bytesPerSecond, `${formatBytes(measured.bytesPerSecond)}/s`],
    ...latencyNames.map(
      (name): Figure => [`latency ${name}`, `latencyMs/${name}`, latencyMs[name], formatMs(latencyMs[name])],
    ),
    ...(latenessMs === undefined
      ? []
      : [['sent late, p99', 'latenessMs.p99', latenessMs.p99, formatMs(latenessMs.p99)] as const]),
    ['errors', 'errors.count', errors.count, errorsText(result)],
    ['generator busy', 'generator.busy', generator.busy, `${(generator.busy * 100).toFixed(0)} %`],
    ['generator memory, at most', 'generator.rssPeakBytes', rssPeakBytes, formatBytes(rssPeakBytes)],
    ...(peer === undefined ? [] : peerFigures(peer)),
  ];
}

function peerFigures({ messages, bytes, rssPeakBytes }: NonNullable<BenchResult['peer']>): Figure[] {
  return [
    ['peer: messages in all', 'peer.messages', messages, String(messages)],
    ['peer: bytes in all', 'peer.bytes', bytes, String(bytes)],
    ['peer memory, at most', 'peer.rssPeakBytes', rssPeakBytes, formatBytes(rssPeakBytes)],
  ];
}

function row([name, place, value, text]: Figure): string {
  return `<tr><th>${escape(name)}</th><td><data data-place="${place.replaceAll('/', '.')}" value="${value}">${escape(text)}</data></td></tr>`;
}

function textRow([name, value]: Line): string {
  return `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`;
}

function notesOf(result: BenchResult): string {
  const crossed = result.crossed.map(({ threshold, actual }) => `--fail-if ${threshold}: it was ${actual}`);
  return [...warningsOf(result), ...crossed].map((note) => `<p class="bad">${escape(note)}</p>`).join('\n');
}

const titles: Readonly<Record<string, string>> = {
  distribution: 'Latency distribution',
  latency: 'Latency over time',
  throughput: 'Throughput over time',
  memory: 'Memory over time',
  errors: 'Errors over time',
};

function chartsOf({ distribution, samples }: BenchResult): Chart[] {
  const x = samples.map(({ seconds }) => seconds);
  const y = (of: (sample: Sample) => number): number[] => samples.map(of);
  // Each sample is as long as its distance to the one before.
  const perSecond = (of: (sample: Sample) => number): number[] =>
    samples.map((sample, at) => of(sample) / (sample.seconds - (samples[at - 1]?.seconds ?? 0)));
  const over = { x, xLabel: 'seconds' };
  const isPeerKnown = samples.some(({ peerRssBytes }) => peerRssBytes !== undefined);
  return [
    {
      id: 'distribution',
      x: distribution.map(({ share }) => share).toReversed(),
      xLabel: 'percentile',
      isDistribution: true,
      lines: [{ label: 'latency', colour: 'one', y: distribution.map(({ ms }) => ms).toReversed() }],
      unit: 'ms',
    },
    {
      id: 'latency',
      ...over,
      lines: [
        { label: 'p50', colour: 'one', y: y(({ p50Ms }) => p50Ms) },
        { label: 'p99', colour: 'two', y: y(({ p99Ms }) => p99Ms) },
        { label: 'max', colour: 'three', y: y(({ maxMs }) => maxMs) },
      ],
      unit: 'ms',
    },
    {
      id: 'throughput',
      ...over,
      lines: [
        { label: 'sent', colour: 'two', y: perSecond(({ sent }) => sent) },
        { label: 'delivered', colour: 'one', y: perSecond(({ delivered }) => delivered) },
      ],
      unit: 'messages/s',
    },
    {
      id: 'memory',
      ...over,
      lines: [
        { label: 'generator', colour: 'one', y: y(({ rssBytes }) => rssBytes / 1e6) },
        ...(isPeerKnown ? [{ label: 'peer', colour: 'two', y: y(({ peerRssBytes = 0 }) => peerRssBytes / 1e6) }] : []),
      ],
      unit: 'MB',
    },
    {
      id: 'errors',
      ...over,
      lines: [{ label: 'errors', colour: 'bad', y: y(({ errors }) => errors) }],
      unit: 'messages',
    },
  ];
}
