#!/usr/bin/env node
// The `msrp` command. Each of its commands is a file in commands/.

import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { usageError } from './command.ts';
import { addCommands } from './commands/index.ts';
import { ExitCode, exitCodeHelp } from './exit-code.ts';

const { version } = JSON.parse(readFileSync(new URL(import.meta.resolve('msrp/package.json')), 'utf8')) as {
  version: string;
};

const program = new Command('msrp')
  .description('The Message Session Relay Protocol (RFC 4975, RFC 4976).')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(usageError('msrp', text)) })
  .addHelpText('after', `\nExample:\n  $ msrp decode capture.msrp\n\n${exitCodeHelp}`);
await addCommands(program, process.argv[2]);

// Whoever reads us, as `head` does, may go before we end, even of a help text. What must know of it asks at each write.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
}
