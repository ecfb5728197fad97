// `msrp bench` as a process: it agrees with what the peer counts, hides no pause, and says what went wrong.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BenchResult } from '../../cli/bench-result.ts';
import { MSRPRelay, MSRPServer, MSRPSession, URI } from '../../index.ts';
import { closeAfterTest } from '../net/open.ts';
import { ended, type Ended, msrp, said, start } from './msrp.ts';
import { eventsOf } from './transfer.ts';

const quick = ['--duration', '0.3', '--warm-up', '0.1'];

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-bench-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function resultIn({ stdout }: Ended): BenchResult {
  const result = eventsOf(stdout).find(({ event }) => event === 'result');
  if (result === undefined) throw new Error(`no result in ${stdout}`);
  return result as unknown as BenchResult;
}

/** A peer in this process: takes one session at each of its paths. `onMessage` is called when a message has come. */
async function openPeer(sessions: number, onMessage: (session: MSRPSession, count: number) => void): Promise<string[]> {
  const server = new MSRPServer();
  const stop = new AbortController();
  closeAfterTest(async () => {
    stop.abort();
    await server.close();
  });
  let count = 0;
  const serve = async (localUri: URI): Promise<void> => {
    const transport = await server.complete(undefined, { localUri, signal: stop.signal });
    const session: MSRPSession = new MSRPSession(transport, {
      onIncoming: (chunk) => {
        if (chunk?.continuation === '$') onMessage(session, ++count);
      },
    });
  };
  const paths: string[] = [];
  for (let at = 0; at < sessions; at++) {
    const [uri] = await server.prepare(new URI({ host: '127.0.0.1' }));
    paths.push(String(uri));
    serve(uri!).catch(() => {});
  }
  return paths;
}

describe('msrp bench --self', { timeout: 30_000 }, () => {
  test.each([
    ['closed loop', []],
    [
      'with a window, on shared connections, in threads',
      ['-n', '20', '--connections', '4', '--threads', '2', '-w', '8'],
    ],
    ['open loop with a ramp', ['--rate', '2000', '--sessions', '10', '--ramp', '0.2']],
    ['reported, over TLS, of two sizes', ['--reports', '--tls', '--size', '10:9,20000:1', '--sessions', '3']],
    ['open loop, polled', ['--rate', '300', '--precise']],
    ['in small chunks', ['--size', '1000-3000', '--chunk-size', '500', '--rate', '100']],
  ])('%s: all that was sent was delivered, and the peer has counted it', async (_, args) => {
    const end = await msrp(['bench', '--self', ...quick, '--json', ...args]);
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    const { sent, delivered, errors, peer, measured, latencyMs, samples, interrupted } = resultIn(end);
    expect(peer).toMatchObject({ ...delivered, agrees: true });
    expect(sent).toBe(delivered.messages);
    expect(delivered.messages).toBeGreaterThan(0);
    expect(errors).toEqual({ count: 0, byCode: {}, unfinished: 0 });
    expect(interrupted).toBe(false);
    expect(measured.messages).toBeLessThanOrEqual(delivered.messages);
    expect(measured.messagesPerSecond).toBeCloseTo(measured.messages / 0.3);
    expect(latencyMs.p50).toBeLessThanOrEqual(latencyMs.max);
    const total = samples.map((sample) => sample.delivered);
    expect(total.reduce((sum, count) => sum + count, 0)).toBe(delivered.messages);
  });

  test('an open loop sends just what was due', async () => {
    const args = ['--rate', '400', '--ramp', '0.5', '--warm-up', '0', '--duration', '0.5', '--json'];
    expect(resultIn(await msrp(['bench', '--self', ...args])).sent).toBe(300);
  });

  test('without --json it is a table', async () => {
    const end = await msrp(['bench', '--self', ...quick, '--rate', '100']);
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    for (const line of [
      /^ {2}load +open loop, 100 messages\/s due$/m,
      /^ {2}latency +p50 .* max /m,
      /^ {2}errors +0$/m,
    ]) {
      expect(end.stdout).toMatch(line);
    }
    expect(end.stdout).toMatch(/^ {2}peer +40 messages, 4000 bytes in all, as delivered/m);
  });

  test('Ctrl-C gives the result of what was until then', async () => {
    const child = start(['bench', '--self', '--json', '--rate', '500', '--duration', '100', '--warm-up', '0']);
    const end = ended(child);
    await said(child, '"progress"');
    child.kill('SIGINT');
    expect(await end).toMatchObject({ stderr: '', exitCode: 130 });
    const { interrupted, delivered, peer, errors, measured } = resultIn(await end);
    expect(interrupted).toBe(true);
    expect(errors.count).toBe(0);
    expect(peer).toMatchObject({ ...delivered, agrees: true });
    expect(measured.seconds).toBeLessThan(100);
  });
});

