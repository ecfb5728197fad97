// Sessions against a model: whatever is sent arrives exactly once and whole, or its sender is told why not. Messages of all kinds go both
// ways at once, some are given up, some refused, readers stop for a while, and an intermediary changes the chunks on the way. All on a
// simulated network, so that a scenario always ends in the same way.
//
// MSRP_MODEL_RUNS: how many scenarios. Default: 500, or as many as MSRP_PROPERTY_SECONDS allow.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AcceptorDirect,
  type Body,
  ConnectorDirect,
  type IncomingMessage,
  MSRPSession,
  type OutgoingMessage,
  type SessionOptions,
  type TransactionError,
  URI,
} from '../../index.ts';
import { coarseTimersOf } from '../../net/coarse-timers.ts';
import { Intermediary, type Mangling } from '../simulation/intermediary.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';

const { MSRP_MODEL_RUNS, MSRP_PROPERTY_SECONDS } = process.env;
const isTimed = MSRP_MODEL_RUNS === undefined && MSRP_PROPERTY_SECONDS !== undefined;
const parameters = isTimed ? {} : { numRuns: Number(MSRP_MODEL_RUNS ?? 500) };

const side = fc.constantFrom(0 as const, 1 as const);

/** One in four. */
const rarely = (time: fc.Arbitrary<number>): fc.Arbitrary<number | null> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: time });

/** A message, and what its sender does about it. */
const command = fc.record({
  side,
  afterMs: fc.nat(200),
  size: fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(20_000)),
  kind: fc.constantFrom('bytes' as const, 'text' as const, 'stream' as const, 'stream of known size' as const),
  contentType: fc.constantFrom('text/plain', 'text/plain', 'text/plain', 'image/png'),
  failureReport: fc.constantFrom('yes' as const, 'yes' as const, 'partial' as const, 'no' as const),
  successReport: fc.constantFrom('yes' as const, 'no' as const),
  abortAfterMs: rarely(fc.nat(100)),
});
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** An end of the session: what it takes, and when it does not read. */
const end = fc.record({
  // Of a message in more pieces than are held ahead of a gap, 1,024, some would be refused.
  chunkSize: fc.constantFrom(300, 2048, 8192, 20_000),
  acceptTypes: fc.constantFrom(['*'], ['text/*']),
  maxSize: fc.option(fc.nat(20_000), { nil: undefined }),
  stallMs: fc.constantFrom(0, 0, 50, 5000),
});
type End = typeof end extends fc.Arbitrary<infer T> ? T : never;

const mangling: fc.Arbitrary<Mangling> = fc.record({
  pieces: fc.constantFrom(1, 3, 10),
  delayMs: fc.constantFrom(0, 3, 40),
  twice: fc.constantFrom(0, 20),
  cutAnew: fc.boolean(),
});

const scenario = fc.record({
  seed: fc.nat(),
  ends: fc.tuple(end, end),
  mangling,
  /** When the intermediary drops the connections. */
  cutAfterMs: rarely(fc.nat(300)),
  commands: fc.array(command, { minLength: 1, maxLength: 8 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** A message that was sent, and what became of it. */
interface Sent {
  readonly command: Command;
  readonly body: Buffer;
  readonly message: OutgoingMessage;
  delivered: 'pending' | 'ok' | TransactionError;
  /** The bodies that arrived whole under its Message-ID. */
  readonly arrived: Buffer[];
}

class World {
  readonly network: SimulatedNetwork;
  readonly #random: SeededRandom;
  readonly sent: Sent[] = [];
  /** Messages that have been shown and not come to an end. */
  incoming = 0;
  readonly #arrived = new Map<string, Buffer[]>();
  readonly #ends: readonly End[];
  sessions!: readonly MSRPSession[];
  between!: Intermediary;
  /** The connections were dropped. */
  isCut = false;

  constructor({ seed, ends }: Scenario) {
    this.network = new SimulatedNetwork({ seed, keepTrace: false });
    this.#random = new SeededRandom(seed);
    this.#ends = ends;
  }

  async open(mangled: Mangling): Promise<void> {
    const { network } = this;
    const options = { network, clock: network.clock, random: network.random };
    const connector = new ConnectorDirect(options);
    const acceptor = new AcceptorDirect(options);
    const offer = await connector.prepare(new URI({ host: 'near.example' }));
    const answer = await acceptor.prepare(new URI({ host: 'far.example' }));
    this.between = await Intermediary.open(network, answer[0]!.port!, mangled);
    const transports = Promise.all([connector.complete(answer), acceptor.complete(offer)]);
    this.sessions = (await network.settle(transports)).map((transport, index) => {
      const { stallMs: _, ...rest } = this.#ends[index]!;
      return new MSRPSession(transport, rest as SessionOptions);
    });
    for (const [index, session] of this.sessions.entries()) void this.#read(session, this.#ends[index]!.stallMs);
  }

  get isSettled(): boolean {
    return this.sent.every(({ delivered }) => delivered !== 'pending');
  }

  async cutAfter(ms: number): Promise<void> {
    await this.after(ms);
    this.isCut = true;
    this.between.cut();
  }

  after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.network.clock.setTimer(resolve, ms);
    });
  }

  async #read(session: MSRPSession, stallMs: number): Promise<void> {
    await this.after(stallMs);
    try {
      for await (const message of session.messages()) void this.#take(message, stallMs);
    } catch {
      // The connection was dropped.
    }
  }

  async #take(message: IncomingMessage, stallMs: number): Promise<void> {
    this.incoming++;
    if (this.#random.between(0, 1) === 0) await this.after(stallMs);
    try {
      this.#arrivedAs(message.messageId).push(await message.bytes());
    } catch {
      // Given up, refused, or the session is over: it has not arrived.
    }
    this.incoming--;
  }

  #arrivedAs(messageId: string): Buffer[] {
    const known = this.#arrived.get(messageId) ?? [];
    this.#arrived.set(messageId, known);
    return known;
  }

  send(order: Command): void {
    const body = this.#bodyOf(order);
    const { contentType, failureReport, successReport, abortAfterMs, kind, size } = order;
    const options = { contentType, failureReport, successReport, ...(kind === 'stream of known size' && { size }) };
    const message = this.sessions[order.side]!.send(this.#given(order, body), options);
    const sent: Sent = {
      command: order,
      body,
      message,
      delivered: 'pending',
      arrived: this.#arrivedAs(message.messageId),
    };
    this.sent.push(sent);
    message.delivered.then(
      () => (sent.delivered = 'ok'),
      (error: unknown) => (sent.delivered = error as TransactionError),
    );
    if (abortAfterMs !== null) this.network.clock.setTimer(() => message.abort(), abortAfterMs);
  }

  #bodyOf({ kind, size }: Command): Buffer {
    const body = Buffer.alloc(size);
    this.#random.fill(body);
    return kind === 'text' ? Buffer.from(body.toString('base64').slice(0, size)) : body;
  }

  #given({ kind }: Command, body: Buffer): Body {
    if (kind === 'bytes') return body;
    if (kind === 'text') return body.toString();
    return this.#stream(body);
  }

  /** In pieces, some of them late. */
  async *#stream(body: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < body.length; ) {
      const piece = body.subarray(at, at + this.#random.between(1, 5000));
      if (this.#random.between(0, 2) === 0) await this.after(this.#random.between(0, 100));
      yield piece;
      at += piece.length;
    }
  }

  /** Why the other end does not take the message: the codes that say so. */
  refusalOf({ side: from, size, contentType }: Command): number[] {
    const { acceptTypes, maxSize } = this.#ends[1 - from]!;
    const codes: number[] = [];
    if (contentType === 'image/png' && acceptTypes[0] === 'text/*') codes.push(415);
    if (size > (maxSize ?? size)) codes.push(413);
    return codes;
  }
}

