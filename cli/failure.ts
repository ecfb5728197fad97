// What ends a command early, told to people in one line.

import { getSystemErrorMap } from 'node:util';
import { MSRPError } from '../codec/index.ts';
import { ExitCode } from './exit-code.ts';

/** What scripts want to know of a failure, beyond its message. */
export interface FailureFacts {
  /** The file that it is about. */
  file?: string;
  /** What went wrong beneath. */
  cause?: unknown;
}

/** Ends the command with `message`, on stderr or as JSON, and `exitCode`. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  readonly file: string | undefined;

  constructor(message: string, exitCode: ExitCode = ExitCode.io, { file, cause }: FailureFacts = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
    this.file = file;
  }
}

/** Where the words of the platform say more, or less, than people ask. */
const plainWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a directory',
};

/** The code of an error of ours or of the platform. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** Why something failed: an error of ours with its code; one of the platform without the name of the call that failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof MSRPError) return `${error.message} (${error.code})`;
  const { code = '', errno = 0 } = error as NodeJS.ErrnoException;
  return plainWords[code] ?? getSystemErrorMap().get(errno)?.[1] ?? error.message;
}