describe('thresholds', { timeout: 30_000 }, () => {
  test.each([
    [['p50>1us'], 4],
    [['p99.9>1000s', 'errors>0', 'rate<1'], 0],
    [['p99.9>1000s', 'rate<1000000'], 4],
  ])('%j ends with %d', async (conditions, exitCode) => {
    const args = conditions.flatMap((condition) => ['--fail-if', condition]);
    const end = await msrp(['bench', '--self', ...quick, '--rate', '100', ...args]);
    expect(end).toMatchObject({ stderr: '', exitCode });
    expect(end.stdout.includes('! --fail-if ')).toBe(exitCode === 4);
  });
});

describe('msrp bench --target', { timeout: 30_000 }, () => {
  test('a peer that stands still for a second cannot hide it', async () => {
    // Nothing in this process goes on, so nothing is answered: no message that is due then can take less.
    const standStill = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    const paths = await openPeer(1, (_, count) => count === 50 && standStill());
    const end = await msrp([
      'bench',
      '--target',
      ...paths,
      '--rate',
      '200',
      '--duration',
      '1',
      '--warm-up',
      '0',
      '--json',
    ]);
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    const { latencyMs, sent, delivered } = resultIn(end);
    expect(sent).toBe(200);
    expect(delivered.messages).toBe(200);
    expect(latencyMs.max).toBeGreaterThan(950);
    expect(latencyMs['p99.9']).toBeGreaterThan(950);
    // Of 150 messages that were due in that second half waited for half of it or more.
    expect(latencyMs.p90).toBeGreaterThan(500);
  });

  test('an echo is no harm, and each session has a path of its own', async () => {
    const seen = new Set<MSRPSession>();
    const paths = await openPeer(3, (session) => {
      seen.add(session);
      session.send('echo');
    });
    writeFileSync(join(folder, 'paths'), `${paths.join('\n')}\n`);
    const args = ['--targets', join(folder, 'paths'), '--sessions', '3', '--connections', '1', ...quick, '--json'];
    const end = await msrp(['bench', ...args, '--rate', '200']);
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    expect(resultIn(end).delivered.messages).toBe(80);
    expect(seen.size).toBe(3);
    expect(end.stdout).not.toContain(URI.parse(paths[0]!).sessionId);
  });

  test('a session that is lost makes errors, and the exit code says it', async () => {
    const paths = await openPeer(2, (session, count) => count === 20 && session.transport.destroy());
    const args = ['--target', ...paths, '--sessions', '2', '--rate', '200', ...quick, '--json'];
    const end = await msrp(['bench', ...args]);
    expect(end).toMatchObject({ stderr: '', exitCode: 1 });
    const { errors, sent, delivered } = resultIn(end);
    expect(errors.count).toBe(sent - delivered.messages);
    expect(errors.count).toBeGreaterThan(1);
    expect(Object.keys(errors.byCode).every((code) => code.startsWith('MSRP_ERR_'))).toBe(true);
  });

  test('goes through a relay', async () => {
    const relay = new MSRPRelay({ credentials: () => ({ password: 'wonderland' }), allowPlainAuth: true });
    closeAfterTest(async () => void (await relay.close()));
    const { port = 0 } = await relay.listen(new URI({ host: '127.0.0.1', useTLS: false, port: 0 }));
    const args = ['--relay', `msrp://alice@127.0.0.1:${port}`, '--rate', '50', ...quick, '--json'];
    const end = await msrp(['bench', '--self', ...args], '', { MSRP_PASSWORD: 'wonderland' });
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    expect(resultIn(end).peer).toMatchObject({ messages: 20, agrees: true });
  });

  test('where no session can be opened it says why in one line', async () => {
    const end = await msrp(['bench', '--target', 'msrp://127.0.0.1:9/abcd;tcp', '--json']);
    expect(end).toMatchObject({ stderr: '', exitCode: 1 });
    expect(eventsOf(end.stdout)).toEqual([
      {
        event: 'failed',
        code: 'MSRP_ERR_CONNECT',
        message: expect.stringMatching(/^not all sessions could be opened: /),
      },
    ]);
  });
});

