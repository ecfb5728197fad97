// Transfers that fail: by TLS, at the sender's files, on the receiver's disk. Each is one line, coded, and ends with the right code.

import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeAuthority, makeCertificate } from '../net/certificates.ts';
import { type Ended, ended, main, msrp, said, start } from './msrp.ts';
import { type Event, eventsOf, type Receiver, Workplace } from './transfer.ts';

const place = new Workplace();

/** A command that says one line on stderr and nothing else. */
const failed = (exitCode: number, line: string | RegExp): Ended => ({
  stdout: '',
  stderr: typeof line === 'string' ? `${line}\n` : expect.stringMatching(new RegExp(`^${line.source}\n$`)),
  exitCode,
  signal: null,
});

describe('TLS', () => {
  const zeros = `SHA-256 ${'00:'.repeat(31)}00`;

  test('a certificate of an authority is taken by whoever trusts that', async () => {
    const authority = await makeAuthority('ours');
    const other = await makeAuthority('other');
    const server = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
    const [cert, key] = [place.file('cert.pem', server.cert), place.file('key.pem', server.key)];
    const receiver = await place.receive('--listen', 'msrps://127.0.0.1:0', '--cert', cert, '--key', key);
    expect(receiver.listening).not.toHaveProperty('fingerprint');
    const send = (...args: string[]): Promise<Ended> => msrp(['send', receiver.path, '-', ...args], 'secret');
    const host = new URL(receiver.path.replace('msrps', 'http').replace(/;.*/, '')).host;
    const untrusted = `msrp send: TLS with ${host} failed: its certificate is from an authority that is not trusted (MSRP_ERR_TLS)`;

    expect(await send('--ca', place.file('ours.pem', authority.cert))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await send()).toEqual(failed(1, untrusted));
    expect(await send('--ca', place.file('other.pem', other.cert))).toEqual(failed(1, untrusted));
    expect(await send('--ca', key)).toEqual(failed(3, `msrp send: cannot read ${key}: there is no certificate in it`));
    expect(await send('--ca', `${key}x`)).toEqual(failed(3, `msrp send: cannot read ${key}x: no such file`));
    expect((await receiver.stop()).events).toHaveLength(1);
    expect(readFileSync(join(place.inbox, 'stdin'), 'utf8')).toBe('secret');
  });

  test('a certificate of its own is taken by its fingerprint alone', async () => {
    const receiver = await place.receive('--listen', 'msrps://127.0.0.1:0');
    const { path, listening } = receiver;
    const { fingerprint } = listening as { fingerprint: string };
    const send = (...args: string[]): Promise<Ended> => msrp(['send', path, '-', ...args], 'secret');
    expect(await send()).toEqual(
      failed(
        1,
        /msrp send: TLS with \S+ failed: its certificate is self-signed and not among the trusted ones \(MSRP_ERR_TLS\)/,
      ),
    );
    expect(await send('--fingerprint', zeros)).toEqual(
      failed(
        1,
        /msrp send: TLS with \S+ failed: its certificate has the fingerprint SHA-256 \S+, expected SHA-256 [0:]+ \(MSRP_ERR_TLS\)/,
      ),
    );
    expect(await send('--fingerprint', fingerprint)).toMatchObject({ exitCode: 0, stderr: '' });
    await receiver.stop();
  });

  test('whoever speaks TLS to no TLS, or none to TLS, is told', async () => {
    const secure = await place.receive('--listen', 'msrps://127.0.0.1:0');
    expect(await msrp(['send', secure.path.replace('msrps:', 'msrp:'), '-'], 'x')).toEqual(
      failed(1, /msrp send: [^\n]+ \(MSRP_ERR_CLOSED\)/),
    );
    await secure.stop();
    const plain = await place.receive();
    expect(await msrp(['send', plain.path.replace('msrp:', 'msrps:'), '-', '--fingerprint', zeros], 'x')).toEqual(
      failed(1, /msrp send: TLS with \S+ failed: [^\n]+ \(MSRP_ERR_TLS\)/),
    );
    await plain.stop();
  });

  test('a certificate or key that is none, or not its, ends a receiver', async () => {
    const [one, other] = await Promise.all([makeCertificate({}), makeCertificate({})]);
    const [cert, key] = [place.file('cert.pem', one.cert), place.file('key.pem', other.key)];
    const receive = (...args: string[]): Promise<Ended> =>
      msrp(['receive', '--dir', place.inbox, '--listen', 'msrps://127.0.0.1:0', ...args]);
    const useless = /msrp receive: the certificate, key or CA cannot be used: [^\n]+ \(MSRP_ERR_TLS\)/;
    expect(await receive('--cert', cert, '--key', key)).toEqual(failed(3, useless));
    expect(await receive('--cert', key, '--key', key)).toEqual(failed(3, useless));
    expect(await receive('--cert', cert, '--key', `${key}x`)).toEqual(
      failed(3, `msrp receive: cannot read ${key}x: no such file`),
    );
  });
});

