// What `msrp bench` is made of, on a clock that stands still: sizes, thresholds, the schedule, both loops.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClosedLoop } from '../../cli/bench/closed-loop.ts';
import { distributionOf, formatMs, latencyOf, newHistogram, record } from '../../cli/bench/latency.ts';
import { OpenLoop } from '../../cli/bench/open-loop.ts';
import { type BenchOptions, orderOf } from '../../cli/bench/options.ts';
import { type Load, phasesOf, threadPlans } from '../../cli/bench/plan.ts';
import { Schedule } from '../../cli/bench/schedule.ts';
import { largestOf, parseSizes, pickSize } from '../../cli/bench/sizes.ts';
import { Tally } from '../../cli/bench/tally.ts';
import { crossedBy, parseThreshold } from '../../cli/bench/thresholds.ts';
import { Timeline } from '../../cli/bench/timeline.ts';
import type { Sample } from '../../cli/bench-result.ts';
import type { Clock } from '../../net/clock.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';

describe('--size', () => {
  test.each([
    [
      '100',
      [
        [0, 100],
        [0.99, 100],
      ],
    ],
    ['0', [[0, 0]]],
    [
      '100-199',
      [
        [0, 100],
        [0.5, 150],
        [0.999, 199],
      ],
    ],
    [
      '100:90,65536:10',
      [
        [0, 100],
        [0.899, 100],
        [0.9001, 65_536],
        [0.999, 65_536],
      ],
    ],
    [
      '1,2',
      [
        [0.49, 1],
        [0.51, 2],
      ],
    ],
    [
      '1:3,10-19:1',
      [
        [0.74, 1],
        [0.76, 10],
        [0.999, 19],
      ],
    ],
  ])('%s', (text, picks) => {
    const sizes = parseSizes(text);
    expect(picks.map(([random = 0]) => pickSize(sizes, random))).toEqual(picks.map(([, size]) => size));
  });

  test('what is picked is one of the sizes, and each has its share', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 9 })), { minLength: 1 }), (classes) => {
        const sizes = parseSizes(classes.map(([size, weight]) => `${size}:${weight}`).join(','));
        const known = new Set(classes.map(([size]) => size));
        for (let at = 0; at < 100; at++) expect(known).toContain(pickSize(sizes, at / 100));
        expect(largestOf(sizes)).toBe(Math.max(...known));
      }),
    );
  });

  test.each(['', 'x', '-1', '1.5', '200-100', '100:0', '100:', '1,,2', '999999999', '100:x'])('not %j', (text) => {
    expect(() => parseSizes(text)).toThrow('--size wants octets');
  });
});

describe('--fail-if', () => {
  const judged = { latency: { mean: 1, p50: 2, p90: 3, p99: 50.5, 'p99.9': 80, max: 1500 }, errors: 1, rate: 999.4 };

  test.each([
    ['p99>50ms', '50.5 ms'],
    ['p50>1us', '2.0 ms'],
    [' max > 1.4s ', '1.50 s'],
    ['p99.9>79ms', '80.0 ms'],
    ['errors>0', '1'],
    ['rate<1000', '999'],
  ])('%j is crossed', (threshold, actual) => {
    expect(crossedBy(judged, [parseThreshold(threshold)])).toEqual([{ threshold, actual }]);
  });

  test.each(['p99>51ms', 'p50>2ms', 'errors>1', 'rate<999'])('%s is not', (threshold) => {
    expect(crossedBy(judged, [parseThreshold(threshold)])).toEqual([]);
  });

  test.each([
    '',
    'p99',
    'p99>50',
    'p98>1ms',
    'p99<1ms',
    'errors<1',
    'errors>1ms',
    'rate>1',
    'p99>1m',
    'constructor>1ms',
    'p99>1constructor',
  ])('%j is none', (text) =>
    expect(() => parseThreshold(text)).toThrow('--fail-if wants p50, p90, p99, p99.9, max with >'),
  );
});

describe('the schedule', () => {
  test('without a ramp is even', () => {
    const schedule = new Schedule({ rate: 200, rampMs: 0, endMs: 20 });
    expect([0, 1, 2, 3, 4].map((number) => schedule.dueMs(number))).toEqual([0, 5, 10, 15, undefined]);
  });

  test('with a ramp has half of the messages in it, later ones closer together', () => {
    const schedule = new Schedule({ rate: 1000, rampMs: 1000, endMs: 2000 });
    const all: number[] = [];
    for (let due; (due = schedule.dueMs(all.length)) !== undefined; ) all.push(due);
    expect(all.filter((due) => due < 1000)).toHaveLength(500);
    expect(all).toHaveLength(1500);
    const gaps = all.slice(1).map((due, at) => due - all[at]!);
    expect(gaps.every((gap, at) => at === 0 || gap <= gaps[at - 1]! + 1e-6)).toBe(true);
    expect(gaps.at(-1)).toBeCloseTo(1);
  });
});

