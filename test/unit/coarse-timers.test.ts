import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../net/clock.ts';
import { type CoarseTimer, CoarseTimers, coarseTimersOf } from '../../net/coarse-timers.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { faultOf } from '../support/fault.ts';

function setUp(): { clock: SimulatedClock; timers: CoarseTimers; ended: string[] } {
  const clock = new SimulatedClock();
  return { clock, timers: new CoarseTimers(clock), ended: [] };
}

describe('a coarse timer', () => {
  test('ends once, not before its time and at most 250 ms after it', () => {
    const { clock, timers, ended } = setUp();
    timers.start(30_000, () => ended.push('response'));
    clock.advance(29_999);
    expect(ended).toEqual([]);
    clock.advance(251);
    expect(ended).toEqual(['response']);
    clock.advance(100_000);
    expect(ended).toEqual(['response']);
  });

  test('that is cancelled does not end, and may be cancelled again', () => {
    const { clock, timers, ended } = setUp();
    const timer = timers.start(1000, () => ended.push('one'));
    timer.cancel();
    timer.cancel();
    expect(timer.pending).toBe(false);
    clock.advance(10_000);
    expect(ended).toEqual([]);
  });

  test('that is restarted counts the whole time anew', () => {
    const { clock, timers, ended } = setUp();
    const timer = timers.start(1000, () => ended.push('idle'));
    for (let read = 0; read < 20; read++) {
      clock.advance(900);
      timer.restart();
    }
    expect(ended).toEqual([]);
    clock.advance(1250);
    expect(ended).toEqual(['idle']);
  });

  test('can be restarted after it ended and after it was cancelled', () => {
    const { clock, timers, ended } = setUp();
    const timer = timers.start(1000, () => ended.push('x'));
    clock.advance(1250);
    timer.restart();
    expect(timer.pending).toBe(true);
    timer.cancel();
    timer.restart();
    clock.advance(1250);
    expect(ended).toEqual(['x', 'x']);
    expect(timers.pending).toBe(0);
  });

  test('of 0 ms or less ends later, not within the call', () => {
    const { clock, timers, ended } = setUp();
    timers.start(0, () => ended.push('zero'));
    timers.start(-5, () => ended.push('past'));
    expect(ended).toEqual([]);
    clock.advance(250);
    expect(ended).toEqual(['zero', 'past']);
  });

  test('of infinite time never ends and needs no clock timer', () => {
    const { clock, timers } = setUp();
    const timer = timers.start(Number.POSITIVE_INFINITY, () => expect.unreachable());
    expect([timer.pending, clock.pending]).toEqual([true, 0]);
    timers.start(10, () => {}).cancel();
    clock.advance(1e12);
    timer.cancel();
  });

  test('of a time that is no number is refused', () => {
    const { timers } = setUp();
    expect(faultOf(() => timers.start(Number.NaN, () => {})).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('of more than the system can wait for does not end early', () => {
    const { clock, timers, ended } = setUp();
    const limited: Clock = {
      now: () => clock.now(),
      setTimer: (callback, ms) => clock.setTimer(callback, Math.min(ms, 1000)),
    };
    const long = new CoarseTimers(limited);
    long.start(5000, () => ended.push('long'));
    clock.advance(4999);
    expect(ended).toEqual([]);
    clock.advance(1201);
    expect(ended).toEqual(['long']);
    expect(timers.pending).toBe(0);
  });
});

describe('coarse timers', () => {
  test('use one timer of the clock, and none when nothing is pending', () => {
    const { clock, timers } = setUp();
    const started = Array.from({ length: 1000 }, (_, index) => timers.start(1000 + (index % 7) * 1000, () => {}));
    expect([clock.pending, timers.pending]).toEqual([1, 1000]);
    for (const timer of started) timer.cancel();
    expect([clock.pending, timers.pending]).toEqual([0, 0]);
    timers.start(1000, () => {});
    clock.advance(1250);
    expect([clock.pending, timers.pending]).toEqual([0, 0]);
  });

  test('do not lose the others when one throws', () => {
    const { clock, timers, ended } = setUp();
    timers.start(1000, () => ended.push('before'));
    timers.start(1000, () => {
      throw new Error('mine');
    });
    timers.start(1000, () => ended.push('after'));
    timers.start(1001, () => ended.push('other'));
    expect(() => clock.advance(1250)).toThrow('mine');
    clock.advance(0);
    expect(ended).toEqual(['before', 'after', 'other']);
    expect([clock.pending, timers.pending]).toEqual([0, 0]);
  });

  test('let a callback start, restart and cancel timers', () => {
    const { clock, timers, ended } = setUp();
    const first: CoarseTimer = timers.start(1000, () => {
      ended.push('first');
      second.cancel();
      third.restart();
      timers.start(1, () => ended.push('fourth'));
      if (ended.length < 3) first.restart();
    });
    const second = timers.start(1000, () => expect.unreachable());
    const third = timers.start(1000, () => ended.push('third'));
    clock.advance(1250);
    expect(ended).toEqual(['first']);
    clock.advance(250);
    expect(ended).toEqual(['first', 'fourth']);
    clock.advance(1250);
    expect(ended.slice(2).sort()).toEqual(['first', 'fourth', 'third']);
  });

  test('do not end a timer in the turn in which it was started', () => {
    const { clock, timers, ended } = setUp();
    const timer: CoarseTimer = timers.start(0, () => {
      ended.push('again');
      timer.restart();
    });
    clock.advance(201);
    expect(ended).toEqual(['again']);
    timer.cancel();
  });

  test('are shared by all who use the same clock', () => {
    const [one, other] = [new SimulatedClock(), new SimulatedClock()];
    expect(coarseTimersOf(one)).toBe(coarseTimersOf(one));
    expect(coarseTimersOf(one)).not.toBe(coarseTimersOf(other));
  });

  test('hold their law: each pending timer ends between its deadline and 250 ms later, whatever is done to the others', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('start' as const), ms: fc.integer({ min: 1, max: 2000 }), index: fc.nat(50) }),
      fc.record({ do: fc.constantFrom('cancel' as const, 'restart' as const), ms: fc.constant(0), index: fc.nat(50) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 700 }), index: fc.constant(0) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 150 }), checkLaw));
  });
});

