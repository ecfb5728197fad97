// The file of npm start: one of yours, or random octets.

import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { reasonOf } from '../failure.ts';
import { cannotRead } from '../input.ts';

const demoBytes = 268_435_456;
const pieceBytes = 1_048_576;

export async function makeFile(file: string, signal: AbortSignal): Promise<string> {
  const handle = await open(file, 'wx');
  const piece = Buffer.allocUnsafe(pieceBytes);
  try {
    for (let bytes = 0; bytes < demoBytes; bytes += piece.length) {
      signal.throwIfAborted();
      await handle.write(randomFillSync(piece));
    }
  } finally {
    await handle.close();
  }
  return file;
}

export async function sizeOf(file: string): Promise<number> {
  const stats = await stat(file).catch((error: unknown) => {
    throw cannotRead(file, reasonOf(error), error);
  });
  if (!stats.isFile()) throw cannotRead(file, stats.isDirectory() ? 'it is a directory' : 'it is no file');
  return stats.size;
}

export async function hashOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file, { highWaterMark: pieceBytes }), hash, { signal });
  } catch (error) {
    throw cannotRead(file, reasonOf(error), error);
  }
  return hash.digest('hex');
}
