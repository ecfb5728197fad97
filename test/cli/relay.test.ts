// `msrp relay` as a process: it listens, relays, reloads, drains.

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Chunk, ChunkAssembler, ChunkDecoder, encodeChunk, type HeaderEntry, URI } from '../../codec/index.ts';
import { chooseChallenge, DigestClient } from '../../net/digest.ts';
import { nodeNetwork, type Socket, type SocketHandler } from '../../net/index.ts';
import { type Certificate, makeCertificate } from '../net/certificates.ts';
import { Arrivals } from '../net/open.ts';
import { ended, msrp, start } from './msrp.ts';
import type { Event } from './transfer.ts';

let folder: string;
let certificate: Certificate;
const children: ChildProcessWithoutNullStreams[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-relay-'));
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
  file('cert.pem', certificate.cert);
  file('key.pem', certificate.key);
  file('users', 'alice:wonderland\n');
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(
    children.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const end = ended(child);
      child.kill('SIGKILL');
      await end;
    }),
  );
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const path = (name: string): string => join(folder, name);

/** A relay, and its events as they come. */
function startRelay(...args: string[]): {
  child: ChildProcessWithoutNullStreams;
  next: (event: string) => Promise<Event>;
  end: Promise<unknown>;
} {
  const child = start([
    'relay',
    '--json',
    '--users',
    path('users'),
    '--cert',
    path('cert.pem'),
    '--key',
    path('key.pem'),
    ...args,
  ]);
  children.push(child);
  const events = new Arrivals<Event>();
  let rest = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.add(JSON.parse(line) as Event);
  });
  const next = async (event: string): Promise<Event> => {
    for (;;) {
      const came = await events.next();
      if (came['event'] === event) return came;
    }
  };
  return { child, next, end: ended(child) };
}

/** A client of the relay: its frames one after the other. */
class Client implements SocketHandler {
  readonly socket: Socket;
  readonly #frames = new Arrivals<Chunk>();
  readonly #decoder = new ChunkDecoder(new ChunkAssembler({ onChunk: (chunk) => this.#frames.add(chunk) }));
  readonly uri: string;
  readonly #ended = new Arrivals<'end' | 'close'>();

  constructor(socket: Socket, name: string) {
    this.socket = socket;
    this.uri = `msrps://127.0.0.1:9/${name};tcp`;
    socket.attach(this);
    socket.resume();
    sockets.push(socket);
  }

  static async connect(relayUri: string, name = 'alice98cjs'): Promise<Client> {
    const { host, port } = URI.parse(relayUri);
    return new Client(await nodeNetwork.connect({ host, port: port!, tls: { ca: certificate.cert } }), name);
  }

  onData(input: Buffer): void {
    this.#decoder.write(input);
  }

  onDrain(): void {}

  onEnd(): void {
    this.#ended.add('end');
    this.socket.end();
  }

  onClose(): void {
    this.#ended.add('close');
  }

  ended(): Promise<unknown> {
    return this.#ended.next();
  }

  next(): Promise<Chunk> {
    return this.#frames.next();
  }

  send(method: string, toPath: string, fields: readonly HeaderEntry[], data?: string): void {
    const headers: HeaderEntry[] = [['To-Path', toPath], ['From-Path', this.uri], ...fields];
    if (data !== undefined) headers.push(['Content-Type', 'text/plain']);
    const frame = new Chunk({ transactionId: 'client01', method, headers, ...(data !== undefined && { data }) });
    this.socket.write(encodeChunk(frame));
  }

  /** The code of the answer to an AUTH, and its Use-Path. */
  async authenticate(relayUri: string, password = 'wonderland', user = 'alice'): Promise<[number, string]> {
    return this.answer(relayUri, await this.challenge(relayUri, password, user));
  }

  async challenge(relayUri: string, password = 'wonderland', user = 'alice'): Promise<DigestClient> {
    this.send('AUTH', relayUri, []);
    const digest = new DigestClient(user, password, () => 'c0ffee');
    digest.take(chooseChallenge((await this.next()).headers.wwwAuthenticate)!);
    return digest;
  }

  async answer(relayUri: string, digest: DigestClient): Promise<[number, string]> {
    this.send('AUTH', relayUri, [['Authorization', digest.authorize(relayUri)!]]);
    const answer = await this.next();
    return [answer.code!, answer.headers.get('Use-Path') ?? ''];
  }
}

