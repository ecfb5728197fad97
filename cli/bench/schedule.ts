// When messages are due, whatever becomes of those before: the rate rises from nothing for the time of the ramp, then it is constant.

export interface ScheduleInit {
  /** Messages a second, once the ramp is over. */
  readonly rate: number;
  readonly rampMs: number;
  /** Until when messages are due, ramp included. */
  readonly endMs: number;
}

/** Of all threads together; each takes each n-th. */
export class Schedule {
  readonly #perMs: number;
  readonly #rampMs: number;
  /** Messages that are due in the ramp. */
  readonly #inRamp: number;
  readonly #endMs: number;

  constructor({ rate, rampMs, endMs }: ScheduleInit) {
    this.#perMs = rate / 1000;
    this.#rampMs = rampMs;
    this.#inRamp = (this.#perMs * rampMs) / 2;
    this.#endMs = endMs;
  }

  /** When the message of that number, from 0, is due, in milliseconds from the start; undefined: never. */
  dueMs(number: number): number | undefined {
    const due =
      number < this.#inRamp
        ? // The rate grows with the time, and so the messages with its square.
          this.#rampMs * Math.sqrt(number / this.#inRamp)
        : this.#rampMs + (number - this.#inRamp) / this.#perMs;
    return due < this.#endMs ? due : undefined;
  }
}
