import { describe, expect, test } from 'vitest';
import { CoarseTimers } from '../../../net/coarse-timers.ts';
import { Composer, type ComposerOptions, type IsComposing, PeerComposing } from '../../../session/index.ts';
import { SimulatedClock } from '../../simulation/simulated-clock.ts';
import { faultOf } from '../../support/fault.ts';

/** How late a timer may be. */
const lateMs = 250;

function composing(options?: ComposerOptions): {
  clock: SimulatedClock;
  timers: CoarseTimers;
  composer: Composer;
  told: IsComposing[];
} {
  const clock = new SimulatedClock();
  const timers = new CoarseTimers(clock);
  const told: IsComposing[] = [];
  return { clock, timers, told, composer: new Composer(timers, (status) => told.push(status), options) };
}

const active: IsComposing = { state: 'active', refreshSeconds: 90 };
const idle: IsComposing = { state: 'idle' };

type Step = 'typed' | 'stopped' | 'sent' | 'close' | number;

describe('a composer', () => {
  test.each<[Step[], IsComposing[], 'active' | 'idle']>([
    // From idle, each event.
    [[], [], 'idle'],
    [['typed'], [active], 'active'],
    [['sent'], [], 'idle'],
    [['stopped'], [], 'idle'],
    [[100_000], [], 'idle'],
    // From active, each event.
    [['typed', 'typed', 'typed'], [active], 'active'],
    [['typed', 'sent'], [active], 'idle'],
    [['typed', 'stopped'], [active, idle], 'idle'],
    [['typed', 14_999], [active], 'active'],
    [['typed', 15_000 + lateMs], [active, idle], 'idle'],
    // Each key counts the idle time anew.
    [['typed', 14_000, 'typed', 14_000, 'typed', 14_000], [active], 'active'],
    // No timer goes on when idle.
    [['typed', 'sent', 200_000], [active], 'idle'],
    [['typed', 'stopped', 200_000], [active, idle], 'idle'],
    // And from there all begins again.
    [['typed', 'sent', 'typed', 15_000 + lateMs], [active, active, idle], 'idle'],
    // After the end nothing is told.
    [['typed', 'close', 'typed', 200_000], [active], 'idle'],
    [['close', 'typed', 'stopped'], [], 'idle'],
  ])('after %j has told %j and is %s', (steps, expected, state) => {
    const { clock, composer, told } = composing();
    for (const step of steps) {
      if (typeof step === 'number') clock.advance(step);
      else composer[step]();
    }
    expect(told).toEqual(expected);
    expect(composer.state).toBe(state);
  });

  function typeFor(seconds: number, { clock, composer }: { clock: SimulatedClock; composer: Composer }): void {
    for (let passed = 0; passed < seconds; passed++) {
      composer.typed();
      clock.advance(1000);
    }
  }

  test('refreshes before the announced interval is over, and at most once in it', () => {
    const all = composing();
    typeFor(87, all);
    expect(all.told).toEqual([active]);
    typeFor(2, all);
    expect(all.told).toEqual([active, active]);
    typeFor(87, all);
    expect(all.told.length).toBe(2);
    typeFor(2, all);
    expect(all.told.length).toBe(3);
  });

  test('does not refresh when told not to', () => {
    const all = composing({ refreshSeconds: null });
    typeFor(500, all);
    expect(all.told).toEqual([{ state: 'active' }]);
  });

  test('tells what is being written, and its own intervals', () => {
    const { clock, composer, told } = composing({ contentType: 'text/plain', refreshSeconds: 60, idleSeconds: 5 });
    composer.typed();
    clock.advance(5000 + lateMs);
    expect(told).toEqual([{ state: 'active', contentType: 'text/plain', refreshSeconds: 60 }, idle]);
  });

  test('leaves no timer behind', () => {
    const { timers, composer } = composing();
    expect(timers.pending).toBe(0);
    composer.typed();
    expect(timers.pending).toBe(2);
    composer.close();
    expect(timers.pending).toBe(0);
  });

  test.each([59, 60.5, 0, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses a refresh interval of %j s',
    (refreshSeconds) => {
      expect(faultOf(() => composing({ refreshSeconds })).code).toBe('MSRP_ERR_ARGUMENT');
    },
  );
});

describe('a peer', () => {
  type Event = IsComposing | 'content' | 'close' | number;

  test.each<[Event[], ('active' | 'idle')[]]>([
    [[idle], []],
    [['content'], []],
    [[active], ['active']],
    [[active, active, active], ['active']],
    [
      [active, idle],
      ['active', 'idle'],
    ],
    [
      [active, 'content'],
      ['active', 'idle'],
    ],
    [
      [active, 'close'],
      ['active', 'idle'],
    ],
    // It lasts as long as it said, or two minutes.
    [[active, 89_999], ['active']],
    [
      [active, 90_000 + lateMs],
      ['active', 'idle'],
    ],
    [[{ state: 'active' }, 119_999], ['active']],
    [
      [{ state: 'active' }, 120_000 + lateMs],
      ['active', 'idle'],
    ],
    [[active, { state: 'active', refreshSeconds: 300 }, 299_999], ['active']],
    // Each active counts anew.
    [[active, 80_000, active, 80_000], ['active']],
    // Nothing goes on when idle.
    [
      [active, idle, 80_000, active, 80_000],
      ['active', 'idle', 'active'],
    ],
    [
      [active, 'content', active],
      ['active', 'idle', 'active'],
    ],
    [[{ state: 'active', refreshSeconds: 999_999_999 }, 2 ** 32], ['active']],
  ])('that sends %j was %j', (events, states) => {
    const clock = new SimulatedClock();
    const timers = new CoarseTimers(clock);
    const changes: string[] = [];
    const peer = new PeerComposing(timers, (state) => changes.push(state));
    for (const event of events) {
      if (typeof event === 'number') clock.advance(event);
      else if (event === 'content') peer.onContent();
      else if (event === 'close') peer.close();
      else peer.onStatus(event);
    }
    expect(changes).toEqual(states);
    expect(peer.state).toBe(states.at(-1) ?? 'idle');
    peer.close();
    expect(timers.pending).toBe(0);
  });

  test('writes what it says it does, while it does', () => {
    const peer = new PeerComposing(new CoarseTimers(new SimulatedClock()));
    peer.onStatus({ ...active, contentType: 'image/png' });
    expect(peer.contentType).toBe('image/png');
    peer.onContent();
    expect(peer.contentType).toBeUndefined();
  });
});

test('a peer that listens to a composer is never idle between two keys of 14 s', () => {
  const clock = new SimulatedClock();
  const timers = new CoarseTimers(clock);
  const changes: string[] = [];
  const peer = new PeerComposing(timers, (state) => changes.push(state));
  // A network that takes a second.
  const composer = new Composer(timers, (status) => void clock.setTimer(() => peer.onStatus(status), 1000));
  for (let key = 0; key < 100; key++) {
    composer.typed();
    clock.advance(14_000);
  }
  expect(changes).toEqual(['active']);
  clock.advance(3000);
  expect(changes).toEqual(['active', 'idle']);
});