describe('msrp relay', () => {
  test.each([0, 2])('says where it listens, relays between two clients, serves metrics; %d shards', async (shards) => {
    const listen = ['--listen', 'msrps://127.0.0.1:0', '--metrics', '127.0.0.1:0'];
    const relay = startRelay(...listen, '--shards', String(shards));
    const { uri } = (await relay.next('listening')) as { uri: string };
    const { url } = (await relay.next('metrics')) as { url: string };
    expect(uri).toMatch(/^msrps:\/\/127\.0\.0\.1:\d+;tcp$/);
    const alice = await Client.connect(uri);
    const [code, usePath] = await alice.authenticate(uri);
    expect(code).toBe(200);
    const bob = await Client.connect(uri, 'bob12345');
    bob.send(
      'SEND',
      `${usePath} ${alice.uri}`,
      [
        ['Message-ID', 'message1'],
        ['Byte-Range', '1-5/5'],
      ],
      'hello',
    );
    expect((await bob.next()).code).toBe(200);
    expect((await alice.next()).data.toString()).toBe('hello');
    const metrics = await (await fetch(url)).text();
    expect(metrics).toMatch(/^msrp_relay_sessions 1$/m);
    expect(metrics).toMatch(/^msrp_relay_chunks_total 1$/m);
    expect(metrics).toMatch(/^msrp_relay_responses_total\{code="200"\} [01]$/m);
    expect(metrics).toMatch(/^msrp_relay_response_seconds_bucket\{le="\+Inf"\} [01]$/m);
    const health = await fetch(new URL('/healthz', url));
    expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
    expect((await fetch(new URL('/', url))).status).toBe(404);
  });

  test.each([0, 2])(
    'reads users, certificate and limits anew on SIGHUP, and goes on as it was where they are no good; %d shards',
    async (shards) => {
      const config = file('relay.json', JSON.stringify({ listen: ['msrps://127.0.0.1:0'], shards }));
      const relay = startRelay('--config', config);
      const { uri } = (await relay.next('listening')) as { uri: string };
      expect((await (await Client.connect(uri)).authenticate(uri, 'x', 'carol'))[0]).toBe(401);
      file('users', 'alice:wonderland\ncarol:christmas\n');
      certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
      file('cert.pem', certificate.cert);
      file('key.pem', certificate.key);
      relay.child.kill('SIGHUP');
      expect(await relay.next('reloaded')).toEqual({ event: 'reloaded', users: 2 });
      expect((await (await Client.connect(uri)).authenticate(uri, 'christmas', 'carol'))[0]).toBe(200);
      file('key.pem', 'none');
      relay.child.kill('SIGHUP');
      expect(await relay.next('failed')).toMatchObject({ message: expect.stringMatching(/^not reloaded: /) });
      expect((await (await Client.connect(uri)).authenticate(uri, 'christmas', 'carol'))[0]).toBe(200);
    },
  );

  test('takes no new sessions on SIGTERM, ends when those that there are have ended', async () => {
    const relay = startRelay('--listen', 'msrps://127.0.0.1:0', '--metrics', '127.0.0.1:0');
    const { uri } = (await relay.next('listening')) as { uri: string };
    const { url } = (await relay.next('metrics')) as { url: string };
    const alice = await Client.connect(uri);
    await alice.authenticate(uri);
    const late = await Client.connect(uri, 'late1234');
    const digest = await late.challenge(uri);
    relay.child.kill('SIGTERM');
    while ((await fetch(new URL('/healthz', url))).status !== 503);
    expect((await late.answer(uri, digest))[0]).toBe(403);
    await expect(Client.connect(uri)).rejects.toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    alice.socket.end();
    expect(await relay.next('stopped')).toEqual({ event: 'stopped', sessions: 0 });
    await late.ended();
    expect(await relay.end).toMatchObject({ exitCode: 143, stderr: '' });
  });

  test('ends sessions when the time for that is over', async () => {
    const relay = startRelay('--listen', 'msrps://127.0.0.1:0', '--drain', '0.1');
    const { uri } = (await relay.next('listening')) as { uri: string };
    const alice = await Client.connect(uri);
    await alice.authenticate(uri);
    relay.child.kill('SIGTERM');
    expect(await relay.next('stopped')).toEqual({ event: 'stopped', sessions: 1 });
    await alice.ended();
    expect(await relay.end).toMatchObject({ exitCode: 143 });
  });

  test('has help with examples, all its events, and the exit codes', async () => {
    const { stdout, exitCode } = await msrp(['relay', '--help']);
    expect(exitCode).toBe(0);
    for (const text of [
      '--listen msrps://',
      'listening',
      'metrics',
      'reloaded',
      'stopped',
      'log',
      'failed',
      'Exit codes:',
    ]) {
      expect(stdout).toContain(text);
    }
  });

  const wrong: [string, string[], RegExp, number][] = [
    ['no --users', ['--listen', 'msrps://127.0.0.1:0'], /--users is needed/, 2],
    ['no --listen', ['--users', 'USERS'], /--listen is needed/, 2],
    [
      'msrps without a certificate',
      ['--users', 'USERS', '--listen', 'msrps://127.0.0.1:0'],
      /needs --cert and --key/,
      2,
    ],
    ['a certificate without its key', ['--users', 'USERS', '--cert', 'x'], /--cert and --key go together/, 2],
    ['nowhere to listen', ['--users', 'USERS', '--listen', 'http://x'], /--listen wants msrps:\/\/host:port/, 2],
    [
      'nowhere for metrics',
      ['--users', 'USERS', '--listen', 'msrp://127.0.0.1:0', '--metrics', 'x'],
      /--metrics wants address:port/,
      2,
    ],
    [
      'users that are not there',
      ['--users', 'none', '--listen', 'msrp://127.0.0.1:0'],
      /cannot read none: no such file/,
      3,
    ],
    [
      'an address that is not here',
      ['--users', 'USERS', '--listen', 'msrp://192.0.2.1:2855'],
      /listening on 192\.0\.2\.1:2855 failed/,
      3,
    ],
  ];

  test.each(wrong)('%s is one line, and an exit code', async (_, args, message, exitCode) => {
    const end = await msrp(['relay', ...args.map((arg) => (arg === 'USERS' ? path('users') : arg))]);
    expect(end).toMatchObject({ exitCode, stderr: expect.stringMatching(message) });
    expect(end.stderr.split('\n')).toHaveLength(2);
  });

  test('says on a terminal where it listens', async () => {
    const child = start(['relay', '--users', path('users'), '--listen', 'msrp://127.0.0.1:0', '--allow-plain-auth']);
    children.push(child);
    const end = ended(child);
    child.stdout.once('data', () => child.kill('SIGINT'));
    expect(await end).toMatchObject({
      stdout: expect.stringMatching(
        /^listening at msrp:\/\/127\.0\.0\.1:\d+;tcp\nstopped; 0 sessions were ended by it\n$/,
      ),
      exitCode: 130,
    });
  });
});
