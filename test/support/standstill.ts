// Waits for something to stop moving, without a clock.

import { setImmediate as turn } from 'node:timers/promises';

/** Resolves when `count` has stayed the same over so many turns of the event loop. */
export async function standstill(count: () => number, turns = 200): Promise<void> {
  for (let before = -1, same = 0; same < turns; same = before === count() ? same + 1 : 0) {
    before = count();
    await turn();
  }
}
