// A file that is being received: NAME.part until it is complete, then NAME, or NAME-1, NAME-2 … where that is taken.

import { createHash } from 'node:crypto';
import { link, open, unlink } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface StoredFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Octets that wait for the disk before the sender has to. */
const waitingBytes = 1_048_576;

/** Writes `body` to a new file in `dir`, called `name` or nearly so. When `body` or the disk fails, nothing is left. */
export async function storeFile(dir: string, name: string, body: AsyncIterable<Buffer>): Promise<StoredFile> {
  const [stream, part] = await openPart(dir, name);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    const hashed = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of body) {
        hash.update(piece);
        bytes += piece.length;
        yield piece;
      }
    };
    await pipeline(hashed, stream);
    return { file: await giveName(dir, name, part), bytes, sha256: hash.digest('hex') };
  } finally {
    await unlink(part).catch(() => {});
  }
}

async function openPart(dir: string, name: string): Promise<[Writable, string]> {
  for (let number = 0; ; number++) {
    const part = `${join(dir, numbered(name, number))}.part`;
    try {
      return [(await open(part, 'wx')).createWriteStream({ highWaterMark: waitingBytes }), part];
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}

/** A link fails where the name is taken, so no file is ever replaced. */
async function giveName(dir: string, name: string, part: string): Promise<string> {
  for (let number = 0; ; number++) {
    const file = join(dir, numbered(name, number));
    try {
      await link(part, file);
      return file;
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}

function numbered(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}-${number}${extension}`;
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}
