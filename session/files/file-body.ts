// The octets of a file, from anywhere, as large as it was when it was first looked at.

import { open, stat, type FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { SeekableBody } from '../source.ts';

/** A read is a trip to another thread and back: large ones make it cheap. */
const readBytes = 262_144;

export class FileBody implements SeekableBody {
  readonly path: string;
  readonly size: number;
  /** Of the whole file, in octets, and when it was changed last, in nanoseconds. */
  readonly fileSize: number;
  readonly changed: bigint;
  readonly #offset: number;

  private constructor(path: string, stats: BigIntStats, { start, end }: { start: number; end: number }) {
    this.path = path;
    this.fileSize = Number(stats.size);
    this.changed = stats.mtimeNs;
    this.#offset = start - 1;
    this.size = end - this.#offset;
  }

  /** Of its octets `start` to `end`, which count from 1. Throws what the platform says, and a RangeError when they are not there. */
  static async of(path: string, { start, end }: { start: number; end?: number }): Promise<FileBody> {
    const stats = await stat(path, { bigint: true });
    if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a directory' : 'it is no file');
    await (await open(path)).close();
    const last = end ?? Number(stats.size);
    if (!(start >= 1 && start <= last + 1 && last <= stats.size)) {
      throw new RangeError(`it has ${stats.size} octets, not ${start} to ${last}`);
    }
    return new FileBody(path, stats, { start, end: last });
  }

  async *stream(start: number): AsyncGenerator<Buffer> {
    const file = await open(this.path);
    try {
      const end = this.#offset + this.size;
      for (let at = this.#offset + start; at < end; ) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, end - at));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new Error('it shrank while it was sent');
        at += bytesRead;
        // What has changed must not arrive whole.
        if (at === end) await this.#checkUnchanged(file);
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async #checkUnchanged(file: FileHandle): Promise<void> {
    const { size, mtimeNs } = await file.stat({ bigint: true });
    if (size > this.fileSize) throw new Error('it grew while it was sent');
    if (size < this.fileSize) throw new Error('it shrank while it was sent');
    if (mtimeNs !== this.changed) throw new Error('it changed while it was sent');
  }
}
