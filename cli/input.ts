// A file or standard input as a stream of reads.

import { readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
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
    throw new CommandFailure(`cannot read ${isStandardInput(file) ? 'standard input' : file}: ${reasonOf(error)}`);
  }
}

/** The whole of a small file, such as a certificate. Throws a {@link CommandFailure}. */
export async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandFailure(`cannot read ${file}: ${reasonOf(error)}`);
  }
}
