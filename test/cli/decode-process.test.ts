// How `msrp decode` stands in a pipeline and on a terminal: what ends it, what it says, what it takes.

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ended, msrp, said, start } from './msrp.ts';
import { hasTerminals, onTerminal, startOnTerminal } from './terminal.ts';

const isLinux = process.platform === 'linux';
const head = 'To-Path: msrp://b.example:9/b;tcp\r\nFrom-Path: msrp://a.example:9/a;tcp\r\n';
const response = (id: string): string => `MSRP ${id} 200 OK\r\n${head}-------${id}$\r\n`;

describe('what cannot be read', () => {
  const cannot = (name: string, reason: string): object => ({
    stdout: '',
    stderr: `msrp decode: cannot read ${name}: ${reason}\n`,
    exitCode: 3,
    signal: null,
  });

  test('is said in one line', async () => {
    expect(await msrp(['decode', 'nowhere'])).toEqual(cannot('nowhere', 'no such file'));
    expect(await msrp(['decode', tmpdir()])).toEqual(cannot(tmpdir(), 'it is a directory'));
    expect(await msrp(['decode', 'a\x1b[31m'])).toEqual(cannot('a\\x1b[31m', 'no such file'));
  });

  test('may be so for lack of permission', { skip: process.getuid?.() === 0 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'msrp-'));
    const path = join(folder, 'secret');
    writeFileSync(path, '');
    chmodSync(path, 0);
    expect(await msrp(['decode', path])).toEqual(cannot(path, 'permission denied'));
    rmSync(folder, { recursive: true });
  });

  test('may turn out so after it was opened', { skip: !isLinux }, async () => {
    expect(await msrp(['decode', '/proc/self/mem'])).toEqual(cannot('/proc/self/mem', 'i/o error'));
  });
});

describe('wrong usage', () => {
  test.each([
    [
      ['decode', '--jsno'],
      /^msrp decode: unknown option '--jsno' \(Did you mean --json\?\); see msrp decode --help\n$/,
    ],
    [['decode', 'a', 'b'], /^msrp decode: too many arguments.*; see msrp decode --help\n$/],
    [['decoed'], /^msrp: unknown command 'decoed' \(Did you mean decode\?\); see msrp --help\n$/],
    [[], /^Usage: msrp /],
  ])('%j is told and exits with 2', async (args, stderr) => {
    expect(await msrp(args)).toEqual({ stdout: '', stderr: expect.stringMatching(stderr), exitCode: 2, signal: null });
  });
});

describe('help', () => {
  test.each([['--help'], ['help'], ['decode', '--help'], ['help', 'decode']])(
    'msrp %s %s has an example and the exit codes',
    async (...args) => {
      const { stdout, stderr, exitCode } = await msrp(args.filter((arg) => arg !== undefined));
      expect(stdout).toMatch(/^Usage: msrp /);
      expect(stdout).toMatch(/\n {2}\$ msrp decode capture\.msrp\n/);
      expect(stdout).toMatch(/Exit codes:\n {4}0 {2}all well\n[^]*130 {2}stopped by Ctrl-C\n[^]*\n$/);
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    },
  );

  test('--version is the one of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await msrp(['--version'])).toEqual({ stdout: `${version}\n`, stderr: '', exitCode: 0, signal: null });
  });
});

describe('an endless input', () => {
  test('is shown while it comes', async () => {
    const child = start(['decode', '--json']);
    const end = ended(child);
    const first = said(child, '"transactionId":"aaaa"');
    child.stdin.write(response('aaaa'));
    await first;
    child.stdin.end();
    expect((await end).exitCode).toBe(0);
  });

  test.each([['--json'], ['--tolerant']])('ends quietly when the reader of %s has enough', async (option) => {
    const child = start(['decode', option]);
    let stderr = '';
    child.stderr.on('data', (bytes) => (stderr += bytes));
    const feeding = feed(child, response('aaaa').repeat(1000));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [exitCode, signal] = (await once(child, 'exit')) as unknown[];
    await feeding;
    expect({ stderr, exitCode, signal }).toEqual({ stderr: '', exitCode: 0, signal: null });
  });

  test('ends with a summary and 130 at Ctrl-C, after a whole line', async () => {
    const child = start(['decode', '--json']);
    const end = ended(child);
    const feeding = feed(child, response('aaaa').repeat(1000));
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const { stdout, stderr, exitCode } = await end;
    await feeding;
    expect(stdout.endsWith('}\n')).toBe(true);
    const frames = stdout.split('\n').length - 1;
    expect(stderr).toMatch(/^msrp decode: stopped after [\d,]+ frames, none malformed, [\d,]+ bytes\n$/);
    expect(Number(stderr.replaceAll(',', '').match(/after (\d+)/)?.[1])).toBe(frames);
    expect(exitCode).toBe(130);
  });

  test('is not waited for once it is out of step', async () => {
    const child = start(['decode', '--json']);
    const end = ended(child);
    child.stdin.write('GET / HTTP/1.1\r\n');
    const { stdout, exitCode } = await end;
    expect(stdout).toContain('bad-start-line');
    expect(exitCode).toBe(1);
  });

  test('that is silent ends at Ctrl-C too', async () => {
    const child = start(['decode']);
    const end = ended(child);
    const first = said(child, 'complete');
    child.stdin.write(`${response('aaaa')}MSRP bbbb SE`);
    await first;
    child.kill('SIGINT');
    expect(await end).toMatchObject({
      stderr: expect.stringMatching(/stopped after 1 frame, none malformed, 116 bytes\n$/),
      exitCode: 130,
    });
  });
});

