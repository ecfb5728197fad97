// msrp send: files, or standard input, to a receiver; done when all of it is acknowledged.

import type { Command } from 'commander';
import { createHash, X509Certificate } from 'node:crypto';
import { ConnectorDirect, MSRPError, MSRPSession, parsePath, type URI } from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { dispositionOf } from '../file-name.ts';
import { type FileSource, fileSourceOf, octetsOf } from '../file-source.ts';
import { cannotRead, contentOf } from '../input.ts';
import { showProgress } from '../progress.ts';

interface SendCommandOptions {
  chunkSize: string;
  fingerprint?: string;
  ca?: string;
  name: string;
  json?: boolean;
}

/** Large enough that a chunk's head costs nothing, small enough for other traffic to get in between. */
const defaultChunkSize = 65_536;
/** When a file has failed, how long a peer that does not answer may keep us: less than {@link run} gives us, to say so. */
const farewellMs = 1000;

export function addSend(program: Command): void {
  addCommand(program, {
    name: 'send',
    summary: 'Send files to a receiver.',
    examples: [
      'msrp send "msrp://127.0.0.1:2855/iau39soe2843z;tcp" photo.jpg',
      'tar c folder | msrp send "$path" - --name folder.tar',
      'msrp send "msrps://192.0.2.7:2855/iau39soe2843z;tcp" photo.jpg --fingerprint "$fingerprint"',
    ],
    notes: ['Files are sent one after the other; the first that fails is the last. It ends when all is acknowledged.'],
    events: ['sent', 'failed'],
  })
    .argument('<path>', 'the path that the receiver shows: one URI, or several with spaces between them')
    .argument('<file...>', 'files; - is standard input')
    .option(
      '-c, --chunk-size <octets>',
      'octets of a file in a chunk; some peers take 8192 at most',
      String(defaultChunkSize),
    )
    .option('-f, --fingerprint <fingerprint>', 'of the certificate that the receiver has, instead of a CA')
    .option('--ca <file>', 'the certificates of the authorities to trust')
    .option('-n, --name <name>', 'what the receiver is to call standard input', 'stdin')
    .option('-j, --json', 'one line of JSON for each file')
    .action((path: string, files: string[], options: SendCommandOptions) =>
      run('send', (context) => send(path, files, options, context), options),
    );
}

async function send(
  path: string,
  files: string[],
  options: SendCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const remote = pathOf(path, options);
  const chunkSize = Number(options.chunkSize);
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new CommandFailure(`--chunk-size wants a number of octets, not ${options.chunkSize}`, ExitCode.usage);
  }
  if (files.filter((file) => file === '-').length > 1) {
    throw new CommandFailure('standard input can be sent only once', ExitCode.usage);
  }
  const sources = await Promise.all(files.map((file) => fileSourceOf(file, options.name)));
  const session = await connect(remote, chunkSize, options, context.signal);
  try {
    for (const source of sources) await sendFile(session, source, options, context);
    await session.shutdown();
    return ExitCode.ok;
  } finally {
    await leave(session);
  }
}

function pathOf(text: string, { fingerprint, ca }: SendCommandOptions): readonly URI[] {
  let path: readonly URI[];
  try {
    path = parsePath(text.trim(), undefined, true);
  } catch (error) {
    throw new CommandFailure(`that is no path: ${reasonOf(error)}`, ExitCode.usage);
  }
  // Whoever names a certificate does not want to send without one.
  if ((fingerprint ?? ca) !== undefined && path[0]?.useTLS !== true) {
    throw new CommandFailure('--fingerprint and --ca are for paths that begin with msrps://', ExitCode.usage);
  }
  return path;
}

async function connect(
  path: readonly URI[],
  chunkSize: number,
  { fingerprint, ca }: SendCommandOptions,
  signal: AbortSignal,
): Promise<MSRPSession> {
  const authorities = ca === undefined ? undefined : await authoritiesIn(ca);
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
    const isUsage = error instanceof MSRPError && error.code === 'MSRP_ERR_ARGUMENT';
    throw new CommandFailure(reasonOf(error), isUsage ? ExitCode.usage : ExitCode.fault, { cause: error });
  }
}

/** Node passes over what is no certificate, and then trusts nobody. */
async function authoritiesIn(file: string): Promise<Buffer> {
  const content = await contentOf(file);
  try {
    void new X509Certificate(content);
  } catch {
    throw cannotRead(file, 'there is no certificate in it');
  }
  return content;
}

async function sendFile(
  session: MSRPSession,
  source: FileSource,
  { json = false }: SendCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { file, title, name, size } = source;
  const hash = createHash('sha256');
  const started = performance.now();
  const over = new AbortController();
  const message = session.send(octetsOf(source, hash, over.signal), {
    contentType: 'application/octet-stream',
    headers: [['Content-Disposition', dispositionOf(name)]],
    signal: context.signal,
    ...(size !== undefined && { size }),
  });
  const hideProgress =
    json || size === undefined ? undefined : showProgress(name, size, () => message.bytesAcknowledged);
  try {
    await message.delivered;
  } catch (error) {
    throw failureOf(source, error);
  } finally {
    hideProgress?.();
    // Standard input may stay open for ever.
    over.abort();
  }
  const bytes = message.bytesSent;
  const seconds = (performance.now() - started) / 1000;
  const bytesPerSecond = Math.round(bytes / seconds);
  const sha256 = hash.digest('hex');
  await context.tell(
    { event: 'sent', file, bytes, sha256, seconds, bytesPerSecond },
    `sent ${title}, ${bytes} bytes in ${seconds.toFixed(2)} s, ${(bytesPerSecond / 1e6).toFixed(0)} MB/s, sha256 ${sha256}`,
  );
}

/** Our file is at fault, or the other end. */
function failureOf({ file, title }: FileSource, error: unknown): CommandFailure {
  const { cause } = error as Error;
  if (!(cause instanceof CommandFailure)) {
    return new CommandFailure(`${title} did not arrive: ${reasonOf(error)}`, ExitCode.fault, { file, cause: error });
  }
  return new CommandFailure(cause.message, cause.exitCode, { file, cause: cause.cause ?? error });
}

/** What is under way is finished or given up; then the session ends. */
async function leave(session: MSRPSession): Promise<void> {
  const timer = setTimeout(() => session.transport.destroy(), farewellMs);
  await session.shutdown();
  clearTimeout(timer);
}
