// msrp receive: waits for senders, one after the other, and keeps the files that they send.

import type { Command } from 'commander';
import { access, constants, mkdir } from 'node:fs/promises';
import {
  type ConnectOptions,
  type IncomingMessage,
  MSRPBindSessionTimeout,
  MSRPError,
  type MSRPRelaySettings,
  MSRPSession,
  type MSRPTransport,
  receiveFile,
  type ReceivedFile,
  safeFileName,
  fileNameIn,
  URI,
} from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { failedEvent } from '../events.ts';
import { ExitCode } from '../exit-code.ts';
import { codeOf, CommandFailure, reasonOf } from '../failure.ts';
import { contentOf } from '../input.ts';
import { type MeetingPlace, PortPlace, RelayPlace } from '../meeting-place.ts';
import { makeCertificate } from '../own-certificate.ts';
import { addRelayOptions, type RelayOptions, relayOf } from '../relay-option.ts';

interface ReceiveOptions extends RelayOptions {
  listen: string;
  dir: string;
  once?: true;
  cert?: string;
  key?: string;
  shards?: string;
  ca?: string;
  idle?: string;
  json?: true;
}

/** Files of one sender that are stored at once: as many unfinished messages as a session takes. */
const mostAtOnce = 128;

export function addReceive(program: Command): void {
  const command = addCommand(program, {
    name: 'receive',
    summary: 'Wait for senders and keep the files that they send.',
    examples: [
      'msrp receive --dir inbox',
      'msrp receive --listen msrps://192.0.2.7:2855 --once --json',
      'msrp receive --relay msrps://alice@example.com --password-file secret',
    ],
    notes: [
      'A file is NAME.part until it is whole, then NAME, or NAME-1, NAME-2 … where that is taken: no file is ever\nreplaced. Its sender hears that it is delivered when it is there under its name.',
      'Of a transfer that breaks off NAME.part stays, with NAME.part.json to know it by: msrp send --resume goes on behind\nit. It is removed when the sender gives the file up, or the disk has no room for it. A .part of what had no size,\nas standard input, cannot be gone on with, and is left only by a receiver that was killed (SIGKILL).',
    ],
    events: ['listening', 'resumed', 'received', 'failed'],
  });
  addRelayOptions(command)
    .option(
      '-l, --listen <uri>',
      'where to listen: msrp:// or msrps://, host and port; port 0 is any free one',
      'msrp://127.0.0.1:0',
    )
    .option('-d, --dir <dir>', 'the folder for the files', '.')
    .option('-1, --once', 'end after the first sender')
    .option('--cert <file>', 'the certificate for msrps://; without one a new one is made, and its fingerprint shown')
    .option('--key <file>', 'the private key of the certificate')
    .option('--shards <n>', 'worker threads for connections, TLS and decoding; 0 is none', '0')
    .option('--ca <file>', 'the certificates of the authorities to trust, for the relay')
    .option('--idle <seconds>', 'behind a relay: how long a sender may be silent until it counts as gone', '60')
    .option('-j, --json', 'one line of JSON for each event')
    .action((options: ReceiveOptions) => run('receive', (context) => receive(options, context), options));
}

async function receive(options: ReceiveOptions, context: CommandContext): Promise<ExitCode> {
  const relay = await relayOf(options);
  const uri = listenURI(options.listen);
  await useFolder(options.dir);
  const receiver = new Receiving(options, context);
  if (relay === undefined) {
    const { connect, fingerprint } = await tlsOf(uri, options);
    return receiver.run(new PortPlace(uri, { ...connect, shards: shardsOf(options.shards) }), fingerprint);
  }
  return receiver.run(await relayPlace(relay, options, (path) => void receiver.show(path)));
}

