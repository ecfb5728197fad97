// What all commands have in common: how one is declared, how it is run, and how it ends.

import type { Command } from 'commander';
import { debuglog } from 'node:util';
import { ExitCode, exitCodeHelp } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { Output } from './output.ts';
import { visible } from './printable.ts';
import { type Style, styleFor } from './style.ts';

/** How long after Ctrl-C a reader that does not read may keep the end of our output waiting. */
const farewellMs = 1000;

export interface CommandContext {
  readonly output: Output;
  /** For `output`. */
  readonly style: Style;
  /** Ctrl-C: finish the line, say how far it went and return. */
  readonly signal: AbortSignal;
  /** Says something on stderr, in one line that begins with the name of the command. */
  readonly say: (text: string) => void;
}

export interface CommandDescription {
  name: string;
  /** One line. */
  summary: string;
  /** Lines of a shell. */
  examples: readonly string[];
}

/** Adds a command to `program`; arguments, options and action are then given to what it returns. */
export function addCommand(program: Command, { name, summary, examples }: CommandDescription): Command {
  const lines = examples.map((example) => `\n  $ ${example}`).join('');
  return program
    .command(name)
    .description(summary)
    .configureOutput({ outputError: (text, write) => write(usageError(`${program.name()} ${name}`, text)) })
    .addHelpText('after', `\nExamples:${lines}\n\n${exitCodeHelp}`);
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

/** Runs a command: gives it its surroundings, and makes what it returns or throws the end of the process. */
export async function run(name: string, command: (context: CommandContext) => Promise<ExitCode>): Promise<void> {
  const interruption = new AbortController();
  const say = (text: string): void => void process.stderr.write(`msrp ${name}: ${visible(text)}\n`);
  // Once: a second Ctrl-C finds no listener and ends the process at once.
  process.once('SIGINT', () => {
    interruption.abort();
    setTimeout(() => process.exit(ExitCode.interrupted), farewellMs).unref();
  });
  const { signal } = interruption;
  try {
    const output = new Output(process.stdout, signal);
    const exitCode = await command({ output, style: styleFor(process.stdout), signal, say });
    process.exitCode = signal.aborted ? ExitCode.interrupted : exitCode;
  } catch (error) {
    process.exitCode = explain(error, say);
  }
}

function explain(error: unknown, say: (text: string) => void): ExitCode {
  if (error instanceof CommandFailure) {
    say(error.message);
    return error.exitCode;
  }
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  debuglog('msrp')('%s', stack);
  say(`a bug, please report it (NODE_DEBUG=msrp shows where): ${message}`);
  return ExitCode.bug;
}
