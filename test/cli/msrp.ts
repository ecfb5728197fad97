// Runs the built `msrp` command as a user does: another process, its pipes, its exit code.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const main: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  stdout: string;
  stderr: string;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

/** Starts `msrp` without colours, unless `env` says otherwise. Whoever starts it sees to its end. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  const { FORCE_COLOR: _, NO_COLOR: __, NODE_OPTIONS: ___, ...own } = process.env;
  const child = spawn(process.execPath, [main, ...args], { env: { ...own, ...env } });
  child.stdin.on('error', () => {}); // a command may end before it has read all
  return child;
}

/** All that a process says until its end. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { stdout, stderr, exitCode, signal };
}

/** Runs `msrp` to its end with `input` on its stdin. */
export async function msrp(
  args: readonly string[],
  input: string | Buffer = '',
  env?: NodeJS.ProcessEnv,
): Promise<Ended> {
  const child = start(args, env);
  child.stdin.end(input);
  return ended(child);
}

/** Resolves when `child` has written `text`, with the last that it wrote. */
export async function said(child: ChildProcessWithoutNullStreams, text: string): Promise<string> {
  let all = '';
  return new Promise((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      all = (all + bytes.toString()).slice(-10_000);
      if (all.includes(text)) resolve(all);
    });
  });
}