describe("the sender's file", () => {
  /** Sends standard input, which stays open until `change` has been made, then `path`. */
  async function sendLater(receiver: Receiver, path: string, change: () => void): Promise<[Ended, Event[]]> {
    const sender = start(['send', receiver.path, '-', path, '--json']);
    const end = ended(sender);
    sender.stdin.write(Buffer.alloc(200_000));
    await place.present('stdin.part');
    change();
    sender.stdin.end();
    return [await end, (await receiver.ended()).events];
  }

  test.each([
    ['grows', 'it grew while it was sent', (path: string) => appendFileSync(path, Buffer.alloc(100_000))],
    ['shrinks', 'it shrank while it was sent', (path: string) => truncateSync(path, 400_000)],
    ['is written to', 'it changed while it was sent', (path: string) => writeFileSync(path, '!', { flag: 'r+' })],
  ])('may change: one that %s is given up, and the receiver told', async (_, reason, change) => {
    const path = place.file('changing.bin', Buffer.alloc(600_000));
    const receiver = await place.receive('--once');
    const sender = ended(start(['send', receiver.path, path, '--json', '--limit', '500K']));
    await place.present('changing.bin.part');
    change(path);
    const sent = await sender;
    expect(eventsOf(sent.stdout)).toEqual([
      { event: 'failed', file: path, code: 'MSRP_ERR_SOURCE', message: `cannot read ${path}: ${reason}` },
    ]);
    expect([sent.stderr, sent.exitCode]).toEqual(['', 3]);
    expect((await receiver.ended()).events).toMatchObject([
      { event: 'failed', file: 'changing.bin', code: 'MSRP_ERR_ABORTED' },
    ]);
    expect(place.received).toEqual([]);
  });

  test('may vanish before its turn', async () => {
    const path = place.file('gone.txt', 'x');
    const [sent, events] = await sendLater(await place.receive('--once'), path, () => rmSync(path));
    expect(eventsOf(sent.stdout)[1]).toEqual({
      event: 'failed',
      file: path,
      code: 'ENOENT',
      message: `cannot read ${path}: no such file`,
    });
    expect([sent.stderr, sent.exitCode]).toEqual(['', 3]);
    expect(events).toMatchObject([{ event: 'received' }]);
  });

  test('may be none, or one that nobody may read: then nobody is asked to take it', async () => {
    const cannot = (path: string, reason: string): Ended => failed(3, `msrp send: cannot read ${path}: ${reason}`);
    const send = (path: string): Promise<Ended> => msrp(['send', 'msrp://127.0.0.1:9/abcd;tcp', path]);
    expect(await send(place.folder)).toEqual(cannot(place.folder, 'it is a directory'));
    expect(await send(join(place.folder, 'none'))).toEqual(cannot(join(place.folder, 'none'), 'no such file'));
    const secret = place.file('secret', 'x');
    chmodSync(secret, 0);
    if (process.getuid?.() !== 0) expect(await send(secret)).toEqual(cannot(secret, 'permission denied'));
  });

  test('may turn out not to be readable', { skip: process.platform !== 'linux' }, async () => {
    const receiver = await place.receive('--once');
    expect(await msrp(['send', receiver.path, '/proc/self/mem'])).toEqual(
      failed(3, 'msrp send: cannot read /proc/self/mem: i/o error'),
    );
    await receiver.ended();
  });
});

