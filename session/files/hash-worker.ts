// The thread that hashes: it reads the file by itself, up to where the other side says that it is there, and waits for more.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { MessagePort } from 'node:worker_threads';

export interface HashTask {
  readonly path: string;
  /** As node:crypto calls it. */
  readonly algorithm: 'sha1' | 'sha256';
  /** {@link Grown} comes here. Closed before the last: the hash is not wanted any more. */
  readonly port: MessagePort;
}

/** The file has so many octets that stay as they are; there will be no more if these are the last. */
export interface Grown {
  readonly bytes: number;
  readonly isLast: boolean;
}

const readBytes = 1_048_576;

/** Resolves with the hash in hexadecimal; undefined when it is not wanted any more. */
export default async function hashFile({ path, algorithm, port }: HashTask): Promise<string | undefined> {
  const growth = new Growth(port);
  const file = await open(path).catch((error: unknown) => {
    port.close();
    throw error;
  });
  try {
    const hash = createHash(algorithm);
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    let at = 0;
    for (;;) {
      const { bytes, isLast } = growth.now;
      if (growth.isClosed) return undefined;
      if (at === bytes && isLast) return hash.digest('hex');
      if (at === bytes) await growth.more();
      else {
        const { bytesRead } = await file.read(buffer, 0, Math.min(readBytes, bytes - at), at);
        if (bytesRead === 0) throw new Error('the file has become shorter');
        hash.update(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
    }
  } finally {
    port.close();
    await file.close();
  }
}

class Growth {
  now: Grown = { bytes: 0, isLast: false };
  isClosed = false;
  #wake: (() => void) | undefined;

  constructor(port: MessagePort) {
    port.on('message', (grown: Grown) => {
      this.now = grown;
      this.#wake?.();
    });
    port.on('close', () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  /** Resolves when something has changed. */
  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