describe('msrp bench --sink', { timeout: 30_000 }, () => {
  test.each(['msrp://127.0.0.1:0', 'msrps://127.0.0.1:0'])('at %s is a peer that counts', async (listen) => {
    const child = start(['bench', '--sink', '--sessions', '2', '--listen', listen, '--json']);
    const end = ended(child);
    const events = eventsOf(await saidLines(child, 2));
    const paths = events.map(({ path }) => String(path));
    const trust = events.flatMap(({ fingerprint }) => (typeof fingerprint === 'string' ? [fingerprint] : []));
    const args = ['--target', ...paths, '--sessions', '2', '--rate', '100', ...quick, '--json'];
    if (trust[0] !== undefined) args.push('--fingerprint', trust[0]);
    // Each path takes one session after the other.
    for (let run = 0; run < 2; run++) {
      expect(await msrp(['bench', ...args])).toMatchObject({ stderr: '', exitCode: 0 });
    }
    child.kill('SIGINT');
    expect(await end).toMatchObject({ stderr: '', exitCode: 130 });
    expect(eventsOf((await end).stdout).at(-1)).toEqual({ event: 'counted', messages: 80, bytes: 8000 });
  });
});

test('msrp bench --sink without --json has nothing but paths on stdout', { timeout: 30_000 }, async () => {
  const child = start(['bench', '--sink', '--listen', 'msrps://127.0.0.1:0']);
  const end = ended(child);
  await said(child, ';tcp\n');
  child.kill('SIGTERM');
  expect(await end).toMatchObject({
    stdout: expect.stringMatching(/^msrps:\/\/127\.0\.0\.1:\d+\/\w+;tcp\n$/),
    stderr: expect.stringMatching(/--fingerprint "SHA-256 [0-9A-F:]+"\nmsrp bench: 0 messages and 0 bytes came\n$/),
    exitCode: 143,
  });
});

async function saidLines(child: ReturnType<typeof start>, lines: number): Promise<string> {
  let all = '';
  while (all.split('\n').length <= lines) all = await said(child, '\n').then((text) => all + text);
  return all;
}

describe('--report', { timeout: 30_000 }, () => {
  test('is one page with the result in it, and nothing from elsewhere', async () => {
    const file = join(folder, 'report.html');
    const end = await msrp(['bench', '--self', ...quick, '--rate', '100', '--json', '--report', file]);
    expect(end).toMatchObject({ stderr: '', exitCode: 0 });
    const page = readFileSync(file, 'utf8');
    const [, json = ''] = /id="result">(.*)<\/script>/.exec(page) ?? [];
    expect(JSON.parse(json)).toEqual(resultIn(end));
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/(?:src|href)="(?!data:,)/);
  });

  test('that cannot be written is an error, after the result', async () => {
    const file = join(folder, 'none', 'report.html');
    const end = await msrp(['bench', '--self', ...quick, '--rate', '100', '--report', file]);
    expect(end.exitCode).toBe(3);
    expect(end.stdout).toContain('delivered');
    expect(end.stderr).toBe(`msrp bench: cannot write ${file}: no such file\n`);
    expect(existsSync(file)).toBe(false);
  });
});

test('wrong usage and the help are those of a command', async () => {
  expect(await msrp(['bench'])).toEqual({
    stdout: '',
    stderr: 'msrp bench: give either --target, or --targets, or --self; see msrp bench --help\n',
    exitCode: 2,
    signal: null,
  });
  expect(await msrp(['bench', '--sink', '--listen', 'x'])).toMatchObject({ stdout: '', exitCode: 2 });
  const { stdout, exitCode } = await msrp(['bench', '--help']);
  expect(exitCode).toBe(0);
  const texts = ['$ msrp bench --self', 'result ', 'errors>N', '    4  a --fail-if'];
  for (const text of texts) expect(stdout).toContain(text);
});