/** Answers after a millisecond, but not between two times. */
class Peer {
  readonly clock = new SimulatedClock();
  readonly tally: Tally = new Tally({ measuredFromMs: 0, endMs: 3000, intervalMs: 100 });
  readonly #pause: readonly [from: number, to: number];
  sent = 0;

  constructor(pause: readonly [number, number]) {
    this.#pause = pause;
  }

  readonly send = (_number: number, dueMs: number, over: () => void): void => {
    const [from, to] = this.#pause;
    const now = this.clock.now();
    this.sent++;
    this.tally.onSent(dueMs, now);
    const at = now + 1 > from && now + 1 < to ? to : now + 1;
    this.clock.setTimer(() => {
      this.tally.onDelivered(dueMs, this.clock.now(), 100);
      over();
    }, at - now);
  };

  get latency() {
    return latencyOf(this.tally.measured.latency);
  }
}

describe('an open loop', () => {
  function run(mostOpen?: number, threads = 1): Peer {
    const peer = new Peer([1000, 2000]);
    const schedule = new Schedule({ rate: 1000, rampMs: 0, endMs: 3000 });
    const { clock, send } = peer;
    for (let thread = 0; thread < threads; thread++) {
      void new OpenLoop({ clock, startMs: 0, schedule, thread, threads, send, ...(mostOpen && { mostOpen }) });
    }
    clock.advance(10_000);
    return peer;
  }

  test.each([
    ['all that is due is sent meanwhile', undefined, 1],
    ['two threads share the schedule', undefined, 2],
    ['no more than ten are under way', 10, 1],
  ])('a peer that pauses for a second cannot hide it: %s', (_, mostOpen, threads) => {
    const peer = run(mostOpen, threads);
    expect(peer.sent).toBe(3000);
    const { p50, 'p99.9': p999, max } = peer.latency;
    expect(max).toBeGreaterThanOrEqual(998);
    expect(p999).toBeGreaterThanOrEqual(990);
    // A third of the messages were due in the pause, and waited for half of it on average.
    const { latency } = peer.tally.measured;
    expect(latency.percentile(83) / 1000).toBeGreaterThan(400);
    if (mostOpen === undefined) expect(p50).toBeLessThan(3);
  });

  test('what is sent late is told apart', () => {
    expect(latencyOf(run().tally.measured.lateness).max).toBeLessThanOrEqual(1);
    expect(latencyOf(run(10).tally.measured.lateness).max).toBeGreaterThan(900);
  });

  test.each([
    ['', false, 1],
    [', but not where it polls', true, 0.11],
  ])('where timers are a millisecond late messages are too%s', (_, polls, most) => {
    const { clock, tally, send } = new Peer([0, 0]);
    const late: Clock = { now: () => clock.now(), setTimer: (callback, ms) => clock.setTimer(callback, ms + 1) };
    const poll = polls ? (callback: () => void) => clock.setTimer(callback, 0.1) : undefined;
    const schedule = new Schedule({ rate: 150, rampMs: 0, endMs: 3000 });
    void new OpenLoop({ clock: late, startMs: 0, schedule, thread: 0, threads: 1, send, poll });
    clock.advance(4000);
    const { lateness } = tally.measured;
    expect(lateness.count).toBe(450);
    expect(latencyOf(lateness).max).toBeLessThanOrEqual(most);
    expect(latencyOf(lateness).max).toBeGreaterThan(most / 2);
  });

  test('is over when all is answered; stopped early it tells what it has not sent', async () => {
    const clock = new SimulatedClock();
    const schedule = new Schedule({ rate: 100, rampMs: 0, endMs: 1000 });
    const overs: (() => void)[] = [];
    const send = (_: number, __: number, over: () => void): void => void overs.push(over);
    const loop = new OpenLoop({ clock, startMs: 0, schedule, thread: 0, threads: 1, send, mostOpen: 3 });
    clock.advance(100);
    expect(loop.open).toBe(3);
    expect(loop.stop(1000)).toBe(97);
    for (const over of overs) over();
    await loop.done;
    clock.advance(1000);
    expect(overs).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });
});

