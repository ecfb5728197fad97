// msrp receive: waits for senders, one after the other, and keeps the files that they send.

import type { Command } from 'commander';
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import {
  type ConnectOptions,
  fingerprintOf,
  formatFingerprint,
  MSRPBindSessionTimeout,
  MSRPError,
  MSRPServer,
  MSRPSession,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { fileNameIn, sanitised } from '../file-name.ts';
import { contentOf } from '../input.ts';
import { storeFile } from '../received-file.ts';

interface ReceiveOptions {
  listen: string;
  dir: string;
  once?: true;
  cert?: string;
  key?: string;
  json?: true;
}

export function addReceive(program: Command): void {
  addCommand(program, {
    name: 'receive',
    summary: 'Wait for senders and keep the files that they send.',
    examples: ['msrp receive --dir inbox', 'msrp receive --listen msrps://192.0.2.7:2855 --once --json'],
  })
    .option(
      '-l, --listen <uri>',
      'where to listen: msrp:// or msrps://, host and port; port 0 is any free one',
      'msrp://127.0.0.1:0',
    )
    .option('-d, --dir <dir>', 'the folder for the files', '.')
    .option('-1, --once', 'end after the first sender')
    .option('--cert <file>', 'the certificate for msrps://; without one a new one is made, and its fingerprint shown')
    .option('--key <file>', 'the private key of the certificate')
    .option('-j, --json', 'one line of JSON for each event')
    .action((options: ReceiveOptions) => run('receive', (context) => receive(options, context)));
}

async function receive(options: ReceiveOptions, context: CommandContext): Promise<ExitCode> {
  const uri = listenURI(options.listen);
  await mkdir(options.dir, { recursive: true }).catch((error: unknown) => {
    throw new CommandFailure(`cannot use the folder ${options.dir}: ${reasonOf(error)}`);
  });
  const { connect, fingerprint } = await tlsOf(uri, options);
  const server = new MSRPServer(connect);
  const receiver = new Receiving(server, options, context);
  try {
    await receiver.listen(uri, fingerprint);
    return await receiver.run();
  } finally {
    await server.close();
  }
}

/** `msrp://host:port`, with or without the rest of a URI. */
function listenURI(text: string): URI {
  const match = /^(msrps?):\/\/(\[[^\]]+\]|[^:/;]+)(?::(\d{1,5}))?(?:\/([^;]+))?(?:;tcp)?$/i.exec(text);
  if (match === null) {
    throw new CommandFailure(`--listen wants msrp://host:port or msrps://host:port, not ${text}`, ExitCode.usage);
  }
  const [, scheme = '', host = '', port, sessionId] = match;
  return new URI({
    host,
    useTLS: scheme.toLowerCase() === 'msrps',
    ...(port !== undefined && Number(port) > 0 && { port: Number(port) }),
    ...(sessionId !== undefined && { sessionId }),
  });
}

async function tlsOf(
  uri: URI,
  { cert, key }: ReceiveOptions,
): Promise<{ connect: ConnectOptions; fingerprint?: string }> {
  if ((cert === undefined) !== (key === undefined)) {
    throw new CommandFailure('--cert and --key go together', ExitCode.usage);
  }
  if (!uri.useTLS) return { connect: {} };
  if (cert !== undefined && key !== undefined) {
    return { connect: { tls: { cert: await contentOf(cert), key: await contentOf(key) } } };
  }
  // Loaded here alone: it takes as long as all else that the command loads.
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: uri.host }], { keySize: 2048, algorithm: 'sha256' });
  const fingerprint = formatFingerprint(fingerprintOf(new X509Certificate(made.cert).raw));
  return { connect: { tls: { cert: made.cert, key: made.private } }, fingerprint };
}

class Receiving {
  readonly #server: MSRPServer;
  readonly #options: ReceiveOptions;
  readonly #context: CommandContext;
  #uri!: URI;
  #files = 0;
  #failures = 0;

  constructor(server: MSRPServer, options: ReceiveOptions, context: CommandContext) {
    this.#server = server;
    this.#options = options;
    this.#context = context;
  }

  async listen(uri: URI, fingerprint: string | undefined): Promise<void> {
    await this.#prepare(uri);
    const path = String(this.#uri);
    const lines = [`waiting for a sender; give it this path:`, `  ${path}`];
    if (fingerprint !== undefined) lines.push(`  --fingerprint "${fingerprint}"`);
    await this.#tell({ event: 'listening', path, ...(fingerprint !== undefined && { fingerprint }) }, lines.join('\n'));
  }

  async #prepare(uri: URI): Promise<void> {
    try {
      const [prepared] = await this.#server.prepare(uri);
      if (prepared !== undefined) this.#uri = prepared;
    } catch (error) {
      throw new CommandFailure(reasonOf(error));
    }
  }

  /** One sender after the other: the path is given out anew as soon as it is free. */
  async run(): Promise<ExitCode> {
    const { signal } = this.#context;
    while (!signal.aborted) {
      const transport = await this.#nextSender();
      if (transport !== undefined) {
        await this.#serve(transport);
        if (this.#options.once) break;
      }
      if (!signal.aborted) await this.#prepare(this.#uri);
    }
    return this.#files > 0 && this.#failures === 0 ? ExitCode.ok : ExitCode.fault;
  }

  async #nextSender(): Promise<MSRPTransport | undefined> {
    try {
      return await this.#server.complete(undefined, { localUri: this.#uri, signal: this.#context.signal });
    } catch (error) {
      if (error instanceof MSRPBindSessionTimeout || this.#context.signal.aborted) return undefined;
      throw new CommandFailure(reasonOf(error), ExitCode.fault);
    }
  }

  async #serve(transport: MSRPTransport): Promise<void> {
    const session = new MSRPSession(transport);
    const { signal } = this.#context;
    const abort = (): void => transport.destroy();
    signal.addEventListener('abort', abort);
    try {
      for await (const message of session.messages({ signal })) {
        const name = sanitised(
          fileNameIn(message.headers.get('Content-Disposition')) ?? '',
          `message-${message.messageId}`,
        );
        try {
          const stored = await storeFile(this.#options.dir, name, message);
          this.#files++;
          await this.#tell(
            { event: 'received', ...stored },
            `received ${stored.file}, ${stored.bytes} bytes, sha256 ${stored.sha256}`,
          );
        } catch (error) {
          await this.#failed(name, error);
          // The disk or the folder, not the sender: nothing more can be kept.
          if (!(error instanceof MSRPError)) session.transport.destroy();
        }
      }
    } catch (error) {
      if (!signal.aborted) await this.#failed(undefined, error);
    } finally {
      signal.removeEventListener('abort', abort);
      await session.closed;
    }
  }

  async #failed(file: string | undefined, error: unknown): Promise<void> {
    this.#failures++;
    const message = reasonOf(error);
    const code = (error as { code?: string }).code;
    const text = file === undefined ? message : `${file} did not arrive: ${message}`;
    if (!this.#options.json) return this.#context.say(text);
    await this.#tell({ event: 'failed', ...(file !== undefined && { file }), code, message }, '');
  }

  async #tell(event: Record<string, unknown>, text: string): Promise<void> {
    const { output } = this.#context;
    output.add(`${this.#options.json ? JSON.stringify(event) : text}\n`);
    await output.flush();
  }
}
