// Two clients send each other messages through one relay or two, on links with every fault, from a seed: each message arrives whole and
// once, or its sender is told, and no chunk is told of twice.

import { describe, expect, test } from 'vitest';
import { Chunk, encodeChunk } from '../../../codec/index.ts';
import { SeededRandom } from '../../simulation/seeded-random.ts';
import type { LinkFaults } from '../../simulation/simulated-network.ts';
import { Scene, type ScriptedEnd } from './scene.ts';

const seeds = Number(process.env['MSRP_SEEDS'] ?? 60);

function below(random: SeededRandom, most: number): number {
  const bytes = Buffer.alloc(4);
  random.fill(bytes);
  return bytes.readUInt32LE() % most;
}

function faultsOf(random: SeededRandom): LinkFaults {
  const some = (): boolean => below(random, 5) === 0;
  const pipe = () => ({
    readBytes: some() ? 1 + below(random, 50) : 1 + below(random, 65_536),
    ...(some() && { capacityBytes: 1 + below(random, 5000) }),
    delayMs: below(random, 100),
    ...(some() && { stall: { afterBytes: 1 + below(random, 20_000), ms: below(random, 45_000) } }),
    ...(some() && { resetAfterBytes: 1500 + below(random, 60_000) }),
    ...(some() && { endAfterBytes: 1500 + below(random, 60_000) }),
  });
  return { toServer: pipe(), toClient: pipe() };
}

interface Sent {
  readonly messageId: string;
  readonly body: string;
  readonly chunks: readonly Chunk[];
}

/** Sends a message in chunks. */
function send(random: SeededRandom, end: ScriptedEnd, path: string, messageId: string): Sent {
  const body = messageId.padEnd(9 + below(random, 20_000), messageId);
  const size = 1 + below(random, 9000);
  const chunks: Chunk[] = [];
  for (let at = 0; at < body.length; at += size) {
    const data = body.slice(at, at + size);
    const chunk = new Chunk({
      transactionId: `${messageId}.${String(chunks.length).padStart(10, '0')}`,
      method: 'SEND',
      headers: [
        ['To-Path', path],
        ['From-Path', end.uri],
        ['Message-ID', messageId],
        ['Byte-Range', `${at + 1}-${below(random, 2) === 0 ? '*' : at + data.length}/${body.length}`],
        ['Content-Type', 'text/plain'],
      ],
      data,
      continuation: at + size >= body.length ? '$' : '+',
    });
    chunks.push(chunk);
    end.socket.write(encodeChunk(chunk));
  }
  return { messageId, body, chunks };
}

/** What came of a message, by its ranges. A chunk that was given up counts for what it has. */
function arrivedAt(end: ScriptedEnd, { messageId, body }: Sent): { text: string; ends: number } {
  const octets = Buffer.alloc(body.length);
  let ends = 0;
  for (const { byteRange, data, continuation } of end.sends.filter((each) => each.messageId === messageId)) {
    data.copy(octets, byteRange!.start - 1);
    if (continuation === '$') ends++;
  }
  return { text: octets.toString(), ends };
}

interface Tally {
  delivered: number;
  told: number;
}

async function play(seed: number, isChain: boolean, tally: Tally): Promise<void> {
  const random = new SeededRandom(seed);
  const isLink = (from: string): boolean => from.startsWith('10.0.1.');
  const scene = new Scene({ seed, faults: ({ from }) => (isLink(from) ? faultsOf(random) : undefined) });
  await scene.relayAt('relay.example.com');
  if (isChain) await scene.relayAt('outer.example.net');
  const far = isChain ? 'outer.example.net' : 'relay.example.com';
  let ends: ScriptedEnd[];
  try {
    ends = [await scene.client('alice'), await scene.client('carol', { host: far, from: '10.0.1.2' })];
  } catch {
    return; // one of them did not get through
  }
  if (ends.some(({ token }) => token === undefined || token === '')) return;
  const sent = ends.map((end, side) => {
    const other = ends[1 - side]!;
    const path = `${end.token} ${other.token} ${other.uri}`;
    return Array.from({ length: 1 + below(random, 3) }, (_, index) => send(random, end, path, `msg${side}.${index}.x`));
  });
  await scene.pass(300_000);
  for (const [side, messages] of sent.entries()) {
    const [end, other] = [ends[side]!, ends[1 - side]!];
    for (const message of messages) check(seed, end, other, message, tally);
  }
  for (const relay of scene.relays) expect(relay.stats().bufferedBytes, `seed ${seed}: octets are left`).toBe(0);
}

function check(seed: number, end: ScriptedEnd, other: ScriptedEnd, message: Sent, tally: Tally): void {
  const codes = message.chunks.map((chunk) => end.codesFor(chunk));
  const reports = end.toldAbout(message.messageId);
  const name = `seed ${seed}, ${message.messageId}`;
  for (const each of codes) expect(each.length, `${name}: two responses`).toBeLessThan(2);
  expect(new Set(reports).size, `${name}: told twice of ${String(reports)}`).toBe(reports.length);
  const isTold = end.isClosed || end.isEnded || reports.length > 0 || codes.some(([code]) => code !== 200);
  const { text, ends } = arrivedAt(other, message);
  expect(ends, `${name}: arrived twice`).toBeLessThan(2);
  if (isTold) tally.told++;
  else {
    tally.delivered++;
    expect([text === message.body, ends], `${name}: lost`).toEqual([true, 1]);
  }
}

describe.each([
  ['one relay', false],
  ['two relays', true],
])('%s', (_, isChain) => {
  test(`under ${seeds} seeds every message arrives once and whole, or its sender is told`, {
    timeout: 600_000,
  }, async () => {
    const tally: Tally = { delivered: 0, told: 0 };
    for (let seed = 1; seed <= seeds; seed++) await play(seed, isChain, tally);
    expect(Math.min(tally.delivered, tally.told)).toBeGreaterThan(0);
  });
});
