// What all commands have in common: how one is declared, how it is run, and how it ends.

import type { Command } from 'commander';
import { setMaxListeners } from 'node:events';
import { debuglog } from 'node:util';
import { type CommandEvent, eventHelp, failedEvent } from './events.ts';
import { ExitCode, exitCodeHelp } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { Output } from './output.ts';
import { visible } from './printable.ts';
import { type Style, styleFor } from './style.ts';

/** How long after Ctrl-C a reader or a peer that does not read may keep the end of what we say waiting. */
const farewellMs = 2000;

const stops: readonly (readonly [NodeJS.Signals, ExitCode])[] = [
  ['SIGINT', ExitCode.interrupted],
  ['SIGTERM', ExitCode.terminated],
];

export interface CommandContext {
  readonly output: Output;
  /** For `output`. */
  readonly style: Style;
  /** Ctrl-C or SIGTERM: finish the line, say how far it went and return. */
  readonly signal: AbortSignal;
  /** Says something on stderr, in one line that begins with the name of the command. */
  readonly say: (text: string) => void;
  /** With --json: `event` on stdout. Else `text`: a failure on stderr, with the name of the command, all else on stdout. */
  readonly tell: (event: CommandEvent, text: string) => Promise<void>;
}

export interface CommandDescription {
  name: string;
  /** One line. */
  summary: string;
  /** Lines of a shell. */
  examples: readonly string[];
  /** What it tells with --json. */
  events?: readonly CommandEvent['event'][];
  /** What else one should know, in lines. */
  notes?: readonly string[];
}

const jsonTitle = 'With --json each event is an object on a line of stdout, where nothing else comes; its "event" is';

/** Adds a command to `program`; arguments, options and action are then given to what it returns. */
export function addCommand(program: Command, description: CommandDescription): Command {
  const { name, summary, examples, events = [], notes = [] } = description;
  const parts = [
    ...notes.map((note) => `${note}\n`),
    section('Examples', examples, '$ '),
    ...(events.length === 0 ? [] : [section(jsonTitle, events.map(eventLine), '')]),
    exitCodeHelp,
  ];
  return program
    .command(name)
    .description(summary)
    .configureOutput({ outputError: (text, write) => write(usageError(`${program.name()} ${name}`, text)) })
    .addHelpText('after', `\n${parts.join('\n')}`);
}

function eventLine(event: CommandEvent['event']): string {
  return `${event.padEnd(9)}  ${eventHelp[event]}`;
}

function section(title: string, lines: readonly string[], mark: string): string {
  return `${title}:\n${lines.map((line) => `  ${mark}${line}\n`).join('')}`;
}

/** commander's words in our form: who speaks, what is wrong, where to read on. */
export function usageError(name: string, text: string): string {
  const reason = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  return `${name}: ${visible(reason)}; see ${name} --help\n`;
}

/** Runs a command: gives it its surroundings, and makes what it returns or throws, or what stopped it, the end of the process. */
export async function run(
  name: string,
  command: (context: CommandContext) => Promise<ExitCode>,
  o: { json?: boolean; farewellMs?: number } = {},
): Promise<void> {
  const interruption = new AbortController();
  const { signal } = interruption;
  // Each file that is on its way listens.
  setMaxListeners(0, signal);
  const output = new Output(process.stdout, signal);
  const say = (text: string): void => void process.stderr.write(`msrp ${name}: ${visible(text)}\n`);
  const tell = async (event: CommandEvent, text: string): Promise<void> => {
    if (o.json !== true && event.event === 'failed') return say(text);
    output.add(`${o.json === true ? JSON.stringify(event) : text}\n`);
    await output.flush();
  };
  let stopped: ExitCode | undefined;
  for (const [kill, exitCode] of stops) {
    // Once: a second Ctrl-C finds no listener and ends the process at once.
    process.once(kill, () => {
      stopped ??= exitCode;
      interruption.abort();
      setTimeout(() => process.exit(exitCode), o.farewellMs ?? farewellMs).unref();
    });
  }
  const context = { output, style: styleFor(process.stdout), signal, say, tell };
  const exitCode = await command(context).catch((error: unknown) => explain(error, name, context));
  process.exitCode = stopped ?? exitCode;
}

async function explain(error: unknown, name: string, { say, tell }: CommandContext): Promise<ExitCode> {
  if (!(error instanceof CommandFailure)) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    debuglog('msrp')('%s', stack);
    say(`a bug, please report it (NODE_DEBUG=msrp shows where): ${message}`);
    return ExitCode.bug;
  }
  const { message, file, cause, exitCode } = error;
  try {
    if (exitCode === ExitCode.usage) say(`${message}; see msrp ${name} --help`);
    else await tell(failedEvent(message, file, cause), message);
  } catch {
    say(message);
  }
  return exitCode;
}