async function relayPlace(
  relay: MSRPRelaySettings,
  { ca, cert, key, idle }: ReceiveOptions,
  onNewPath: (path: string) => void,
): Promise<RelayPlace> {
  if ((cert ?? key) !== undefined) {
    throw new CommandFailure('--cert and --key are not for --relay: the relay listens', ExitCode.usage);
  }
  const silenceMs = Number(idle) * 1000;
  if (!(silenceMs > 0)) throw new CommandFailure(`--idle wants a number of seconds, not ${idle ?? ''}`, ExitCode.usage);
  const tls = ca === undefined ? undefined : { ca: await contentOf(ca) };
  return new RelayPlace(relay, { onNewPath, silenceMs, ...(tls !== undefined && { tls }) });
}

function shardsOf(text = '0'): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new CommandFailure(`--shards wants a number of threads, not ${text}`, ExitCode.usage);
}

async function useFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    await access(dir, constants.W_OK);
  } catch (error) {
    throw new CommandFailure(`cannot use the folder ${dir}: ${reasonOf(error)}`, ExitCode.io, { cause: error });
  }
}

/** `msrp://host:port`, with or without the rest of a URI. */
function listenURI(text: string): URI {
  const match = /^(msrps?):\/\/(\[[^\]]+\]|[^:/;]+)(?::(\d{1,5}))?(?:\/([^;]+))?(?:;tcp)?$/i.exec(text);
  if (match === null) {
    throw new CommandFailure(`--listen wants msrp://host:port or msrps://host:port, not ${text}`, ExitCode.usage);
  }
  const [, scheme = '', host = '', port, sessionId] = match;
  try {
    return new URI({
      host,
      useTLS: scheme.toLowerCase() === 'msrps',
      ...(port !== undefined && Number(port) > 0 && { port: Number(port) }),
      ...(sessionId !== undefined && { sessionId }),
    });
  } catch (error) {
    throw new CommandFailure(`--listen: ${reasonOf(error)}`, ExitCode.usage);
  }
}

async function tlsOf(
  uri: URI,
  { cert, key }: ReceiveOptions,
): Promise<{ connect: ConnectOptions; fingerprint?: string }> {
  if ((cert === undefined) !== (key === undefined)) {
    throw new CommandFailure('--cert and --key go together', ExitCode.usage);
  }
  if (!uri.useTLS) {
    if (cert !== undefined) throw new CommandFailure('--cert and --key are for --listen msrps://', ExitCode.usage);
    return { connect: {} };
  }
  if (cert !== undefined && key !== undefined) {
    return { connect: { tls: { cert: await contentOf(cert), key: await contentOf(key) } } };
  }
  const { fingerprint, ...made } = await makeCertificate(uri.host);
  return { connect: { tls: made }, fingerprint };
}

class Receiving {
  readonly #options: ReceiveOptions;
  readonly #context: CommandContext;
  #place!: MeetingPlace;
  #path = '';
  #files = 0;
  #failures = 0;

  constructor(options: ReceiveOptions, context: CommandContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Tells people the path for the next sender, unless they know it. */
  async show(path: string, fingerprint?: string): Promise<void> {
    if (path === this.#path) return;
    this.#path = path;
    const lines = [`waiting for a sender; give it this path:`, `  ${path}`];
    if (fingerprint !== undefined) lines.push(`  --fingerprint "${fingerprint}"`);
    await this.#context.tell(
      { event: 'listening', path, ...(fingerprint !== undefined && { fingerprint }) },
      lines.join('\n'),
    );
  }

  async #prepare(fingerprint?: string): Promise<void> {
    let path: string;
    try {
      path = await this.#place.prepare();
    } catch (error) {
      throw new CommandFailure(reasonOf(error), ExitCode.io, { cause: error });
    }
    await this.show(path, fingerprint);
  }

