import { describe, expect, test } from 'vitest';
import { AcceptorDirect, ConnectorDirect, MSRPSession, URI } from '../../index.ts';
import { SeededRandom } from './seeded-random.ts';
import { type LinkFaults, SimulatedNetwork } from './simulated-network.ts';

const here = new URI({ host: '127.0.0.1' });
const seeds = Number(process.env['MSRP_SEEDS'] ?? 300);

function below(random: SeededRandom, most: number): number {
  const bytes = Buffer.alloc(4);
  random.fill(bytes);
  return bytes.readUInt32LE() % most;
}

/** Each kind of fault in about one run of four. */
function faultsOf(random: SeededRandom): LinkFaults {
  const some = (): boolean => below(random, 4) === 0;
  const pipe = () => ({
    readBytes: some() ? 1 + below(random, 50) : 1 + below(random, 65_536),
    ...(some() && { capacityBytes: 1 + below(random, 5000) }),
    delayMs: below(random, 100),
    ...(some() && { stall: { afterBytes: 1 + below(random, 20_000), ms: below(random, 45_000) } }),
    ...(some() && { resetAfterBytes: below(random, 60_000) }),
    ...(some() && { endAfterBytes: below(random, 60_000) }),
  });
  return { toServer: pipe(), toClient: pipe() };
}

interface Outcome {
  arrived: string[];
  delivered: string[];
  failed: number;
  hash: string;
}

/** Two endpoints send each other a few messages, whatever the network does. */
async function play(seed: number): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const network = new SimulatedNetwork({ seed, faults: () => faultsOf(random) });
  const options = { network, clock: network.clock, random: network.random };
  const connector = new ConnectorDirect(options);
  const acceptor = new AcceptorDirect(options);
  const outcome: Outcome = { arrived: [], delivered: [], failed: 0, hash: '' };
  const offer = await connector.prepare(here);
  const answer = await acceptor.prepare(here);
  const ends = Promise.allSettled([connector.complete(answer), acceptor.complete(offer)]);
  const [near, far] = await network.settle(ends);
  const sessions = [near, far].flatMap((end) =>
    end.status === 'fulfilled' ? [new MSRPSession(end.value, { chunkSize: 1 + below(random, 9000) })] : [],
  );
  const sending = sessions.flatMap((session, side) =>
    Array.from({ length: 1 + below(random, 4) }, async (_, index) => {
      const name = `${side}.${index}.`;
      const body = name.padEnd(name.length + below(random, 20_000), 'x');
      const successReport = below(random, 2) === 0 ? 'yes' : 'no';
      try {
        await session.send(body, { successReport }).delivered;
        outcome.delivered.push(body);
      } catch {
        outcome.failed++;
      }
    }),
  );
  const reading = sessions.map(async (session) => {
    try {
      for await (const message of session.messages()) {
        await message.text().then(
          (text) => outcome.arrived.push(text),
          () => {},
        );
      }
    } catch {
      // The session failed.
    }
  });
  await network.settle(Promise.all(sending));
  await network.settle(Promise.all(sessions.map((session) => session.shutdown())));
  await network.settle(Promise.all(reading));
  outcome.hash = network.trace.hash;
  return outcome;
}

describe('two endpoints on a network with faults', () => {
  test(`under ${seeds} seeds every message arrives once and whole, or its sender gets an error`, {
    timeout: 600_000,
  }, async () => {
    let delivered = 0;
    let failed = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const outcome = await play(seed);
      delivered += outcome.delivered.length;
      failed += outcome.failed;
      expect(new Set(outcome.arrived).size, `seed ${seed}: a message arrived twice`).toBe(outcome.arrived.length);
      for (const body of outcome.delivered) expect(outcome.arrived, `seed ${seed}: a message was lost`).toContain(body);
    }
    expect(Math.min(delivered, failed)).toBeGreaterThan(0);
  });

  test('the same seed gives the same trace', async () => {
    for (const seed of [1, 7, 42]) expect((await play(seed)).hash).toBe((await play(seed)).hash);
  });
});

describe('time', () => {
  async function quietPair() {
    const network = new SimulatedNetwork({ seed: 1 });
    const options = { network, clock: network.clock, random: network.random };
    const connector = new ConnectorDirect(options);
    const acceptor = new AcceptorDirect(options);
    const offer = await connector.prepare(here);
    const answer = await acceptor.prepare(here);
    const [near, far] = await network.settle(Promise.all([connector.complete(answer), acceptor.complete(offer)]));
    return { network, near, far };
  }

  test('a request that nobody answers has failed with 408 after 30 s, not before, and the session with it', async () => {
    const { network, near, far } = await quietPair();
    const session = new MSRPSession(near);
    const sending = session.send('hello');
    let error: unknown;
    sending.delivered.catch((reason: unknown) => (error = reason));
    await network.settle(sending.sent);
    const sent = network.clock.now();
    await network.run(sent + 29_900);
    expect(error).toBeUndefined();
    await network.run(sent + 30_250);
    expect(error).toMatchObject({ status: 408, code: 'MSRP_ERR_TRANSACTION' });
    expect(await network.settle(session.closed)).toMatchObject({ status: 408 });
    await expect(network.settle(far.readChunk().then(() => far.readChunk()))).rejects.toMatchObject({
      code: 'MSRP_ERR_CLOSED',
    });
  });

  test('a session that is kept alive sends empty requests, and ends when they are not answered', async () => {
    const { network, near, far } = await quietPair();
    const session = new MSRPSession(near, { keepAliveInterval: 60_000 });
    const request = await network.settle(far.readChunk());
    expect([request.method, request.hasBody, request.headers.get('Keep-Alive')]).toEqual(['SEND', false, 'yes']);
    expect(await network.settle(session.closed)).toMatchObject({ status: 408 });
    far.destroy();
  });
});
