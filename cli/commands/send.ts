// msrp send: files, or standard input, to a receiver; done when all of it is acknowledged.

import type { Command } from 'commander';
import { createHash } from 'node:crypto';
import {
  dispositionOf,
  getConnector,
  MSRPError,
  type MSRPRelaySettings,
  MSRPSession,
  type OutgoingMessage,
  parsePath,
  type SendOptions,
  type URI,
} from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { Delivery } from '../delivery.ts';
import type { SentEvent } from '../events.ts';
import { ExitCode } from '../exit-code.ts';
import { codeOf, CommandFailure, reasonOf } from '../failure.ts';
import { type FileSource, fileSourceOf, octetsOf } from '../file-source.ts';
import { cannotRead } from '../input.ts';
import { showProgress } from '../progress.ts';
import { addRelayOptions, type RelayOptions, relayOf } from '../relay-option.ts';
import { trustIn, type TrustOptions } from '../trust-option.ts';

interface SendCommandOptions extends RelayOptions, TrustOptions {
  chunkSize: string;
  name: string;
  resume?: boolean;
  limit?: string;
  json?: boolean;
}

/** Large enough that a chunk's head costs nothing, small enough for other traffic to get in between. */
const defaultChunkSize = 65_536;
/** When a file has failed, how long a peer that does not answer may keep us: less than {@link run} gives us, to say so. */
const farewellMs = 1000;

export function addSend(program: Command): void {
  const command = addCommand(program, {
    name: 'send',
    summary: 'Send files to a receiver.',
    examples: [
      'msrp send "msrp://127.0.0.1:2855/iau39soe2843z;tcp" photo.jpg',
      'msrp send --resume --limit 10M "$path" disk.img',
      'tar c folder | msrp send "$path" - --name folder.tar',
      'msrp send "msrps://192.0.2.7:2855/iau39soe2843z;tcp" photo.jpg --fingerprint "$fingerprint"',
      'msrp send "$path" photo.jpg --relay msrps://bob@example.com --password-file secret',
    ],
    notes: [
      'Files are sent one after the other; the first that fails is the last. It ends when the receiver has reported that\nit has all of them, or, where a receiver sends no reports, 30 s after all was acknowledged.',
      'With --resume from the first attempt on, a file that broke off goes on where the receiver has kept it, as long as\nits name, size and time of change stay the same.',
    ],
    events: ['sent', 'failed'],
  });
  addRelayOptions(command)
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
    .option(
      '-r, --resume',
      'go on where an earlier attempt with --resume broke off; Ctrl-C then leaves the file to be resumed',
    )
    .option('--limit <octets>', 'send so many octets a second at most; K, M or G behind it mean thousands, millions, …')
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
  const relay = await relayOf(options);
  const remote = pathOf(path, relay, options);
  const bytesPerSecond = limitOf(options.limit);
  const chunkSize = Number(options.chunkSize);
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new CommandFailure(`--chunk-size wants a number of octets, not ${options.chunkSize}`, ExitCode.usage);
  }
  if (files.filter((file) => file === '-').length > 1) {
    throw new CommandFailure('standard input can be sent only once', ExitCode.usage);
  }
  const sources = await Promise.all(files.map((file) => fileSourceOf(file, options.name)));
  const session = await connect(remote, relay, chunkSize, options, context.signal);
  // Whoever gives a message up cannot go on with it later.
  const breakOff = (): void =>
    session.transport.destroy(new MSRPError('MSRP_ERR_ABORTED', 'broken off, to be resumed', { scope: 'session' }));
  if (options.resume === true) context.signal.addEventListener('abort', breakOff);
  try {
    let mayReport = true;
    for (const source of sources) {
      mayReport = await sendFile(session, source, { ...options, bytesPerSecond, mayReport }, context);
    }
    await session.shutdown();
    return ExitCode.ok;
  } finally {
    context.signal.removeEventListener('abort', breakOff);
    await leave(session);
  }
}

const powers: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits = '', power = ''] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? [];
  const limit = Number(digits) * (powers[power.toUpperCase()] ?? 1);
  if (limit >= 1) return limit;
  throw new CommandFailure(`--limit wants octets a second, such as 500K or 10M, not ${text}`, ExitCode.usage);
}

function pathOf(
  text: string,
  relay: MSRPRelaySettings | undefined,
  { fingerprint, ca }: SendCommandOptions,
): readonly URI[] {
  let path: readonly URI[];
  try {
    path = parsePath(text.trim(), undefined, true);
  } catch (error) {
    throw new CommandFailure(`that is no path: ${reasonOf(error)}`, ExitCode.usage);
  }
  // Whoever names a certificate does not want to send without one.
  const nextHop = relay?.uri ?? path[0];
  if ((fingerprint ?? ca) !== undefined && nextHop?.useTLS !== true) {
    const what = relay === undefined ? 'paths that begin' : 'a relay that begins';
    throw new CommandFailure(`--fingerprint and --ca are for ${what} with msrps://`, ExitCode.usage);
  }
  return path;
}