async function play(given: Scenario): Promise<void> {
  const world = new World(given);
  const { network } = world;
  await world.open(given.mangling);
  const sending = given.commands.map(async (order) => {
    await world.after(order.afterMs);
    // What cannot be sent any more has not been.
    if (!world.isCut) world.send(order);
  });
  if (given.cutAfterMs !== null) void world.cutAfter(given.cutAfterMs);
  await network.settle(Promise.all(sending));
  const patience = network.clock.now() + 60_000;
  await network.run(() => world.isSettled || network.clock.now() > patience);
  // The readers come to an end.
  await network.run(network.clock.now() + 11_000);
  for (const sent of world.sent) {
    if (world.isCut) checkCut(sent);
    else check(sent, world.refusalOf(sent.command));
  }
  // What overtakes a `#` begins a message that has no end.
  if (given.mangling.delayMs === 0) expect(world.incoming).toBe(0);
  // What is pending would keep a session from its end.
  if (world.isCut) await network.settle(Promise.all(world.sessions.map(({ closed }) => closed)));
  else if (world.isSettled) {
    await network.settle(Promise.all(world.sessions.map((session) => session.shutdown())));
    expect(await Promise.all(world.sessions.map(({ closed }) => closed))).toEqual([undefined, undefined]);
  } else for (const session of world.sessions) session.transport.destroy();
  // A closing connection waits 5 s for its peer; nothing else may wait for anything.
  await network.run(network.clock.now() + 6000);
  expect([network.clock.pending, coarseTimersOf(network.clock).pending]).toEqual([0, 0]);
}

function check({ command: order, body, delivered, arrived }: Sent, refusal: number[]): void {
  const { failureReport, successReport, abortAfterMs } = order;
  const isTold = failureReport === 'yes' || (failureReport === 'partial' && successReport === 'yes');
  const isKnown = failureReport === 'yes' || successReport === 'yes';
  expect(arrived.length).toBeLessThanOrEqual(1);
  for (const bytes of arrived) expect(bytes.equals(body), 'what arrived is what was sent').toBe(true);
  if (refusal.length > 0) {
    expect(arrived).toEqual([]);
    if (isKnown) expect(delivered).not.toBe('ok');
    if (isTold && abortAfterMs === null) expect(refusal).toContain((delivered as TransactionError).status);
  } else if (abortAfterMs === null) {
    expect(delivered).toBe('ok');
    expect(arrived.length).toBe(1);
  } else if (delivered === 'ok') expect(arrived.length).toBe(1);
  else expect(delivered).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
}

/** Nothing arrives twice, and nobody is left without an answer. */
function checkCut({ command: { failureReport, successReport }, body, delivered, arrived }: Sent): void {
  const isKnown = failureReport === 'yes' || successReport === 'yes';
  expect(delivered).not.toBe('pending');
  expect(arrived.length).toBeLessThanOrEqual(1);
  for (const bytes of arrived) expect(bytes.equals(body)).toBe(true);
  if (isKnown && delivered === 'ok') expect(arrived.length).toBe(1);
}

describe('sessions with an intermediary between them', { timeout: 3_600_000 }, () => {
  test('every message arrives once and whole, or its sender is told why not, and nothing is left', async () => {
    await fc.assert(fc.asyncProperty(scenario, play), parameters);
  });
});
