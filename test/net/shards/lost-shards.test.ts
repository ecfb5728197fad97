import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { MSRPServer, type MSRPTransport } from '../../../index.ts';
import { closeAfterTest, rejectionOf } from '../open.ts';
import { bind, carries, expectOne, serve, session } from '../serve.ts';
import { built, echoes, handled, type HandledSession, prompt, serveHandled } from './handled.ts';
import type { Deed, Outcome } from './handlers.ts';

const resourceLimits = { maxOldGenerationSizeMb: 64 };
const others = 100;

/** Which of `sessions` end with an error, and which still echo. */
async function sorted(
  sessions: readonly HandledSession[],
): Promise<{ lost: HandledSession[]; alive: HandledSession[] }> {
  const lost: HandledSession[] = [];
  const alive: HandledSession[] = [];
  for (const each of sessions) {
    try {
      await echoes(each.near);
      alive.push(each);
    } catch {
      lost.push(each);
    }
  }
  return { lost, alive };
}

describe('a shard is replaced, and only its sessions are lost, when a handler', { timeout: 30_000 }, () => {
  test.each<[Deed, string]>([
    ['exit', 'worker exited with code: 3'],
    ['throw later', 'no good'],
    ['fill the heap', 'memory'],
  ])('does "%s"', async (deed, reason) => {
    const server = serveHandled({ resourceLimits });
    const culprit = await handled(server, deed);
    const sessions = await Promise.all(Array.from({ length: 2 * others }, () => handled(server, 'echo')));
    await prompt(culprit.near);
    expect(await rejectionOf(culprit.outcome)).toMatchObject({
      code: 'MSRP_ERR_CLOSED',
      message: expect.stringContaining(reason),
    });
    const { lost, alive } = await sorted(sessions);
    expect(alive.length).toBeGreaterThanOrEqual(others);
    expect(lost.length).toBeGreaterThanOrEqual(others - 1);
    for (const { outcome } of lost) expect(await rejectionOf(outcome)).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    const { shards, expected } = server.stats();
    expect(shards.map(({ restarts }) => restarts).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(expected).toBe(alive.length);
    const fresh = await Promise.all(Array.from({ length: 10 }, () => handled(server, 'echo')));
    for (const { near } of fresh) await echoes(near);
    for (const { near } of [...alive, ...fresh]) await near.close();
    const outcomes = await Promise.all([...alive, ...fresh].map(({ outcome }) => outcome));
    expect(outcomes.slice(0, alive.length).every(({ chunks }) => chunks === 1)).toBe(true);
  });

  test('exits, though it is the only one: who comes meanwhile waits for the next', async () => {
    const server = serveHandled({ shards: 1 });
    const culprit = await handled(server, 'exit');
    const [waiting, later] = [await expectTask(server), await expectTask(server)];
    const completes = Promise.all([waiting, later].map((localUri) => server.complete(undefined, { localUri })));
    completes.catch(() => {});
    await prompt(culprit.near);
    await rejectionOf(culprit.outcome);
    for (const near of await Promise.all([bind(waiting), bind(later)])) {
      await echoes(near);
      await near.close();
    }
    expect((await completes).map(({ chunks }) => chunks)).toEqual([1, 1]);
  });
});

async function expectTask(server: MSRPServer<Outcome>) {
  const [uri] = await server.prepare(undefined, { data: { deed: 'echo' } });
  return uri!;
}

test('without a handler too, the transports of a lost shard fail with a code and the others go on', async () => {
  const threads = new Set<Worker>();
  const watch = (message: unknown): void => void threads.add((message as { worker: Worker }).worker);
  subscribe('worker_threads', watch);
  closeAfterTest(() => void unsubscribe('worker_threads', watch));
  const server = serve({ shards: 2 });
  const pairs = await Promise.all(Array.from({ length: 20 }, () => session(server)));
  await [...threads][0]!.terminate();
  const states = await Promise.all(pairs.map(([near, far], at) => fate(near, far, `text ${at}`)));
  expect(states.filter((state) => state === 'lost').length).toBe(10);
  expect(states.filter((state) => state === 'alive').length).toBe(10);
  const [near, far] = await session(server);
  await carries(near, far, 'more');
  expect(server.stats().expected).toBe(11);
});

async function fate(near: MSRPTransport, far: MSRPTransport, text: string): Promise<'alive' | 'lost'> {
  const reading = far.readChunk();
  reading.catch(() => {});
  await near.writeChunk(near.makeChunk({ data: text, failureReport: 'no' })).catch(() => {});
  try {
    await reading;
    return 'alive';
  } catch (error) {
    expect(error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    return 'lost';
  }
}

test('a shard that cannot begin again is not begun over and over', async () => {
  const server = new MSRPServer({ shards: 2, handler: built('broken-handler') });
  closeAfterTest(() => server.close());
  for (let round = 0; round < 2; round++) {
    expect(await rejectionOf(server.prepare())).toMatchObject({ code: 'MSRP_ERR_ARGUMENT' });
  }
  expect(server.stats().shards.map(({ restarts }) => restarts)).toEqual([0, 0]);
  await expect(expectOne(server)).rejects.toThrow();
});