async function connect(
  path: readonly URI[],
  relay: MSRPRelaySettings | undefined,
  chunkSize: number,
  options: SendCommandOptions,
  signal: AbortSignal,
): Promise<MSRPSession> {
  const connector = getConnector({ relay, tls: await trustIn(options) });
  try {
    await connector.prepare();
    return new MSRPSession(await connector.complete(path, { signal }), { chunkSize });
  } catch (error) {
    await connector.cleanup();
    const isUsage = error instanceof MSRPError && error.code === 'MSRP_ERR_ARGUMENT';
    throw new CommandFailure(reasonOf(error), isUsage ? ExitCode.usage : ExitCode.fault, { cause: error });
  }
}

interface Sending {
  readonly message: Pick<OutgoingMessage, 'delivered' | 'bytesSent' | 'bytesAcknowledged' | 'abort'>;
  readonly delivery: Delivery;
  readonly sha256: () => Promise<string>;
}

type FileOptions = SendCommandOptions & { bytesPerSecond: number | undefined; mayReport: boolean };

/** Resolves with whether the receiver has reported it. */
async function sendFile(
  session: MSRPSession,
  source: FileSource,
  options: FileOptions,
  context: CommandContext,
): Promise<boolean> {
  const { file, title, name, size } = source;
  const started = performance.now();
  const over = new AbortController();
  try {
    const { message, delivery, sha256 }: Sending = await begin(session, source, options, context.signal, over.signal);
    const isShown = options.json !== true && size !== undefined;
    const hideProgress = isShown ? showProgress(name, size, () => message.bytesAcknowledged) : undefined;
    const reported = await delivery.of(message).finally(hideProgress);
    const seconds = (performance.now() - started) / 1000;
    const { bytesSent } = message;
    const bytes = size ?? bytesSent;
    const bytesPerSecond = Math.round(bytesSent / seconds);
    const facts = { bytes, bytesSent, sha256: await sha256(), seconds, bytesPerSecond, reported };
    if (!reported && options.mayReport) {
      context.say(`${title} was acknowledged, but the receiver does not report whether it has it whole`);
    }
    await context.tell({ event: 'sent', file, ...facts }, sentText(title, facts));
    return reported;
  } catch (error) {
    throw failureOf(source, error);
  } finally {
    // Standard input may stay open for ever.
    over.abort();
  }
}

function sentText(title: string, facts: Omit<SentEvent, 'event' | 'file'>): string {
  const { bytes, bytesSent, seconds, bytesPerSecond, sha256 } = facts;
  const resumed = bytesSent < bytes ? `, ${bytesSent} of them this time,` : '';
  return `sent ${title}, ${bytes} bytes${resumed} in ${seconds.toFixed(2)} s, ${(bytesPerSecond / 1e6).toFixed(0)} MB/s, sha256 ${sha256}`;
}

/** `signal` gives it up, `over` ends the reading. */
async function begin(
  session: MSRPSession,
  source: FileSource,
  { resume = false, bytesPerSecond, mayReport }: FileOptions,
  signal: AbortSignal,
  over: AbortSignal,
): Promise<Sending> {
  const { file, name, size } = source;
  const delivery = new Delivery(session.transport.settings, mayReport);
  const options: SendOptions = {
    successReport: 'yes',
    onProgress: delivery.onProgress,
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(!resume && { signal }),
  };
  if (size !== undefined) {
    const message = await session.sendFile(file, { ...options, name, resume, hash: 'sha-256' });
    return { message, delivery, sha256: () => message.hash };
  }
  const hash = createHash('sha256');
  const message = session.send(octetsOf(source, hash, over), {
    ...options,
    contentType: 'application/octet-stream',
    headers: [['Content-Disposition', dispositionOf(name)]],
  });
  return { message, delivery, sha256: async () => hash.digest('hex') };
}

/** Our file is at fault, or the other end. */
function failureOf({ file, title }: FileSource, error: unknown): Error {
  if (!(error instanceof MSRPError)) return error as Error;
  const { cause } = error;
  if (cause instanceof CommandFailure) {
    return new CommandFailure(cause.message, cause.exitCode, { file, cause: cause.cause ?? error });
  }
  if (error.code === 'MSRP_ERR_SOURCE') {
    return cannotRead(file, reasonOf(cause), codeOf(cause) === undefined ? error : cause);
  }
  return new CommandFailure(`${title} did not arrive: ${reasonOf(error)}`, ExitCode.fault, { file, cause: error });
}

/** What is under way is finished or given up; then the session ends. */
async function leave(session: MSRPSession): Promise<void> {
  const timer = setTimeout(() => session.transport.destroy(), farewellMs);
  await session.shutdown();
  clearTimeout(timer);
}
