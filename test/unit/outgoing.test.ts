// The sending half of a session without a connection: frames are asked for, written and answered in any order, and whatever happens on the
// way, in the end nothing is waited for and the window is as large as before.

import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks, type OutgoingMessage, type SendOptions } from '../../index.ts';
import { CoarseTimers } from '../../net/coarse-timers.ts';
import { IdentSource } from '../../net/random.ts';
import type { MSRPTransport, Outbox, Pulled, Written } from '../../net/index.ts';
import { defaultProfile } from '../../net/peer-profile.ts';
import { Outgoing } from '../../session/outgoing.ts';
import { headOf } from '../support/heads.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';

const windowBytes = 60_000;
const ours = 'msrp://x.example.com:2855/aaaa;tcp';
const theirs = 'msrp://y.example.com:2855/eeee;tcp';

interface Piece {
  written: Written | undefined;
  bytes: number;
}

/** A connection that does what it is told. */
class Bench {
  readonly clock = new SimulatedClock();
  readonly timers = new CoarseTimers(this.clock);
  readonly outgoing: Outgoing;
  readonly failures: Error[] = [];
  readonly messages: OutgoingMessage[] = [];
  /** Whether the source has asked to be asked. */
  isWanted = false;
  last: Pulled = 'idle';
  octets = '';
  readonly #unwritten: Piece[] = [];
  readonly #answered = new Set<string>();
  readonly #outbox = {
    frame: (buffers: readonly Buffer[], written?: Written, bytes = 0): void => {
      this.octets += Buffer.concat(buffers).toString('latin1');
      this.#unwritten.push({ written, bytes });
    },
  } as unknown as Outbox;

  constructor(chunkSize: number) {
    const settings = {
      clock: this.clock,
      timers: this.timers,
      idents: new IdentSource(new SeededRandom(1)),
      timeouts: { responseMs: 30_000 },
      logger: undefined,
      profile: defaultProfile,
    };
    const transport = {
      settings,
      toPath: theirs,
      localUri: ours,
      want: () => (this.isWanted = true),
      forget: () => {
        this.isWanted = false;
        if (this.last === 'open') this.outgoing.interrupt(this.#outbox, '#');
        this.last = 'idle';
      },
    } as unknown as MSRPTransport;
    this.outgoing = new Outgoing(transport, { chunkSize, windowBytes }, (error) => {
      this.failures.push(error);
      this.outgoing.close(error);
    });
  }

  send(body: Buffer | AsyncIterable<Buffer>, o: SendOptions = {}): OutgoingMessage {
    const message = this.outgoing.send(body, { onProgress: () => {}, ...o });
    this.messages.push(message);
    return message;
  }

  /** Asks for a frame, as a connection does: only when it was wanted, or when there was more. */
  pull(): boolean {
    if (!this.isWanted && this.last === 'idle') return false;
    this.isWanted = false;
    this.last = this.outgoing.pull(this.#outbox);
    return true;
  }

  interrupt(): void {
    if (this.last !== 'open') return;
    this.outgoing.interrupt(this.#outbox, '+');
    this.last = 'more';
  }

  write(): boolean {
    const piece = this.#unwritten.shift();
    piece?.written?.onWritten(piece.bytes);
    return piece !== undefined;
  }

  /** Ids of requests, also of those whose end has not come, that have no answer yet. */
  get open(): string[] {
    const ids = [...this.octets.matchAll(/MSRP (\w+) SEND\r\n/g)].map(([, id]) => id!);
    return ids.filter((id) => !this.#answered.has(id));
  }

  answer(id: string, code: number): void {
    this.#answered.add(id);
    this.outgoing.onResponse(
      headOf(`MSRP ${id} ${code} It\r\nTo-Path: ${ours}\r\nFrom-Path: ${theirs}\r\n-------${id}$\r\n`),
    );
  }

  async settle(): Promise<void> {
    await immediate();
  }

  /** All that is wanted is sent, written and answered. */
  async finish(): Promise<void> {
    for (let round = 0; round < 10_000; round++) {
      await this.settle();
      const ids = this.open;
      const isBusy = this.pull() || this.write() || ids.length > 0;
      for (const id of ids) this.answer(id, 200);
      if (!isBusy) return;
    }
    throw new Error('it goes on for ever');
  }

  /** How much is sent while nothing is answered. */
  async window(): Promise<number> {
    const from = this.octets.length;
    const message = this.send(Buffer.alloc(10 * windowBytes, 'w'));
    while (this.pull()) this.write();
    await this.settle();
    const sent = decodeChunks(Buffer.from(this.octets.slice(from), 'latin1')).reduce((sum, { size }) => sum + size, 0);
    message.abort();
    await this.finish();
    return sent;
  }
}

async function* pieces(sizes: readonly number[], fails: boolean): AsyncGenerator<Buffer> {
  for (const size of sizes) {
    await Promise.resolve();
    yield Buffer.alloc(size, 'x');
  }
  if (fails) throw new Error('no more');
}

const nat = fc.nat(1000);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pull' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('interrupt' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), which: nat, isError: fc.nat(9).map((n) => n === 0) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: nat }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      sizes: fc.array(fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(40_000)), { maxLength: 4 }),
      isStream: fc.boolean(),
      fails: fc.nat(5).map((n) => n === 0),
      urgent: fc.boolean(),
      failureReport: fc.constantFrom('yes' as const, 'yes' as const, 'partial' as const, 'no' as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(bench: Bench, taken: Step): Promise<void> {
  if (taken.kind === 'pull') bench.pull();
  else if (taken.kind === 'write') bench.write();
  else if (taken.kind === 'interrupt') bench.interrupt();
  else if (taken.kind === 'settle') await bench.settle();
  else if (taken.kind === 'abort') bench.messages[taken.which % Math.max(1, bench.messages.length)]?.abort();
  else if (taken.kind === 'answer') {
    const { open } = bench;
    const id = open[taken.which % Math.max(1, open.length)];
    if (id !== undefined) bench.answer(id, taken.isError ? 413 : 200);
  } else {
    const { sizes, isStream, fails, urgent, failureReport } = taken;
    const body = isStream ? pieces(sizes, fails) : Buffer.concat(sizes.map((size) => Buffer.alloc(size, 'x')));
    bench.send(body, { urgent, failureReport });
  }
}

describe('whatever is asked for, written, answered and given up in whichever order', () => {
  test('in the end all is over and the window is as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(700, 8192, 30_000),
        async (steps, chunkSize) => {
          const bench = new Bench(chunkSize);
          const fresh = await bench.window();
          for (const taken of steps) await take(bench, taken);
          await bench.finish();
          await bench.settle();
          let isIdle = false;
          void bench.outgoing.idle().then(() => (isIdle = true));
          await bench.settle();
          expect(isIdle).toBe(true);
          expect(decodeChunks(Buffer.from(bench.octets, 'latin1')).length).toBeGreaterThan(0);
          expect(bench.failures).toEqual([]);
          expect(await bench.window()).toBe(fresh);
          bench.outgoing.close(new Error('over'));
          while (bench.write());
          expect(bench.timers.pending).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a session may end at any time, and leaves no timer and no promise', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(700, 8192, 30_000),
        async (steps, chunkSize) => {
          const bench = new Bench(chunkSize);
          for (const taken of steps) await take(bench, taken);
          let settled = 0;
          const count = (): void => void settled++;
          const promises = bench.messages.flatMap(({ sent, delivered }) => [sent, delivered]);
          for (const promise of promises) promise.then(count, count);
          void bench.outgoing.idle().then(count);
          bench.outgoing.close(new Error('over'));
          while (bench.write());
          for (const id of bench.open) bench.answer(id, 200);
          await bench.settle();
          expect(settled).toBe(2 * bench.messages.length + 1);
          expect(bench.timers.pending).toBe(0);
          expect(bench.pull()).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });
});
