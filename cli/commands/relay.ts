// msrp relay: an RFC 4976 relay for the users of a file.

import type { Command } from 'commander';
import { once } from 'node:events';
import { type Logger, MSRPError, MSRPRelay, type RelayOptions } from '../../index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { failedEvent, type LogEvent } from '../events.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { type Loaded, listenURI, load, type RelayConfig } from '../relay-config.ts';
import type { MetricsServer } from '../relay-metrics.ts';

interface RelayCommandOptions extends RelayConfig {
  config?: string;
  json?: boolean;
  verbose?: boolean;
}

const defaultDrainSeconds = 30;
/** What comes after the drain: the last octets of connections. */
const closingMs = 7000;

export function addRelay(program: Command): void {
  addCommand(program, {
    name: 'relay',
    summary: 'Relay messages for users behind firewalls (RFC 4976).',
    examples: [
      'msrp relay --listen msrps://192.0.2.7:2855 --domain relay.example.com --users users --cert cert.pem --key key.pem',
      'msrp relay --config relay.json --metrics 127.0.0.1:9464 --json',
    ],
    notes: [
      'A line of the users file is name:password or name:realm:HA1. SIGHUP reads it, the configuration and the certificate\nanew; SIGTERM takes no new sessions and waits for those that there are.',
      'The configuration file is a JSON object with the names of the long options in camelCase, and "limits", "expires"\nand "timeouts" as MSRPRelay takes them.',
    ],
    events: ['listening', 'metrics', 'reloaded', 'stopped', 'log', 'failed'],
  })
    .option('-l, --listen <uri...>', 'where to listen: msrps://host:port, or msrp:// for peers without TLS')
    .option('-d, --domain <name...>', 'names that the relay goes by')
    .option('--public-uri <uri>', 'how others reach it, where that is not where it listens')
    .option('-u, --users <file>', 'who may use it')
    .option('--cert <file>', 'the certificate, with its chain')
    .option('--key <file>', 'its private key')
    .option('--ca <file>', 'the authorities to trust, instead of those of Node')
    .option('--metrics <address:port>', 'serve /metrics for Prometheus and /healthz there')
    .option('--drain <seconds>', 'how long sessions may go on after SIGTERM', Number)
    .option('--shards <n>', 'worker threads for connections, TLS and relaying; 0 is none', Number)
    .option('--config <file>', 'a file with any of these')
    .option('--allow-plain-auth', 'take AUTH without TLS: only behind what terminates TLS')
    .option('--allow-private-next-hops', 'connect to private addresses as well')
    .option('-v, --verbose', 'log more')
    .option('-j, --json', 'one line of JSON for each event')
    .action(async (options: RelayCommandOptions) => {
      const farewellMs = (options.drain ?? defaultDrainSeconds) * 1000 + closingMs;
      await run('relay', (context) => relay(options, context), { json: options.json ?? false, farewellMs });
    });
}

async function relay(options: RelayCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { json: _, verbose = false, ...given } = options;
  const loaded = await load(given);
  const logger = loggerOf(context, verbose);
  const running = new Running(makeRelay({ ...loaded.options, logger }), given, loaded, context);
  return running.run();
}

function makeRelay(options: RelayOptions): MSRPRelay {
  try {
    return new MSRPRelay(options);
  } catch (error) {
    throw new CommandFailure(reasonOf(error), ExitCode.usage, { cause: error });
  }
}

function loggerOf({ tell }: CommandContext, isVerbose: boolean): Logger {
  const log =
    (level: LogEvent['level']) =>
    (message: string): void =>
      void tell({ event: 'log', level, message, time: new Date().toISOString() }, `${level}: ${message}`);
  return { debug: isVerbose ? log('debug') : () => {}, info: log('info'), warn: log('warn'), error: log('error') };
}

class Running {
  readonly #relay: MSRPRelay;
  readonly #given: RelayConfig & { config?: string };
  readonly #config: RelayConfig;
  readonly #context: CommandContext;
  #metrics: MetricsServer | undefined;

  constructor(made: MSRPRelay, given: RelayConfig, { config }: Loaded, context: CommandContext) {
    this.#relay = made;
    this.#given = given;
    this.#config = config;
    this.#context = context;
  }

  async run(): Promise<ExitCode> {
    const { signal } = this.#context;
    const onHangUp = (): void => void this.#reload();
    process.on('SIGHUP', onHangUp);
    try {
      await this.#listen();
      if (!signal.aborted) await once(signal, 'abort');
      return ExitCode.ok;
    } finally {
      process.off('SIGHUP', onHangUp);
      await this.#stop();
    }
  }

  async #listen(): Promise<void> {
    const { listen = [], metrics } = this.#config;
    if (listen.length === 0) throw new CommandFailure('--listen is needed: where to listen', ExitCode.usage);
    const { tell } = this.#context;
    for (const text of listen) {
      const uri = String(await this.#open(text));
      await tell({ event: 'listening', uri }, `listening at ${uri}`);
    }
    if (metrics === undefined) return;
    // Loaded here alone: a relay without metrics is not to hold it.
    const { MetricsServer } = await import('../relay-metrics.ts');
    this.#metrics = await MetricsServer.open(metrics, this.#relay);
    await tell({ event: 'metrics', url: this.#metrics.url }, `metrics at ${this.#metrics.url}`);
  }

  async #open(text: string): Promise<unknown> {
    const uri = listenURI('--listen', text);
    if (uri.useTLS && this.#config.cert === undefined) {
      throw new CommandFailure('--listen msrps:// needs --cert and --key', ExitCode.usage);
    }
    try {
      return await this.#relay.listen(uri);
    } catch (error) {
      throw new CommandFailure(reasonOf(error), ExitCode.io, { cause: error });
    }
  }

  /** What cannot be used changes nothing. */
  async #reload(): Promise<void> {
    const { tell } = this.#context;
    try {
      const { options, users } = await load(this.#given);
      this.#relay.reload(options);
      await tell({ event: 'reloaded', users: users.size }, `reloaded: ${users.size} users`);
    } catch (error) {
      if (!(error instanceof CommandFailure || error instanceof MSRPError)) throw error;
      const text = `not reloaded: ${reasonOf(error)}`;
      await tell(failedEvent(text, undefined, error), text);
    }
  }

  async #stop(): Promise<void> {
    if (this.#metrics !== undefined) this.#metrics.isDraining = true;
    const drain = (this.#config.drain ?? defaultDrainSeconds) * 1000;
    const sessions = await this.#relay.close({ drain: this.#context.signal.aborted ? drain : 0 });
    this.#metrics?.close();
    if (!this.#context.signal.aborted) return;
    await this.#context.tell({ event: 'stopped', sessions }, `stopped; ${sessions} sessions were ended by it`);
  }
}
