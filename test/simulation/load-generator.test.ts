// The core of `msrp bench` with real sessions on a simulated network: what it says of a network that stands still for a second.

import { describe, expect, test } from 'vitest';
import { ClosedLoop } from '../../cli/bench/closed-loop.ts';
import { latencyOf } from '../../cli/bench/latency.ts';

import { type Loop, OpenLoop } from '../../cli/bench/open-loop.ts';
import { Schedule } from '../../cli/bench/schedule.ts';
import { Sender } from '../../cli/bench/sender.ts';
import { parseSizes } from '../../cli/bench/sizes.ts';
import { Tally } from '../../cli/bench/tally.ts';
import { AcceptorDirect, ConnectorDirect, MSRPSession, URI } from '../../index.ts';
import { SimulatedNetwork } from './simulated-network.ts';

const here = new URI({ host: '127.0.0.1' });
const endMs = 3000;

/** 200 messages a second, or one after the other, over a link that takes a millisecond and stalls for a second somewhere. */
async function play(how: { rate?: number; mostOpen?: number; reports?: boolean }) {
  const { rate, mostOpen, reports = false } = how;
  const stall = { afterBytes: 100_000, ms: 1000 };
  const network = new SimulatedNetwork({
    seed: 1,
    faults: () => ({ toServer: { delayMs: 1, stall } }),
    keepTrace: false,
  });
  const { clock, random } = network;
  const connector = new ConnectorDirect({ network, clock, random });
  const acceptor = new AcceptorDirect({ network, clock, random });
  const offer = await connector.prepare(here);
  const answer = await acceptor.prepare(here);
  const ends = Promise.all([connector.complete(answer), acceptor.complete(offer)]);
  const [near, far] = await network.settle(ends);
  let counted = 0;
  const peer = new MSRPSession(far, { onIncoming: (chunk) => void (counted += chunk?.continuation === '$' ? 1 : 0) });
  const session = new MSRPSession(near);
  const startMs = clock.now();
  const tally = new Tally({ measuredFromMs: 0, endMs, intervalMs: 100 });
  const load = { sizes: parseSizes('100'), reports, rate, threads: 1 };
  const sender = new Sender({ load, sessions: [session], tally, now: () => clock.now() - startMs });
  const common = { clock, startMs, send: sender.send };
  const schedule = new Schedule({ rate: rate ?? 1, rampMs: 0, endMs });
  const loop: Loop =
    rate === undefined
      ? new ClosedLoop({ ...common, endMs, rampMs: 0, sessions: 1, window: 1, isUsable: sender.isUsable })
      : new OpenLoop({ ...common, schedule, thread: 0, threads: 1, ...(mostOpen !== undefined && { mostOpen }) });
  await network.settle(loop.done);
  const { measured } = tally;
  const { delivered } = tally.take(0);
  await network.settle(Promise.all([session.shutdown(), peer.shutdown()]));
  return { counted, delivered, latency: latencyOf(measured.latency), lateness: latencyOf(measured.lateness), measured };
}

describe('a network that stands still for a second', () => {
  test.each([
    ['and messages are sent on meanwhile', {}],
    ['and messages are reported', { reports: true }],
    ['and only ten may be under way', { mostOpen: 10 }],
  ])('shows in an open loop as just that, for all that was due meanwhile: %s', async (_, how) => {
    const { counted, delivered, latency, measured } = await play({ rate: 200, ...how });
    expect([counted, delivered, measured.latency.count]).toEqual([600, 600, 600]);
    expect(latency.max).toBeGreaterThanOrEqual(990);
    expect(latency['p99.9']).toBeGreaterThanOrEqual(990);
    // A third of all were due in that second, and waited for half of it on average.
    expect(measured.latency.percentile(82) / 1000).toBeGreaterThan(400);
    expect(latency.p50).toBeLessThan(10);
  });

  test('makes messages late that may not be under way', async () => {
    expect((await play({ rate: 200 })).lateness.max).toBeLessThanOrEqual(1);
    expect((await play({ rate: 200, mostOpen: 10 })).lateness.max).toBeGreaterThan(900);
  });

  test('shows in a closed loop for one message alone', async () => {
    const { counted, delivered, latency, measured } = await play({});
    expect(counted).toBe(delivered);
    expect(latency.max).toBeGreaterThanOrEqual(990);
    expect(measured.latency.percentile(99.5) / 1000).toBeLessThan(10);
  });
});
