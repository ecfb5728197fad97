// When `msrp send` has delivered something: when the receiver reports that it has it whole. Some peers send no reports; what they have
// acknowledged all of counts as delivered after the time that a response may take, and for what follows at once.

import type { OutgoingMessage, Settings } from '../index.ts';

type Progress = Pick<OutgoingMessage, 'bytesAcknowledged' | 'size'>;

export class Delivery {
  readonly #timers: Settings['timers'];
  readonly #patienceMs: number;
  readonly #unreported: Promise<void>;
  #giveUp!: () => void;
  #isAnswered = false;

  /** `mayReport`: the receiver is not known to send no reports. */
  constructor({ timers, timeouts }: Pick<Settings, 'timers' | 'timeouts'>, mayReport: boolean) {
    this.#timers = timers;
    this.#patienceMs = mayReport ? timeouts.responseMs : 0;
    this.#unreported = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** For the options of `send`. */
  readonly onProgress = ({ bytesAcknowledged, size }: Progress): void => {
    if (this.#isAnswered || bytesAcknowledged !== size) return;
    this.#isAnswered = true;
    this.#timers.start(this.#patienceMs, this.#giveUp);
  };

  /** Resolves with whether the receiver reported, and waits no longer. Rejects when the message fails. */
  async of(message: Pick<OutgoingMessage, 'delivered' | 'abort'>): Promise<boolean> {
    const reported = await Promise.race([message.delivered.then(() => true), this.#unreported.then(() => false)]);
    if (!reported) message.abort();
    return reported;
  }
}
