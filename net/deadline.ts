// One step with a time limit and a way to give it up.

import type { Settings } from './options.ts';

/**
 * Runs `step` with a signal that aborts when one of `signals` does or `ms` have passed; in the latter case the step's failure becomes
 * `timeout()`.
 */
export async function withDeadline<T>(
  settings: Settings,
  ms: number,
  signals: readonly (AbortSignal | undefined)[],
  timeout: () => Error,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  let late = false;
  const timer = settings.timers.start(ms, () => {
    late = true;
    abort.abort();
  });
  const stops = signals.flatMap((signal) => (signal === undefined ? [] : [linkTo(signal, abort)]));
  try {
    return await step(abort.signal);
  } catch (error) {
    throw late ? timeout() : error;
  } finally {
    timer.cancel();
    for (const stop of stops) stop();
  }
}

/** Aborts `abort` with `signal`. Returns how to undo that. */
function linkTo(signal: AbortSignal, abort: AbortController): () => void {
  const onAbort = (): void => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
  return () => signal.removeEventListener('abort', onAbort);
}

/** Rejects with `error()` when `signal` aborts, before `promise` has settled. What comes all the same goes to `tooLate`. */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  error: () => Error,
  tooLate: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(error());
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    promise.then((value) => (signal.aborted ? tooLate : resolve)(value), reject).finally(settled);
  });
}