describe('memory', { skip: !isLinux, timeout: 60_000 }, () => {
  /** 300 MB: a body of 150 MB, chunks of 64 KiB and 2 KiB, and at the end a frame to wait for. */
  function* stream(): Generator<Buffer> {
    const block = Buffer.alloc(65_536, 'abcdefghijklmnopqrstuvwxyz-012345');
    const begin = (id: string): Buffer =>
      Buffer.from(`MSRP ${id} SEND\r\n${head}Message-ID: m0001\r\nContent-Type: text/plain\r\n\r\n`);
    const end = (id: string): Buffer => Buffer.from(`\r\n-------${id}$\r\n`);
    yield begin('large');
    for (let count = 0; count < 2300; count++) yield block;
    yield end('large');
    for (let count = 0; count < 1150; count++) yield Buffer.concat([begin('chunk'), block, end('chunk')]);
    const small = Buffer.concat([begin('small'), block.subarray(0, 2048), end('small')]);
    const some = Buffer.concat(Array.from({ length: 32 }, () => small));
    for (let count = 0; count < 1100; count++) yield some;
    yield Buffer.from(response('last'));
  }

  test.each([['--json'], ['--tolerant']])(
    'of 300 MB in, with 64 MB of heap, %s takes less than 128 MiB in all',
    async (option) => {
      const child = start(['decode', option], { NODE_OPTIONS: '--max-old-space-size=64' });
      const exit = once(child, 'exit');
      const last = said(child, 'last');
      for (const bytes of stream()) if (!child.stdin.write(bytes)) await once(child.stdin, 'drain');
      await last;
      const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
      child.stdin.end();
      expect(await exit).toEqual([0, null]);
      expect(peak).toBeGreaterThan(20 * 1024);
      expect(peak).toBeLessThan(128 * 1024);
    },
  );

  test('is bounded by a reader that does not read, and Ctrl-C ends even that', async () => {
    const child = start(['decode', '--json']);
    let stderr = '';
    child.stderr.on('data', (bytes) => (stderr += bytes));
    const feeding = feed(child, response('aaaa').repeat(1000));
    const taken = await standstill(child.pid ?? 0);
    expect(taken).toBeLessThan(8 * 1024 * 1024);
    const exit = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    child.stdout.destroy();
    await feeding;
    expect(stderr).toMatch(/^msrp decode: stopped after .*\n$/);
  });
});

describe('a terminal', { skip: !hasTerminals }, () => {
  const file = new URL('../vectors/tid-lengths.msrp', import.meta.url).pathname;

  test('gets colours and a summary', async () => {
    const text = await onTerminal(`"$NODE" "$MAIN" decode ${file}`);
    expect(text).toContain('\x1b[36mSEND\x1b[39m');
    expect(text).toMatch(/\nmsrp decode: \d+ frames, none malformed, [\d,]+ bytes\n$/);
  });

  test('gets no colours where NO_COLOR is set, and a pipe gets none from a terminal', async () => {
    expect(await onTerminal(`"$NODE" "$MAIN" decode ${file}`, { NO_COLOR: '1' })).not.toContain('\x1b');
    expect(await onTerminal(`"$NODE" "$MAIN" decode ${file} | cat`)).not.toContain('\x1b');
  });

  test('is told what it is asked for', async () => {
    const child = startOnTerminal(`"$NODE" "$MAIN" decode`);
    const end = ended(child);
    await said(child, 'waiting for MSRP on the terminal, until Ctrl-D');
    child.stdin.end('\x04');
    expect((await end).stdout).toContain('0 frames, none malformed, 0 bytes');
  });
});

/** Writes `text` again and again, as fast as `child` takes it, until that ends. */
async function feed(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  const gone = new AbortController();
  child.once('exit', () => gone.abort());
  try {
    for (;;) if (!child.stdin.write(text)) await once(child.stdin, 'drain', { signal: gone.signal });
  } catch {
    child.stdin.destroy();
  }
}

/** Waits until the process reads no more; returns how much it has read. */
async function standstill(pid: number): Promise<number> {
  let before = -1;
  for (;;) {
    const read = Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
    if (read === before && read > 0) return read;
    before = read;
    await delay(300);
  }
}
