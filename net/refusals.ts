// A listener's limit on connections without a session, and what is logged of those it turns away: the first at once, the others of the
// same second together, so that a storm of connections is not one of lines as well.

import type { CoarseTimer } from './coarse-timers.ts';
import type { Settings } from './options.ts';
import { UnboundLimit } from './unbound-limit.ts';

const togetherMs = 1000;

export interface Refusals {
  readonly limit: UnboundLimit;
  close(): void;
}

export function refusalsOf({ limits, logger, timers }: Settings): Refusals {
  let timer: CoarseTimer | undefined;
  let untold = 0;
  const tell = (): void => {
    if (untold > 0) logger?.warn(`${untold} more connections were refused`);
    untold = 0;
  };
  const limit = new UnboundLimit(limits, (reason) => {
    if (timer?.pending === true) {
      untold++;
      return;
    }
    logger?.warn(`a connection was refused: ${reason}`);
    timer = timers.start(togetherMs, tell);
  });
  return { limit, close: () => timer?.cancel() };
}
