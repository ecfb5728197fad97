// A peer that is sent something takes it, if slowly: one that takes no octet for `idleFrameMs` is as good as gone, and whoever waits for what
// is written learns it. The counterpart of FrameWatch.

import type { CoarseTimer } from './coarse-timers.ts';
import { MSRPTimeout } from './errors.ts';
import type { Settings } from './options.ts';
import type { Socket } from './socket.ts';

export class WriteWatch {
  readonly #socket: Socket;
  readonly #settings: Settings;
  readonly #onLate: (error: MSRPTimeout) => void;
  /** Octets that the socket was given, and of these, when it was last looked at, those that had left. */
  #given = 0;
  #left = 0;
  #timer: CoarseTimer | undefined;

  constructor(socket: Socket, settings: Settings, onLate: (error: MSRPTimeout) => void) {
    this.#socket = socket;
    this.#settings = settings;
    this.#onLate = onLate;
  }

  /** So many octets are about to be given to the socket. */
  onWrite(bytes: number): void {
    this.#given += bytes;
    if (this.#timer?.pending !== true) this.#watch();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #watch(): void {
    const { timers, timeouts } = this.#settings;
    this.#timer ??= timers.start(timeouts.idleFrameMs, () => this.#onTimer());
    if (!this.#timer.pending) this.#timer.restart();
  }

  #onTimer(): void {
    const { bufferedBytes } = this.#socket;
    const left = this.#given - bufferedBytes;
    if (bufferedBytes === 0) return;
    if (left === this.#left) this.#onLate(this.#late());
    else this.#watch();
    this.#left = left;
  }

  #late(): MSRPTimeout {
    return new MSRPTimeout('writing to a peer that does not read', this.#settings.timeouts.idleFrameMs);
  }
}