describe('a closed loop', () => {
  test('sees of a pause what is in its window, and no more', () => {
    const peer = new Peer([1000, 2000]);
    const { clock, send } = peer;
    const loop = { clock, startMs: 0, endMs: 3000, rampMs: 0, sessions: 2, window: 3, send, isUsable: () => true };
    void new ClosedLoop(loop);
    clock.advance(10_000);
    expect(peer.latency.max).toBeGreaterThanOrEqual(999);
    expect(peer.latency['p99.9']).toBeGreaterThanOrEqual(1);
    expect(peer.latency.p99).toBeLessThan(2);
  });

  test('starts its sessions one after the other in the ramp, and leaves out those that are lost', async () => {
    const clock = new SimulatedClock();
    const sent: [number, number][] = [];
    const overs: (() => void)[] = [];
    const send = (session: number, due: number, over: () => void): void => {
      sent.push([session, due]);
      overs.push(over);
    };
    const isUsable = (session: number): boolean => session !== 1;
    const loop = new ClosedLoop({
      clock,
      startMs: 0,
      endMs: 1000,
      rampMs: 300,
      sessions: 3,
      window: 1,
      send,
      isUsable,
    });
    clock.advance(1000);
    expect(sent).toEqual([
      [0, 0],
      [2, 200],
    ]);
    for (const over of overs) over();
    await loop.done;
  });
});

describe('latencies', () => {
  test('have three figures, and their distribution goes up to the last message', () => {
    const histogram = newHistogram();
    for (let ms = 1; ms <= 10_000; ms++) record(histogram, ms);
    const latency = latencyOf(histogram);
    for (const [name, ms] of Object.entries({ p50: 5000, p90: 9000, p99: 9900, 'p99.9': 9990, max: 10_000 })) {
      expect(Math.abs(latency[name as 'p50'] - ms) / ms).toBeLessThan(0.002);
    }
    const points = distributionOf(histogram);
    expect(points.at(-1)!.share).toBeLessThan(2 / 10_000);
    expect(points.map(({ ms }) => ms)).toEqual(points.map(({ ms }) => ms).toSorted((a, b) => a - b));
  });

  test('of nothing are 0, and one beyond an hour is an hour', () => {
    expect(latencyOf(newHistogram())).toMatchObject({ p50: 0, max: 0 });
    expect(distributionOf(newHistogram())).toEqual([]);
    const histogram = newHistogram();
    record(histogram, 1e9);
    expect(latencyOf(histogram).max).toBeGreaterThan(3_590_000);
  });

  test.each([
    [0.0274, '27 us'],
    [1.26, '1.3 ms'],
    [123.4, '123 ms'],
    [1234, '1.23 s'],
  ])('%d ms are shown as %s', (ms, text) => expect(formatMs(ms)).toBe(text));
});

const load: Load = {
  sizes: parseSizes('100'),
  chunkSize: 8192,
  reports: false,
  rate: undefined,
  precise: false,
  window: 1,
  rampMs: 0,
  warmUpMs: 0,
  durationMs: 1000,
  threads: 2,
  relay: undefined,
  tls: {},
};

describe('the plan', () => {
  test('sessions that share connections are in one thread, and all paths are used', () => {
    const plan = { ...load, sessions: 10, connections: 4, isSelf: false, useTLS: false };
    const threads = threadPlans(plan, ['a', 'b', 'c']);
    expect(threads.map(({ sessions }) => sessions.map(({ pool }) => pool))).toEqual([
      [0, 2, 0, 2, 0],
      [1, 3, 1, 3, 1],
    ]);
    expect(threads.map(({ sessions }) => sessions.map(({ path }) => path).join(''))).toEqual(['acbac', 'bacba']);
  });

  test.each([
    [1000, 100],
    [9999, 100],
    [60_000, 1000],
    [3_600_000, 1000],
    [360_000_000, 100_000],
  ])('a run of %d ms has samples of %d ms: neither too few nor too many', (durationMs, intervalMs) => {
    expect(phasesOf({ ...load, durationMs }).intervalMs).toBe(intervalMs);
  });
});

