// What `msrp send` sends: files, and standard input, read piece by piece.

import type { Hash } from 'node:crypto';
import { access, constants, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CommandFailure, reasonOf } from './failure.ts';
import { cannotRead, readInput, titleOf } from './input.ts';

export interface FileSource {
  /** As it was given; `-` is standard input. */
  readonly file: string;
  /** What it is called when people are told of it. */
  readonly title: string;
  /** What the receiver is to call it. */
  readonly name: string;
  /** In octets; undefined where only its end will tell. */
  readonly size: number | undefined;
}

/** Sees whether `file` can be read. Throws a CommandFailure. */
export async function fileSourceOf(file: string, stdinName: string): Promise<FileSource> {
  const title = titleOf(file);
  if (file === '-') return { file, title, name: stdinName, size: undefined };
  try {
    await access(file, constants.R_OK);
    const stats = await stat(file);
    if (stats.isDirectory()) throw cannotRead(file, 'it is a directory');
    // Files that the system makes up, as in /proc, say that they are empty.
    const size = stats.isFile() && stats.size > 0 ? stats.size : undefined;
    return { file, title, name: basename(file), size };
  } catch (error) {
    throw error instanceof CommandFailure ? error : cannotRead(file, reasonOf(error), error);
  }
}

/** The octets of what has no size, which `hash` sees too. Throws a CommandFailure. */
export async function* octetsOf({ file }: FileSource, hash: Hash, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const piece of readInput(file, signal)) {
    hash.update(piece);
    yield piece;
  }
}
