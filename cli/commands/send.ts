// msrp send: files, or standard input, to a receiver; done when all of it is acknowledged.

import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ConnectorDirect, MSRPSession, parsePath, type URI } from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { dispositionOf } from '../file-name.ts';
import { contentOf } from '../input.ts';

interface SendCommandOptions {
  chunkSize: string;
  fingerprint?: string;
  ca?: string;
  name?: string;
  json?: true;
}

interface Source {
  /** What it is called here. */
  readonly file: string;
  /** What the receiver is to call it. */
  readonly name: string;
  readonly size: number | undefined;
}

/** Large enough that a chunk's head costs nothing, small enough for other traffic to get in between. */
const defaultChunkSize = 65_536;
const readBytes = 262_144;

export function addSend(program: Command): void {
  addCommand(program, {
    name: 'send',
    summary: 'Send files to a receiver.',
    examples: [
      'msrp send "msrp://127.0.0.1:2855/iau39soe2843z;tcp" photo.jpg',
      'tar c folder | msrp send "$path" - --name folder.tar',
    ],
  })
    .argument('<path>', 'the path that the receiver shows: one URI, or several with spaces between them')
    .argument('<file...>', 'files; - is standard input')
    .option(
      '-c, --chunk-size <octets>',
      'octets of file in a chunk; some peers take 8192 at most',
      String(defaultChunkSize),
    )
    .option('-f, --fingerprint <fingerprint>', 'of the certificate that the receiver has, instead of a CA')
    .option('--ca <file>', 'the certificates of the authorities to trust')
    .option('-n, --name <name>', 'what the receiver is to call standard input', 'stdin')
    .option('-j, --json', 'one line of JSON for each file')
    .action((path: string, files: string[], options: SendCommandOptions) =>
      run('send', (context) => send(path, files, options, context)),
    );
}

async function send(
  path: string,
  files: string[],
  options: SendCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const remote = pathOf(path);
  const chunkSize = Number(options.chunkSize);
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new CommandFailure('--chunk-size wants a number of octets', ExitCode.usage);
  }
  const sources = await Promise.all(files.map((file) => sourceOf(file, options.name ?? 'stdin')));
  const session = await connect(remote, chunkSize, options, context.signal);
  const abort = (): void => session.transport.destroy();
  context.signal.addEventListener('abort', abort);
  try {
    for (const source of sources) await sendFile(session, source, options, context);
    await session.shutdown();
    return ExitCode.ok;
  } catch (error) {
    session.transport.destroy();
    if (context.signal.aborted) return ExitCode.interrupted;
    throw error instanceof CommandFailure ? error : new CommandFailure(reasonOf(error), ExitCode.fault);
  } finally {
    context.signal.removeEventListener('abort', abort);
  }
}

function pathOf(text: string): readonly URI[] {
  try {
    return parsePath(text.trim(), undefined, true);
  } catch (error) {
    throw new CommandFailure(`that is no path: ${reasonOf(error)}`, ExitCode.usage);
  }
}

async function sourceOf(file: string, stdinName: string): Promise<Source> {
  if (file === '-') return { file, name: stdinName, size: undefined };
  try {
    await access(file, constants.R_OK);
    const stats = await stat(file);
    if (stats.isDirectory()) throw new CommandFailure(`cannot send ${file}: it is a directory`);
    return { file, name: basename(file), size: stats.isFile() ? stats.size : undefined };
  } catch (error) {
    throw error instanceof CommandFailure ? error : new CommandFailure(`cannot read ${file}: ${reasonOf(error)}`);
  }
}

async function connect(
  path: readonly URI[],
  chunkSize: number,
  options: SendCommandOptions,
  signal: AbortSignal,
): Promise<MSRPSession> {
  const { fingerprint, ca } = options;
  const authorities = ca === undefined ? undefined : await contentOf(ca);
  const connector = new ConnectorDirect({
    tls: {
      ...(fingerprint !== undefined && { fingerprints: [fingerprint] }),
      ...(authorities !== undefined && { ca: authorities }),
    },
  });
  try {
    await connector.prepare();
    return new MSRPSession(await connector.complete(path, { signal }), { chunkSize });
  } catch (error) {
    throw new CommandFailure(reasonOf(error), signal.aborted ? ExitCode.interrupted : ExitCode.fault);
  }
}

async function sendFile(
  session: MSRPSession,
  source: Source,
  options: SendCommandOptions,
  context: CommandContext,
): Promise<void> {
  const hash = createHash('sha256');
  const started = performance.now();
  const sending = session.send(hashed(source, hash), {
    contentType: 'application/octet-stream',
    headers: [['Content-Disposition', dispositionOf(source.name)]],
    ...(source.size !== undefined && { size: source.size }),
  });
  const stop = showProgress(source, () => sending.bytesAcknowledged);
  try {
    await sending.delivered;
  } catch (error) {
    throw new CommandFailure(`${source.file} did not arrive: ${reasonOf(error)}`, ExitCode.fault);
  } finally {
    stop();
  }
  const seconds = (performance.now() - started) / 1000;
  const bytes = sending.bytesSent;
  const bytesPerSecond = Math.round(bytes / seconds);
  const sha256 = hash.digest('hex');
  const text = `sent ${source.file}, ${bytes} bytes in ${seconds.toFixed(2)} s, ${(bytesPerSecond / 1e6).toFixed(0)} MB/s, sha256 ${sha256}`;
  const event = { event: 'sent', file: source.file, bytes, sha256, seconds, bytesPerSecond };
  context.output.add(`${options.json ? JSON.stringify(event) : text}\n`);
  await context.output.flush();
}

async function* hashed({ file }: Source, hash: { update(bytes: Buffer): unknown }): AsyncGenerator<Buffer> {
  const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: readBytes });
  for await (const piece of stream as AsyncIterable<Buffer>) {
    hash.update(piece);
    yield piece;
  }
}

/** A bar on a terminal. Returns how to end it. */
function showProgress({ name, size }: Source, done: () => number): () => void {
  if (!process.stderr.isTTY || size === undefined || size === 0) return () => {};
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${name} {bar} {percentage}% {value}/{total} bytes, {eta_formatted}`,
    hideCursor: true,
  });
  bar.start(size, 0);
  const timer = setInterval(() => bar.update(done()), 100);
  return () => {
    clearInterval(timer);
    bar.update(done());
    bar.stop();
  };
}
