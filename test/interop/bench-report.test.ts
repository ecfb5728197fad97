// The page of `msrp bench --report` in a real browser: it draws its charts, and shows the numbers of the result.

import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BenchResult } from '../../cli/bench-result.ts';
import { msrp } from '../cli/msrp.ts';

const browser = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((file) => isExecutable(file));

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Nothing of its own over the network: the page needs none, and here there may be none. */
const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(browser === undefined)(
  'the report page, in Chromium (apt-get install chromium)',
  { timeout: 60_000 },
  () => {
    let folder = '';
    let result: BenchResult;
    let page = '';
    let log = '';

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'msrp-report-'));
      const file = join(folder, 'report.html');
      const args = ['--sessions', '5', '--rate', '500', '--duration', '1', '--fail-if', 'p50>1us', '--report', file];
      const { stdout, exitCode } = await msrp(['bench', '--self', ...args, '--json']);
      expect(exitCode).toBe(4);
      result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as BenchResult;
      const flags = [...quiet, `--user-data-dir=${join(folder, 'profile')}`, '--enable-logging=stderr', '--dump-dom'];
      const ended = await promisify(execFile)(browser ?? '', [...flags, pathToFileURL(file).href], {
        maxBuffer: 1 << 26,
      });
      page = ended.stdout;
      log = ended.stderr;
    }, 60_000);

    afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

    test('runs without an error and draws every chart', () => {
      const [root = ''] = /<html[^>]*>/.exec(page) ?? [];
      expect(root).toContain('data-charts="5"');
      expect(root).not.toContain('data-error');
      expect(log).not.toMatch(/CONSOLE|Uncaught|Refused/);
      for (const id of ['distribution', 'latency', 'throughput', 'memory', 'errors']) {
        expect(page).toMatch(new RegExp(`id="${id}"><div[^>]*class="uplot[^]*?<canvas width="\\d{3}`));
      }
    });

    test('has the result in it, and shows its numbers', () => {
      const [, json = ''] = /<script type="application\/json" id="result">(.*?)<\/script>/.exec(page) ?? [];
      expect(JSON.parse(json)).toEqual(result);
      const shown = [...page.matchAll(/<data data-place="([^"]+)" value="([^"]+)">([^<]+)<\/data>/g)];
      const places = new Map(shown.map(([, place = '', value, text = '']) => [place, { value: Number(value), text }]));
      const { measured, latencyMs, errors, peer, generator } = result;
      const expected = {
        'measured.messages': measured.messages,
        'measured.messagesPerSecond': measured.messagesPerSecond,
        'latencyMs.p50': latencyMs.p50,
        'latencyMs.p99.9': latencyMs['p99.9'],
        'latencyMs.max': latencyMs.max,
        'errors.count': errors.count,
        'generator.rssPeakBytes': generator.rssPeakBytes,
        'peer.messages': peer?.messages,
        'peer.bytes': peer?.bytes,
      };
      const found = Object.fromEntries(Object.keys(expected).map((place) => [place, places.get(place)?.value]));
      expect(found).toEqual(expected);
      for (const [place, { value, text }] of places) {
        expect([place, Math.abs(numberIn(text) - value) <= value * 0.06]).toEqual([place, true]);
      }
      expect(page).toContain('--fail-if p50&gt;1us: it was');
    });

    test('says with which settings', () => {
      expect(page).toContain('open loop, 500 messages/s due');
      expect(page).toContain('5 on 5 connections, 1 thread');
    });
  },
);

/** What a text such as `1.2 ms` or `81.2 MB` says, in milliseconds or in octets. */
function numberIn(text: string): number {
  const units: Record<string, number> = { us: 0.001, s: 1000, kB: 1e3, MB: 1e6, GB: 1e9, '%': 0.01 };
  const [, digits = '', unit = ''] = /^([\d.]+) ?([a-zA-Z%]*)/.exec(text) ?? [];
  return Number(digits) * (units[unit] ?? 1);
}
