// Waits for something to stop moving, without a clock.

import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Resolves when `count` has stayed the same over so many turns of the event loop; where other threads move it, `turn` is to be something
 * that takes them all along, such as an exchange on another connection.
 */
export async function standstill(
  count: () => number,
  turns = 200,
  turn: () => Promise<unknown> = nextTurn,
): Promise<void> {
  for (let before = -1, same = 0; same < turns; same = before === count() ? same + 1 : 0) {
    before = count();
    await turn();
  }
}
