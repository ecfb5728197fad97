// Standard output in batches: one write for what one read of input brought, and the next read only when the kernel has
// taken it. So memory stays constant however slow the reader, and a fast one does not pay for a write per line.

import type { Writable } from 'node:stream';
import { CommandFailure, reasonOf } from './failure.ts';

export class Output {
  readonly #stream: Writable;
  readonly #signal: AbortSignal;
  #batch = '';
  #isClosed = false;

  /** An abort ends the waiting, not the writing. `stream` has a listener for its errors already. */
  constructor(stream: Writable, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
  }

  /** Whether the reader has gone, as `head` does when it has enough: an end like any other. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(text: string): void {
    this.#batch += text;
  }

  /** Resolves when all that was added has been taken. Throws a {@link CommandFailure} where that cannot be. */
  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === '' || this.#isClosed) return;
    this.#batch = '';
    const error = await this.#write(batch);
    if (error === undefined) return;
    if (error.code !== 'EPIPE') throw new CommandFailure(`cannot write the output: ${reasonOf(error)}`);
    this.#isClosed = true;
  }

  #write(batch: string): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise((resolve) => {
      const stop = (): void => resolve(undefined);
      this.#signal.addEventListener('abort', stop);
      this.#stream.write(batch, (error) => {
        this.#signal.removeEventListener('abort', stop);
        resolve(error ?? undefined);
      });
    });
  }
}