describe('the tally', () => {
  test('measures the latency of what was due, and counts what was delivered, between warm-up and end', () => {
    const tally = new Tally({ measuredFromMs: 100, endMs: 200, intervalMs: 100 });
    const messages: [due: number, sent: number, delivered: number][] = [
      [50, 50, 99],
      [99, 101, 110],
      [100, 103, 105],
      [199, 199, 250],
      [200, 200, 201],
    ];
    for (const [due, sent, delivered] of messages) {
      tally.onSent(due, sent);
      tally.onDelivered(due, delivered, 10);
    }
    const { measured } = tally;
    expect([measured.messages, measured.bytes]).toEqual([2, 20]);
    expect([measured.latency.count, latencyOf(measured.latency).max.toFixed(0)]).toEqual([2, '51']);
    expect([measured.lateness.count, latencyOf(measured.lateness).max.toFixed(0)]).toEqual([2, '3']);
    tally.onFailed(Object.assign(new Error('x'), { code: 'MSRP_ERR_CLOSED' }));
    expect(tally.take(0)).toMatchObject({ sent: 5, delivered: 5, bytes: 50, errors: { MSRP_ERR_CLOSED: 1 } });
    expect(tally.take(1)).toMatchObject({ sent: 0, delivered: 0, bytes: 0, errors: {}, latency: { count: 0 } });
  });
});

describe('the timeline', () => {
  test('has a sample when all threads have passed it, and holds no more', () => {
    const samples: Sample[] = [];
    const phases = { measuredFromMs: 100, endMs: 300, intervalMs: 100 };
    const timeline = new Timeline({
      phases,
      threads: 2,
      memory: () => ({ rssBytes: 1 }),
      onSample: (sample) => samples.push(sample),
    });
    const interval = (index: number, delivered: number, errors = {}) => ({
      index,
      sent: delivered,
      delivered,
      bytes: delivered * 100,
      errors,
      latency: newHistogram(),
    });
    timeline.add(0, interval(0, 1), 1);
    timeline.add(0, interval(1, 2, { MSRP_ERR_CLOSED: 3 }), 0.5);
    expect(samples).toEqual([]);
    // The other was held up, and left the first one out.
    timeline.add(1, interval(1, 4), 0.25);
    expect(samples.map(({ seconds, delivered, errors }) => [seconds, delivered, errors])).toEqual([
      [0.1, 1, 0],
      [0.2, 6, 3],
    ]);
    timeline.add(0, interval(2, 8), 0.7);
    timeline.end(1);
    timeline.end(0);
    expect(timeline.samples).toHaveLength(3);
    expect(timeline.total).toEqual({ sent: 15, delivered: 15, bytes: 1500 });
    expect(timeline.busy).toBeCloseTo(0.6);
  });
});

describe('wrong usage', () => {
  const defaults = {
    listen: '',
    sessions: '1',
    size: '100',
    chunkSize: '8192',
    duration: '10',
    warmUp: '1',
    ramp: '0',
    threads: '1',
  };
  const target = ['msrp://127.0.0.1:9/abcd;tcp'];

  test.each<[Partial<BenchOptions>, string]>([
    [{ self: true, target }, 'give either --target, or --targets, or --self'],
    [{ target: ['x'] }, 'x is no path'],
    [{ targets: '/dev/null' }, 'there is no path in /dev/null'],
    [{ self: true, rate: '1', window: '1' }, '--rate and --window do not go together'],
    [{ self: true, precise: true }, '--precise is for --rate'],
    [{ target, tls: true }, '--tls is for --self'],
    [{ self: true, tls: true, relay: 'msrps://alice@example.com' }, '--tls does not go with --relay'],
    [{ self: true, ca: 'x' }, '--fingerprint and --ca are not for --self'],
    [{ self: true, sessions: '0' }, '--sessions wants a number from 1'],
    [{ self: true, connections: '2' }, '--connections wants a number from 1 to 1, not 2'],
    [{ self: true, threads: '2' }, '--threads cannot be more than there are connections: 1'],
    [{ self: true, size: 'x' }, '--size wants octets'],
    [{ self: true, chunkSize: '0' }, '--chunk-size wants a number from 1'],
    [{ self: true, window: '1.5' }, '--window wants a number from 1'],
    [{ self: true, rate: '0' }, '--rate wants messages a second, not 0'],
    [{ self: true, duration: '-1' }, '--duration wants a number of seconds, not -1'],
    [{ self: true, warmUp: 'x' }, '--warm-up wants a number of seconds, not x'],
    [{ self: true, failIf: ['p99>1'] }, '--fail-if wants'],
  ])('%j', async (options, message) => {
    await expect(orderOf({ ...defaults, ...options })).rejects.toThrow(message);
  });

  test('what is said of a run has no secrets in it', async () => {
    const { settings } = await orderOf({ ...defaults, target: ['msrp://a:1/secret;tcp msrps://b:2/secret;tcp'] });
    expect(settings).toMatchObject({ target: 'msrp://a:1', sessions: 1, connections: 1, window: 1 });
    expect(JSON.stringify(settings)).not.toContain('secret');
  });
});
