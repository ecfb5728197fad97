// A peer that begins a frame goes on with it (RFC 4975 is silent; requirements of a server on the open network): a head has a time limit in
// all, a body one without another octet. Nobody counts while it is we who do not read.

import type { CoarseTimer } from './coarse-timers.ts';
import { MSRPTimeout } from './errors.ts';
import type { Settings } from './options.ts';
import type { Decoder } from './socket.ts';

export class FrameWatch {
  readonly #decoder: Decoder;
  readonly #settings: Settings;
  readonly #isStopped: () => boolean;
  readonly #onLate: (error: MSRPTimeout) => void;
  #timer: CoarseTimer | undefined;
  /** The head that is open, by its place in the stream; and since when, or, within a body, when the last octets came. */
  #head = -1;
  #since = 0;

  constructor(decoder: Decoder, settings: Settings, isStopped: () => boolean, onLate: (error: MSRPTimeout) => void) {
    this.#decoder = decoder;
    this.#settings = settings;
    this.#isStopped = isStopped;
    this.#onLate = onLate;
  }

  /** A read has been dealt with. */
  onRead(): void {
    const { openPart, openOffset } = this.#decoder;
    if (openPart === undefined || (openPart === 'head' && openOffset === this.#head)) return;
    this.#head = openPart === 'head' ? openOffset : -1;
    this.#since = this.#settings.clock.now();
    if (this.#timer?.pending !== true) this.#watch(this.#limit);
  }

  close(): void {
    this.#timer?.cancel();
  }

  get #limit(): number {
    const { headMs, idleFrameMs } = this.#settings.timeouts;
    return this.#decoder.openPart === 'head' ? headMs : idleFrameMs;
  }

  #watch(ms: number): void {
    this.#timer = this.#settings.timers.start(ms, () => this.#onTimer());
  }

  #onTimer(): void {
    if (this.#decoder.openPart === undefined) return;
    const now = this.#settings.clock.now();
    if (this.#isStopped()) this.#since = now;
    const left = this.#since + this.#limit - now;
    if (left > 0) this.#watch(left);
    else this.#onLate(new MSRPTimeout('waiting for the rest of a frame', this.#limit));
  }
}
