// Commands on a terminal: script of util-linux gives them one, and what they write there comes out of it.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ended, main } from './msrp.ts';

/** Whether there is such a script: the one of other systems has other options. */
export const hasTerminals: boolean = process.platform === 'linux' && existsSync('/usr/bin/script');

/** Starts a shell command, in which "$NODE" "$MAIN" is `msrp`. Its stdin is the keyboard. */
export function startOnTerminal(command: string, env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  const { FORCE_COLOR: _, NO_COLOR: __, CI: ___, ...own } = process.env;
  return spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...own, TERM: 'xterm-256color', NODE: process.execPath, MAIN: main, ...env },
  });
}

/** What a shell command writes on its terminal until its end. */
export async function onTerminal(command: string, env?: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await ended(startOnTerminal(command, env));
  return stdout.replaceAll('\r\n', '\n');
}
