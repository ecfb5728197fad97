// A result as text for people, and in the words that the page has too.

import { type BenchResult, type Latency, latencyNames } from '../bench-result.ts';
import { formatMs } from './latency.ts';

/** The names and values of a line. */
export type Line = readonly [name: string, value: string];

export function formatCount(count: number): string {
  return count >= 100 || Number.isInteger(count) ? count.toFixed(0) : count.toFixed(1);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e4 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes.toFixed(0)} B`;
}

function formatLatency(latency: Latency): string {
  return latencyNames.map((name) => `${name} ${formatMs(latency[name])}`).join('   ');
}

export function settingsLines({ settings }: BenchResult): Line[] {
  const { relay, rate, window = 1, sessions, connections, threads } = settings;
  return [
    ['target', settings.target],
    ...(relay === undefined ? [] : [['relay', relay] as const]),
    ['sessions', `${sessions} on ${plural(connections, 'connection')}, ${plural(threads, 'thread')}`],
    ['messages', `${settings.size} bytes, in chunks of ${settings.chunkSize}${settings.reports ? ', reported' : ''}`],
    [
      'load',
      rate === undefined
        ? `closed loop, ${window} under way in each session`
        : `open loop, ${rate} messages/s due${settings.precise === true ? ', polled for' : ''}`,
    ],
    [
      'time',
      `ramp ${settings.rampSeconds} s, warm-up ${settings.warmUpSeconds} s, measured ${settings.durationSeconds} s`,
    ],
  ];
}

export function errorsText({ errors }: BenchResult): string {
  const { count, byCode, unfinished } = errors;
  const parts = Object.entries(byCode).map(([code, some]) => `${some} ${code}`);
  if (unfinished > 0) parts.push(`${unfinished} not finished in time`);
  return parts.length === 0 ? String(count) : `${count}: ${parts.join(', ')}`;
}

/** What the numbers are worth, where that has to be said. */
export function warningsOf(result: BenchResult): string[] {
  const { generator, settings, peer, delivered, interrupted } = result;
  const fault =
    settings.precise === true
      ? `messages were sent late, p99 ${formatMs(result.latenessMs?.p99 ?? 0)}`
      : `its busiest thread had work for ${(generator.busy * 100).toFixed(0)} % of the time`;
  const isStuck = settings.threads >= settings.connections;
  const more = isStuck ? 'more --connections and --threads' : 'more --threads';
  return [
    ...(interrupted ? ['stopped before its time: this is what was measured until then'] : []),
    ...(generator.isLimit ? [`the generator is the limit: ${fault}; use ${more}, or a smaller load`] : []),
    ...(peer?.agrees === false
      ? [
          `the peer has counted ${peer.messages} messages and ${peer.bytes} bytes, not ${delivered.messages} and ${delivered.bytes}`,
        ]
      : []),
  ];
}

export function resultLines(result: BenchResult): Line[] {
  const { measured, latencyMs, latenessMs, generator, peer } = result;
  const memory = `${formatBytes(generator.rssPeakBytes)} at most, ${formatBytes(generator.rssFirstBytes)} at first, ${formatBytes(generator.rssLastBytes)} at last`;
  return [
    ['delivered', `${measured.messages} messages in ${formatCount(measured.seconds)} s`],
    ['rate', `${formatCount(measured.messagesPerSecond)} messages/s   ${formatBytes(measured.bytesPerSecond)}/s`],
    ['latency', formatLatency(latencyMs)],
    ...(latenessMs === undefined ? [] : [['sent late', formatLatency(latenessMs)] as const]),
    ['errors', errorsText(result)],
    ['generator', `busy ${(generator.busy * 100).toFixed(0)} %   memory ${memory}`],
    ...(peer === undefined
      ? []
      : [
          [
            'peer',
            `${peer.messages} messages, ${peer.bytes} bytes in all${peer.agrees ? ', as delivered' : ''}   memory ${formatBytes(peer.rssPeakBytes)} at most`,
          ] as const,
        ]),
  ];
}

function lineText([name, value]: Line): string {
  return `  ${name.padEnd(9)}  ${value}`;
}

export function tableOf(result: BenchResult): string {
  return [
    ...settingsLines(result).map(lineText),
    '',
    ...resultLines(result).map(lineText),
    ...warningsOf(result).map((warning) => `! ${warning}`),
    ...result.crossed.map(({ threshold, actual }) => `! --fail-if ${threshold}: it was ${actual}`),
  ].join('\n');
}
