// Who is writing: the state that we tell a peer, and the one that we know of it (RFC 3994 sections 3.2 and 3.3). Both are
// tables of state and event; the timers are those of the session.

import type { CoarseTimer, CoarseTimers } from '../../net/index.ts';
import { unwritable } from './malformed.ts';
import type { IsComposing } from './is-composing.ts';

export type ComposingState = IsComposing['state'];

/** The next state, and what the peer is told. */
type Transition = readonly [next: ComposingState, told?: ComposingState];
type ComposerEvent = 'typed' | 'refresh' | 'timeout' | 'stopped' | 'sent';

/** An event that is not in the row of the state changes nothing. */
const transitions: Record<ComposingState, Partial<Record<ComposerEvent, Transition>>> = {
  idle: {
    typed: ['active', 'active'],
  },
  active: {
    typed: ['active'],
    refresh: ['active', 'active'],
    timeout: ['idle', 'idle'],
    stopped: ['idle', 'idle'],
    // The message itself says that nothing is being written any more.
    sent: ['idle'],
  },
};

export interface ComposerOptions {
  /** What is being written. Default: not told. */
  contentType?: string;
  /**
   * The interval that is announced, 60 s at least (R3994-3.2-1); null: the state is told once, and peers forget it after 120 s. Default 90.
   */
  refreshSeconds?: number | null;
  /** After so long without a key the user counts as idle. Default 15. */
  idleSeconds?: number;
}

/** The refresh is sent so long before the peer would count us idle: timers are up to 250 ms late, and networks take time. */
const refreshLeadMs = 2000;

/** Tells a peer whether our user is writing. Calls `tell` at most once for each change, and once in a refresh interval between. */
export class Composer {
  readonly #tell: (status: IsComposing) => void;
  readonly #status: Omit<IsComposing, 'state'>;
  readonly #idle: CoarseTimer;
  readonly #refresh: CoarseTimer | undefined;
  #state: ComposingState = 'idle';
  #isClosed = false;

  /** Throws `MSRP_ERR_ARGUMENT` for intervals out of range. */
  constructor(timers: CoarseTimers, tell: (status: IsComposing) => void, o: ComposerOptions = {}) {
    const { contentType, refreshSeconds = 90, idleSeconds = 15 } = o;
    if (refreshSeconds !== null && !(Number.isInteger(refreshSeconds) && refreshSeconds >= 60)) {
      throw unwritable(`a refresh interval is 60 s or longer, not ${refreshSeconds}`);
    }
    this.#tell = tell;
    this.#status = {
      ...(contentType !== undefined && { contentType }),
      ...(refreshSeconds !== null && { refreshSeconds }),
    };
    this.#idle = stoppedTimer(timers, idleSeconds * 1000, () => this.#on('timeout'));
    if (refreshSeconds !== null) {
      this.#refresh = stoppedTimer(timers, refreshSeconds * 1000 - refreshLeadMs, () => this.#on('refresh'));
    }
  }

  get state(): ComposingState {
    return this.#state;
  }

  /** The user has changed the draft. Call it for each key. */
  typed(): void {
    this.#on('typed');
    if (this.#state === 'active') this.#idle.restart();
  }

  /** The user has thrown the draft away. */
  stopped(): void {
    this.#on('stopped');
  }

  /** The message was sent. */
  sent(): void {
    this.#on('sent');
  }

  /** Nothing is told any more: the peer does not take these documents (415), or the session is over. */
  close(): void {
    this.#isClosed = true;
    this.#enter('idle', false);
  }

  #on(event: ComposerEvent): void {
    const transition = transitions[this.#state][event];
    if (transition === undefined || this.#isClosed) return;
    const [next, told] = transition;
    this.#enter(next, told === 'active');
    if (told === 'active') this.#tell({ state: 'active', ...this.#status });
    else if (told === 'idle') this.#tell({ state: 'idle' });
  }

  #enter(state: ComposingState, refresh: boolean): void {
    this.#state = state;
    if (refresh) this.#refresh?.restart();
    if (state === 'active') return;
    this.#idle.cancel();
    this.#refresh?.cancel();
  }
}

/** Without a refresh interval of its own, an `active` counts for so long (R3994-3.3-1). */
const defaultRefreshSeconds = 120;

/** What we know of a peer: active until it says idle, sends content, or does not refresh. */
export class PeerComposing {
  readonly #timers: CoarseTimers;
  readonly #onChange: (state: ComposingState) => void;
  #status: IsComposing = { state: 'idle' };
  #timer: CoarseTimer | undefined;

  constructor(timers: CoarseTimers, onChange: (state: ComposingState) => void = () => {}) {
    this.#timers = timers;
    this.#onChange = onChange;
  }

  get state(): ComposingState {
    return this.#status.state;
  }

  /** What the peer is writing, if it said. */
  get contentType(): string | undefined {
    return this.#status.contentType;
  }

  /** The peer has told its state. Any number of `active` in a row is fine. */
  onStatus(status: IsComposing): void {
    this.#timer?.cancel();
    if (status.state === 'active') {
      const seconds = status.refreshSeconds ?? defaultRefreshSeconds;
      this.#timer = this.#timers.start(seconds * 1000, () => this.#enter({ state: 'idle' }));
    }
    this.#enter(status);
  }

  /** The peer has sent a message: it is done with writing it. */
  onContent(): void {
    this.close();
  }

  /** Counts the peer as idle from now on. */
  close(): void {
    this.#timer?.cancel();
    this.#enter({ state: 'idle' });
  }

  #enter(status: IsComposing): void {
    const before = this.#status.state;
    this.#status = status;
    if (status.state !== before) this.#onChange(status.state);
  }
}

function stoppedTimer(timers: CoarseTimers, ms: number, callback: () => void): CoarseTimer {
  const timer = timers.start(ms, callback);
  timer.cancel();
  return timer;
}
