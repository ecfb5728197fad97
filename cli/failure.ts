// What ends a command early, told to people in one line.

import { getSystemErrorMap } from 'node:util';
import { ExitCode } from './exit-code.ts';

/** Ends the command with `message` on stderr and `exitCode`. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = ExitCode.io) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Where the words of the platform say more, or less, than people ask. */
const plainWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a directory',
};

/** Why the platform refused something, without the name of the call that failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', errno = 0 } = error as NodeJS.ErrnoException;
  return plainWords[code] ?? getSystemErrorMap().get(errno)?.[1] ?? error.message;
}