interface Tracked {
  readonly timer: CoarseTimer;
  readonly ms: number;
  deadline: number;
}

function checkLaw(steps: { do: 'start' | 'cancel' | 'restart' | 'advance'; ms: number; index: number }[]): void {
  const { clock, timers } = setUp();
  const all: Tracked[] = [];
  for (const step of steps) {
    const one = all[step.index % Math.max(all.length, 1)];
    if (step.do === 'start') all.push(startTracked(timers, clock, step.ms));
    else if (step.do === 'advance') clock.advance(step.ms);
    else if (step.do === 'cancel') one?.timer.cancel();
    else if (one !== undefined) {
      one.timer.restart();
      one.deadline = clock.now() + one.ms;
    }
    const pending = all.filter(({ timer }) => timer.pending);
    expect(timers.pending).toBe(pending.length);
    expect(clock.pending).toBe(pending.length > 0 ? 1 : 0);
    for (const { deadline } of pending) expect(deadline + 250).toBeGreaterThanOrEqual(clock.now());
  }
}

function startTracked(timers: CoarseTimers, clock: SimulatedClock, ms: number): Tracked {
  const tracked: Tracked = {
    ms,
    deadline: clock.now() + ms,
    timer: timers.start(ms, () => {
      expect(clock.now()).toBeGreaterThanOrEqual(tracked.deadline);
      expect(clock.now()).toBeLessThanOrEqual(tracked.deadline + 250);
    }),
  };
  return tracked;
}

describe('the system clock', () => {
  test('never goes back, and runs a timer after the call', async () => {
    const before = systemClock.now();
    let returned = false;
    const ran = afterMs(0).then(() => returned);
    returned = true;
    expect(await ran).toBe(true);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });

  test('runs no cancelled timer', async () => {
    const timer = systemClock.setTimer(() => expect.unreachable(), 1);
    timer.cancel();
    timer.cancel();
    await afterMs(5);
  });

  test('does not take the longest times for none at all, as Node does', async () => {
    const timer = systemClock.setTimer(() => expect.unreachable(), Number.POSITIVE_INFINITY);
    await afterMs(5);
    timer.cancel();
  });

  test('keeps no process alive', () => {
    const timer = systemClock.setTimer(() => {}, 10_000);
    const kinds = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    timer.cancel();
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(kinds);
  });
});

/** On the system clock, whose timers are unref'd: something else has to keep the process alive meanwhile. */
function afterMs(ms: number): Promise<void> {
  const alive = setInterval(() => {}, 1000);
  return new Promise((resolve) => {
    systemClock.setTimer(() => {
      clearInterval(alive);
      resolve();
    }, ms);
  });
}