  /** One sender after the other. */
  async run(place: MeetingPlace, fingerprint?: string): Promise<ExitCode> {
    const { signal } = this.#context;
    this.#place = place;
    try {
      await this.#prepare(fingerprint);
      while (!signal.aborted) {
        const transport = await this.#nextSender();
        if (transport !== undefined) await this.#serve(transport);
        if (this.#options.once && transport !== undefined) break;
      }
    } finally {
      await place.close();
    }
    return this.#files > 0 && this.#failures === 0 ? ExitCode.ok : ExitCode.fault;
  }

  async #nextSender(): Promise<MSRPTransport | undefined> {
    try {
      return await this.#place.next(this.#context.signal);
    } catch (error) {
      if (this.#context.signal.aborted) return undefined;
      if (!(error instanceof MSRPBindSessionTimeout)) {
        throw new CommandFailure(reasonOf(error), ExitCode.fault, { cause: error });
      }
      await this.#prepare();
      return undefined;
    }
  }

  async #serve(transport: MSRPTransport): Promise<void> {
    // A file is reported when it is stored.
    const session = new MSRPSession(transport, { automaticReports: () => false });
    // The next sender may come as soon as this one has gone, while its last file is on its way to the disk.
    await Promise.all([this.#storeAll(session), session.closed.then(() => this.#prepareNext())]);
  }

  async #prepareNext(): Promise<void> {
    if (!this.#options.once && !this.#context.signal.aborted) await this.#prepare();
  }

  /** When we are to stop, the session ends, and what came before, and was acknowledged, is stored still. */
  async #storeAll(session: MSRPSession): Promise<void> {
    const { signal } = this.#context;
    const storing = new Set<Promise<unknown>>();
    const stop = (): void => void Promise.all(storing).then(() => session.shutdown());
    signal.addEventListener('abort', stop);
    const told = new Set<unknown>();
    let fault: Error | undefined;
    try {
      for await (const message of session.messages()) {
        const stored = this.#store(message)
          .then(
            (error) => error !== undefined && told.add(error),
            (error: unknown) => {
              fault ??= error as Error;
              void session.shutdown();
            },
          )
          .finally(() => storing.delete(stored));
        storing.add(stored);
        if (storing.size === mostAtOnce) await Promise.race(storing);
      }
    } catch (error) {
      await Promise.all(storing);
      // What ended the last file has been told.
      if (!told.has(error)) await this.#failed(undefined, error);
    } finally {
      signal.removeEventListener('abort', stop);
      await Promise.all(storing);
      await session.shutdown();
    }
    if (fault !== undefined) throw fault;
  }

  /** Resolves with why it could not be stored. */
  async #store(message: IncomingMessage): Promise<unknown> {
    const name = safeFileName(
      fileNameIn(message.headers.get('Content-Disposition')) ?? '',
      `message-${message.messageId}`,
    );
    const { tell, signal } = this.#context;
    const resumed: Promise<void>[] = [];
    try {
      const file = await receiveFile(message, this.#options.dir, {
        hash: { algorithm: 'sha-256' },
        onResume: (from) =>
          resumed.push(
            tell({ event: 'resumed', file: name, from }, `${name}: ${from} bytes are there, going on behind them`),
          ),
        signal,
      });
      await Promise.all(resumed);
      this.#files++;
      await this.#received(file);
      return undefined;
    } catch (error) {
      await Promise.all(resumed);
      const isStop = signal.aborted && codeOf(error) === 'MSRP_ERR_ABORTED';
      await this.#failed(name, isStop ? new MSRPError('MSRP_ERR_ABORTED', 'stopped') : error);
      return error;
    }
  }

  async #received({ path: file, bytes, hash: sha256 = '' }: ReceivedFile): Promise<void> {
    await this.#context.tell(
      { event: 'received', file, bytes, sha256 },
      `received ${file}, ${bytes} bytes, sha256 ${sha256}`,
    );
  }

  async #failed(file: string | undefined, error: unknown): Promise<void> {
    this.#failures++;
    // Of the disk what the platform says is enough.
    const { cause } = error as Error;
    const shown = codeOf(error) === 'MSRP_ERR_FILE' && codeOf(cause) !== undefined ? cause : error;
    const reason = reasonOf(shown);
    const text = file === undefined ? reason : `${file} did not arrive: ${reason}`;
    await this.#context.tell(failedEvent(text, file, shown), text);
  }
}
