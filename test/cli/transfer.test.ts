import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dispositionOf, fileNameIn, sanitised } from '../../cli/file-name.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder = '';
let inbox = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-transfer-'));
  inbox = join(folder, 'inbox');
});

afterEach(() => rmSync(folder, { recursive: true }));

interface Receiver {
  child: ChildProcessWithoutNullStreams;
  listening: Record<string, string>;
  events: Record<string, unknown>[];
  ended: Promise<number>;
}

async function receive(...args: string[]): Promise<Receiver> {
  const child = spawn(process.execPath, [main, 'receive', '--json', '--dir', inbox, ...args]);
  const events: Record<string, unknown>[] = [];
  const lines = createInterface(child.stdout);
  const first = once(lines, 'line');
  lines.on('line', (line) => events.push(JSON.parse(line) as Record<string, unknown>));
  const ended = once(child, 'close').then(([code]) => code as number);
  await first;
  return { child, listening: events[0] as Record<string, string>, events, ended };
}

async function send(args: string[], input?: Buffer): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, 'send', ...args]);
  child.stdin.end(input);
  const exit = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exit) as [number];
  return { code, stdout, stderr };
}

function file(name: string, content: Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('msrp send and msrp receive', { timeout: 30_000 }, () => {
  test('several files arrive whole under their names, an empty one too; both say so', async () => {
    const contents = {
      'large.bin': randomBytes(3_000_000),
      'empty.txt': Buffer.alloc(0),
      'smäll "1".txt': Buffer.from('hi'),
    };
    const files = Object.entries(contents).map(([name, content]) => file(name, content));
    const receiver = await receive('--once');
    const sent = await send([receiver.listening['path']!, ...files, '--json', '--chunk-size', '10000']);
    expect([sent.code, sent.stderr, await receiver.ended]).toEqual([0, '', 0]);
    const events = sent.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event, bytes, sha256 }) => [event, bytes, sha256])).toEqual(
      Object.values(contents).map((content) => ['sent', content.length, hashOf(content)]),
    );
    expect(readdirSync(inbox).toSorted()).toEqual(['empty.txt', 'large.bin', 'smäll _1_.txt']);
    expect(readFileSync(join(inbox, 'large.bin')).equals(contents['large.bin'])).toBe(true);
    expect(receiver.events.slice(1).map(({ event }) => event)).toEqual(['received', 'received', 'received']);
  });

  test('standard input is sent, an existing file is kept, and the path serves one sender after the other', async () => {
    const receiver = await receive();
    for (const content of ['one', 'two']) {
      expect((await send([receiver.listening['path']!, '-', '--name', 'in.txt'], Buffer.from(content))).code).toBe(0);
    }
    receiver.child.kill('SIGINT');
    expect(await receiver.ended).toBe(130);
    expect(readdirSync(inbox).toSorted()).toEqual(['in-1.txt', 'in.txt']);
    expect(readFileSync(join(inbox, 'in.txt'), 'utf8')).toBe('one');
  });

  test('a second sender meanwhile is refused, and a sender that goes away leaves no file', async () => {
    const receiver = await receive();
    const path = receiver.listening['path']!;
    const first = spawn(process.execPath, [main, 'send', path, '-', '--name', 'half.bin']);
    first.stdin.write(randomBytes(200_000));
    while (!readdirSync(inbox).includes('half.bin.part')) await turn();
    const second = await send([path, '-'], Buffer.from('x'));
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('506')]);
    first.kill('SIGKILL');
    await once(first, 'close');
    const third = await send([path, '-', '--name', 'whole.txt'], Buffer.from('x'));
    expect(third.code).toBe(0);
    receiver.child.kill('SIGINT');
    await receiver.ended;
    expect(readdirSync(inbox)).toEqual(['whole.txt']);
    expect(receiver.events).toContainEqual(expect.objectContaining({ event: 'failed', file: 'half.bin' }));
  });

  test('over TLS the fingerprint that is shown is what admits', async () => {
    const receiver = await receive('--listen', 'msrps://127.0.0.1:0');
    const { path, fingerprint } = receiver.listening;
    const source = file('a.txt', Buffer.from('secret'));
    const wrong = await send([
      path!,
      source,
      '--fingerprint',
      `SHA-256 ${Array.from({ length: 32 }, () => '00').join(':')}`,
    ]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('fingerprint')]);
    expect((await send([path!, source])).code).toBe(1);
    expect((await send([path!, source, '--fingerprint', fingerprint!])).code).toBe(0);
    receiver.child.kill('SIGINT');
    await receiver.ended;
    expect(readFileSync(join(inbox, 'a.txt'), 'utf8')).toBe('secret');
  });

  test('a receiver that is not there, a file that is not, and wrong usage are one line each', async () => {
    const missing = await send(['msrp://127.0.0.1:1/abcd;tcp', join(folder, 'none')]);
    expect([missing.code, missing.stderr]).toEqual([
      3,
      `msrp send: cannot read ${join(folder, 'none')}: no such file\n`,
    ]);
    const refused = await send(['msrp://127.0.0.1:1/abcd;tcp', '-'], Buffer.from('x'));
    expect([refused.code, refused.stderr.split('\n').length]).toEqual([1, 2]);
    expect((await send(['nonsense', '-'])).code).toBe(2);
  });
});

describe('names of files', () => {
  test.each([
    ['plain.txt', 'plain.txt'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['..', 'fallback'],
    ['', 'fallback'],
    ['%2e%2e%2fx', '_x'],
    ['C:\\boot.ini', 'C__boot.ini'],
    ['nul.txt', 'fallback'],
    ['a\u0000b\u202etxt.exe', 'abtxt.exe'],
    ['.hidden', 'hidden'],
  ])('%j becomes %j', (given, expected) => {
    expect(sanitised(given, 'fallback')).toBe(expected);
  });

  test('a long one is cut, its extension kept', () => {
    const name = sanitised(`${'ä'.repeat(300)}.txt`, 'fallback');
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(243);
    expect(name.endsWith('ä.txt')).toBe(true);
  });

  test.each(['a "quoted" name.txt', '100%.txt', 'back\\slash'])('%j comes through a header field', (name) => {
    expect(decodeURIComponent(fileNameIn(dispositionOf(name)) ?? '')).toBe(name);
  });
});
