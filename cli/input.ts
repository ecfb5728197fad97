// A file or standard input as a stream of reads.

import { readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';

/** A read of a file is a trip to another thread and back: four times the default makes it cheap. */
const fileReadBytes = 256 * 1024;

export function isStandardInput(file: string | undefined): file is undefined | '-' {
  return file === undefined || file === '-';
}

/**
 * Reads `file`, or standard input for none and for `-`. Ends early, and in peace, when `signal` says so. Throws a
 * {@link CommandFailure} that names the file.
 */
export async function* readInput(file: string | undefined, signal: AbortSignal): AsyncGenerator<Buffer, void, void> {
  const stream = isStandardInput(file) ? process.stdin : createReadStream(file, { highWaterMark: fileReadBytes });
  addAbortSignal(signal, stream);
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    if (signal.aborted) return;
    throw cannotRead(file, reasonOf(error), error);
  }
}

/** What a file is called when people are told of it. */
export function titleOf(file: string | undefined): string {
  return isStandardInput(file) ? 'standard input' : file;
}

export function cannotRead(file: string | undefined, reason: string, cause?: unknown): CommandFailure {
  return new CommandFailure(`cannot read ${titleOf(file)}: ${reason}`, ExitCode.io, { file: file ?? '-', cause });
}

/** The whole of a small file, such as a certificate. Throws a {@link CommandFailure}. */
export async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw cannotRead(file, reasonOf(error), error);
  }
}
