// What the main thread and a load thread say to each other.

import type { Interval, Measured } from './tally.ts';

export type ToThread =
  /** Milliseconds of the time of day: threads have clocks of their own. */
  | { readonly kind: 'start'; readonly at: number }
  /** Send no more. */
  | { readonly kind: 'stop' };

export type FromThread =
  | { readonly kind: 'opened'; readonly sessions: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'interval'; readonly interval: Interval; readonly busy: number }
  | { readonly kind: 'done'; readonly measured: Measured; readonly unfinished: number }
  /** No session, or not all. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code: string | undefined };
