// npm start: a file crosses loopback between two processes, msrp send and msrp receive, and the same octets cross a bare socket, for
// comparison. `npm start -- FILE` takes a file of yours, else 256 MiB of random bytes are made. Exit codes are those of `msrp`.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';
import { cannotRead } from './input.ts';

const demoBytes = 268_435_456;
const pieceBytes = 1_048_576;
const main = fileURLToPath(new URL('main.js', import.meta.url));
const self = fileURLToPath(import.meta.url);
const children = new Set<ChildProcess>();
const interruption = new AbortController();
const { signal } = interruption;

type Event = Record<string, string | number>;

/** Another process of ours; `args` are those of node. */
function start(args: readonly string[]): ChildProcess {
  signal.throwIfAborted();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function endChildren(): Promise<void> {
  await Promise.all(
    [...children].map(async (child) => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    }),
  );
}

/** The events that a child prints, a line each. Fails with what it says on stderr when it ends badly. */
async function* eventsOf(child: ChildProcess): AsyncGenerator<Event> {
  let stderr = '';
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const exit = once(child, 'close');
  if (child.stdout !== null) for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as Event;
  const [code] = (await exit) as [number | null];
  if (code !== 0) throw new Error(`a process ended with ${code ?? 'a signal'}: ${stderr.trim()}`);
}

async function next(events: AsyncGenerator<Event>): Promise<Event> {
  const result = await events.next();
  if (result.done === true) throw new Error('a process ended too early');
  return result.value;
}

async function makeFile(folder: string): Promise<string> {
  const file = join(folder, 'random.bin');
  const handle = await open(file, 'wx');
  const piece = Buffer.allocUnsafe(pieceBytes);
  try {
    for (let bytes = 0; bytes < demoBytes; bytes += piece.length) {
      signal.throwIfAborted();
      await handle.write(randomFillSync(piece));
    }
  } finally {
    await handle.close();
  }
  return file;
}

async function sizeOf(file: string): Promise<number> {
  const stats = await stat(file).catch((error: unknown) => {
    throw cannotRead(file, reasonOf(error), error);
  });
  if (!stats.isFile()) throw cannotRead(file, stats.isDirectory() ? 'it is a directory' : 'it is no file');
  return stats.size;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file, { highWaterMark: pieceBytes }), hash, { signal });
  } catch (error) {
    throw cannotRead(file, reasonOf(error), error);
  }
  return hash.digest('hex');
}

/** msrp receive and msrp send. */
async function overMSRP(file: string, folder: string): Promise<{ seconds: number; sent: Event; received: Event }> {
  const receiver = eventsOf(start([main, 'receive', '--once', '--json', '--dir', folder]));
  const { path = '' } = await next(receiver);
  const sender = eventsOf(start([main, 'send', '--json', String(path), file]));
  const [sent, received] = await Promise.all([next(sender), next(receiver)]);
  await Promise.all([sender.next(), receiver.next()]);
  return { seconds: Number(sent['seconds']), sent, received };
}

/** The same file read from disk and hashed at both ends, but nothing else than a socket in between. */
async function overSocket(file: string): Promise<number> {
  const receiver = eventsOf(start([self, '--sink']));
  const { port = 0 } = await next(receiver);
  const sender = eventsOf(start([self, '--source', file, String(port)]));
  const [{ seconds = 0 }] = await Promise.all([next(sender), next(receiver)]);
  return Number(seconds);
}

/** Child of `overSocket`: takes one connection, hashes what comes, says when it is over. */
async function sink(): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 }));
  const [socket] = (await once(server, 'connection')) as [Socket];
  const hash = createHash('sha256');
  socket.on('data', (bytes) => hash.update(bytes));
  await once(socket, 'end');
  socket.end('done');
  server.close();
  console.log(JSON.stringify({ sha256: hash.digest('hex') }));
}

/** Child of `overSocket`: sends the file, and waits until the other end has it. */
async function source(file: string, port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const started = performance.now();
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(file, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>) {
    hash.update(bytes);
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'data');
  socket.resume();
  console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 }));
}

function stopWith(exitCode: ExitCode): void {
  interruption.abort(exitCode);
  void endChildren();
}

async function demo(given: string | undefined): Promise<void> {
  process.once('SIGINT', () => stopWith(ExitCode.interrupted));
  process.once('SIGTERM', () => stopWith(ExitCode.terminated));
  const folder = await mkdtemp(join(tmpdir(), 'msrp-demo-'));
  try {
    const file = given ?? (await makeFile(folder));
    const size = await sizeOf(file);
    console.log(`${size} bytes over loopback TCP, from one process to another, from disk to disk, hashed at both ends`);
    const expected = await hashOf(file);
    const { seconds, sent, received } = await overMSRP(file, join(folder, 'received'));
    if (sent['sha256'] !== expected || received['sha256'] !== expected || received['bytes'] !== size) {
      throw new Error(
        `the hashes differ: ${expected} was to be sent, ${String(sent['sha256'])} was sent, ${String(received['sha256'])} received`,
      );
    }
    const bare = await overSocket(file);
    console.log(`sha256 ${expected} at both ends`);
    console.log(`msrp         ${seconds.toFixed(2)} s  ${(size / seconds / 1e6).toFixed(0)} MB/s`);
    console.log(`bare socket  ${bare.toFixed(2)} s  ${(size / bare / 1e6).toFixed(0)} MB/s, nothing written to disk`);
  } finally {
    await endChildren();
    await rm(folder, { recursive: true });
  }
}

async function run([role, ...rest]: readonly string[]): Promise<void> {
  if (role === '--sink') return sink();
  if (role === '--source') return source(rest[0] ?? '', Number(rest[1]));
  if (role?.startsWith('-') === true || rest.length > 0) {
    throw new CommandFailure('takes one file, or none: npm start -- FILE', ExitCode.usage);
  }
  return demo(role);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof CommandFailure ? error.exitCode : ExitCode.fault;
  if (!signal.aborted) console.error(`npm start: ${error instanceof Error ? error.message : String(error)}`);
}
if (signal.aborted) process.exitCode = signal.reason as ExitCode;
