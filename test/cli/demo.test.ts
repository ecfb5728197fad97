// npm start, on files of ours.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ended, type Ended } from './msrp.ts';
import { hashOf, Workplace } from './transfer.ts';

const demo = fileURLToPath(new URL('../../dist/cli/demo.js', import.meta.url));
const place = new Workplace();
const start = (...args: string[]) =>
  spawn(process.execPath, [demo, ...args], { detached: true, env: { ...process.env, TMPDIR: place.folder } });
const run = (...args: string[]): Promise<Ended> => ended(start(...args));
const leftovers = (): string[] => readdirSync(place.folder).filter((name) => name.startsWith('msrp-demo-'));

describe('npm start', { timeout: 30_000 }, () => {
  test.each([0, 1, 3_000_000])('carries a file of %d octets, and leaves nothing behind', async (size) => {
    const content = Buffer.alloc(size, 'x');
    const { stdout, stderr, exitCode } = await run(place.file('mine.bin', content));
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const rate = (way: string): unknown => expect.stringMatching(new RegExp(`^${way} +\\d+\\.\\d\\d s +\\d+ MB/s$`));
    expect(stdout.split('\n')).toEqual([
      `${size} bytes over loopback, from one process to another, from disk to disk, hashed at both ends`,
      rate('msrp through a relay, TLS'),
      `sha256 ${hashOf(content)} at both ends`,
      rate('msrp direct, TCP'),
      rate('bare socket, TLS'),
      rate('bare socket, TCP'),
      'Nothing is relayed or written to disk over the bare sockets.',
      '',
    ]);
    expect(leftovers()).toEqual([]);
  });

  test.each([
    [['none'], 'cannot read none: no such file', 3],
    [['/'], 'cannot read /: it is a directory', 3],
    [['/dev/null'], 'cannot read /dev/null: it is no file', 3],
    [['one', 'two'], 'takes one file, or none: npm start -- FILE', 2],
    [['--help'], 'takes one file, or none: npm start -- FILE', 2],
  ])('%j is one line', async (args, reason, exitCode) => {
    expect(await run(...args)).toEqual({ stdout: '', stderr: `npm start: ${reason}\n`, exitCode, signal: null });
    expect(leftovers()).toEqual([]);
  });

  test.each([
    ['SIGINT', 130, 'it'],
    ['SIGTERM', 143, 'it'],
    ['SIGINT', 130, 'it and all its children, as a terminal does'],
  ] as const)('%s (%d) to %s ends all, and leaves nothing behind', async (signal, exitCode, whom) => {
    const file = place.file('large.bin', '');
    truncateSync(file, 300_000_000);
    const child = start(file);
    const end = ended(child);
    while (!isReceiving()) await turn();
    process.kill(whom === 'it' ? pidOf(child) : -pidOf(child), signal);
    expect(await end).toMatchObject({ stderr: '', exitCode, signal: null });
    expect(leftovers()).toEqual([]);
    expect(commands().filter((line) => line.includes(place.folder))).toEqual([]);
  });
});

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('it did not start');
  return pid;
}

function isReceiving(): boolean {
  const [folder] = leftovers();
  return folder !== undefined && existsSync(join(place.folder, folder, 'relayed', 'large.bin.part'));
}

/** What processes of this machine were started with, where the system tells. */
function commands(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return []; // no process, or one that is gone
    }
  });
}