describe("the receiver's disk", () => {
  const refused = (path: string): Ended =>
    failed(1, `msrp send: ${path} did not arrive: 413 Stop sending (MSRP_ERR_TRANSACTION)`);

  test('may be full: the sender is stopped, and the next, smaller file is taken', async () => {
    // The shell allows files of 1 MiB at most.
    const args = ['-c', 'ulimit -f 2048; exec "$0" "$@"', process.execPath, main, 'receive', '--json', '--dir'];
    const receiver = await place.receiveIn(spawn('sh', [...args, place.inbox]));
    const path = place.file('large.bin', Buffer.alloc(20_000_000));
    expect(await msrp(['send', receiver.path, path])).toEqual(refused(path));
    expect(await msrp(['send', receiver.path, '-'], 'small')).toMatchObject({ exitCode: 0 });
    const { events, stderr } = await receiver.stop();
    expect(events).toEqual([
      { event: 'failed', file: 'large.bin', code: 'EFBIG', message: 'large.bin did not arrive: file too large' },
      expect.objectContaining({ event: 'received', bytes: 5 }),
    ]);
    expect(stderr).toBe('');
    expect(place.received).toEqual(['stdin']);
  });

  test('may lose its folder; that is one line too', async () => {
    const child = start(['receive', '--dir', place.inbox, '--once']);
    const end = ended(child);
    const [path = ''] = /msrp:\S+/.exec(await said(child, ';tcp\n')) ?? [];
    rmSync(place.inbox, { recursive: true });
    const file = place.file('large.bin', Buffer.alloc(20_000_000));
    expect(await msrp(['send', path, file])).toEqual(refused(file));
    expect(await end).toMatchObject({
      stderr: 'msrp receive: large.bin did not arrive: no such file\n',
      exitCode: 1,
      signal: null,
    });
    mkdirSync(place.inbox);
  });

  test('may have no such folder', async () => {
    const dir = place.file('no-folder', '');
    expect(await msrp(['receive', '--dir', dir])).toEqual(
      failed(3, `msrp receive: cannot use the folder ${dir}: file already exists`),
    );
  });
});

describe('help', () => {
  test.each([
    ['send', ['sent', 'failed'], 'photo.jpg'],
    ['receive', ['listening', 'resumed', 'received', 'failed'], '--dir inbox'],
  ])('of %s has examples, all events of --json, and the exit codes', async (name, events, example) => {
    const { stdout, stderr, exitCode } = await msrp([name, '--help']);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(new RegExp(`\n  \\$ msrp ${name} .*${example}`));
    for (const event of events) expect(stdout).toMatch(new RegExp(`\n  ${event} +\\w`));
    expect(stdout).toMatch(/Exit codes:\n(?: +\d+ {2}.+\n)+$/);
  });
});

describe('wrong usage', () => {
  const path = 'msrp://127.0.0.1:9/abcd;tcp';
  const secure = 'msrps://127.0.0.1:9/abcd;tcp';
  test.each([
    [['send'], "missing required argument 'path'"],
    [['send', path], "missing required argument 'file'"],
    [['send', path, '-', '--chunksize', '1'], "unknown option '--chunksize' (Did you mean --chunk-size?)"],
    [['send', path, '-', '--chunk-size'], "option '-c, --chunk-size <octets>' argument missing"],
    [['send', path, '-', '--chunk-size', '0'], '--chunk-size wants a number of octets, not 0'],
    [['send', path, '-', '--chunk-size', '1k'], '--chunk-size wants a number of octets, not 1k'],
    [['send', path, '-', '--limit', '0'], '--limit wants octets a second, such as 500K or 10M, not 0'],
    [['send', path, '-', '--limit', '10MB'], '--limit wants octets a second, such as 500K or 10M, not 10MB'],
    [['send', path, '-', '-'], 'standard input can be sent only once'],
    [['send', 'nonsense', '-'], 'that is no path: "nonsense" is no MSRP URI: '],
    [['send', path, '-', '--fingerprint', 'x'], '--fingerprint and --ca are for paths that begin with msrps://'],
    [['send', path, '-', '--ca', 'x'], '--fingerprint and --ca are for paths that begin with msrps://'],
    [['send', secure, '-', '--fingerprint', 'x'], 'bad fingerprint "x": '],
    [['receive', 'x'], "too many arguments for 'receive'"],
    [['receive', '--jsno'], "unknown option '--jsno' (Did you mean --json?)"],
    [['receive', '--listen', 'nonsense'], '--listen wants msrp://host:port or msrps://host:port, not nonsense'],
    [['receive', '--listen', 'msrp://127.0.0.1:99999'], '--listen: "99999" cannot be the port of an MSRP URI'],
    [['receive', '--cert', 'x'], '--cert and --key go together'],
    [['receive', '--shards', 'two'], '--shards wants a number of threads, not two'],
    [['receive', '--cert', 'x', '--key', 'x'], '--cert and --key are for --listen msrps://'],
  ])('%j is one line with a hint, even with --json', async ([name = '', ...args], reason) => {
    const { stdout, stderr, exitCode } = await msrp([name, '--json', ...args]);
    expect([stdout, exitCode]).toEqual(['', 2]);
    expect(stderr.startsWith(`msrp ${name}: ${reason}`)).toBe(true);
    expect(stderr).toMatch(new RegExp(`^[^\n]*; see msrp ${name} --help\n$`));
  });
});
