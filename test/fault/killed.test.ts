// kill -9 of the sender or of the receiver in the middle of a file, at points drawn from a seed, then the same command again: the file
// arrives whole, and little of it is sent twice. MSRP_FILE_BYTES makes it larger, MSRP_SEED draws other points.

import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, createReadStream, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ended, type Ended, msrp, start } from '../cli/msrp.ts';
import { type Event, eventsOf, type Receiver, Workplace } from '../cli/transfer.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';

const size = Number(process.env['MSRP_FILE_BYTES'] ?? 16_777_216);
const seed = Number(process.env['MSRP_SEED'] ?? 1);
const rounds = 10;
/** One window: a quarter of it that is unanswered when the sender hears how far the receiver is, and what the receiver holds unread. */
const twiceBytes = 524_288;

const place = new Workplace();

/** A file of random octets, and its hash. */
function makeFile(name: string): [path: string, sha256: string] {
  const path = join(place.folder, name);
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  const piece = Buffer.alloc(1_048_576);
  for (let left = size; left > 0; left -= piece.length) {
    const octets = randomFillSync(piece).subarray(0, left);
    hash.update(octets);
    writeSync(file, octets);
  }
  closeSync(file);
  return [path, hash.digest('hex')];
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const octets of createReadStream(path)) hash.update(octets as Buffer);
  return hash.digest('hex');
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

interface Round {
  receiver: Receiver;
  file: string;
  part: string;
  /** Kill when so many octets are stored. */
  at: number;
}

/** Resolves when the victim is dead, with how the sender ended. */
async function kill(victim: 'sender' | 'receiver', { receiver, file, part, at }: Round): Promise<Ended> {
  // Slow enough to be hit in the middle.
  const sender = start(['send', '--resume', '--limit', String(2 * size), '--json', receiver.path, file]);
  const sent = ended(sender);
  while (sizeOf(part) < at && sender.exitCode === null) await turn();
  if (victim === 'sender') sender.kill('SIGKILL');
  else await receiver.stop('SIGKILL');
  return sent;
}

describe.each(['sender', 'receiver'] as const)('a %s that is killed', (victim) => {
  test(`${rounds} times, in the middle of a file, costs no octet and few that are sent twice`, {
    timeout: 600_000,
  }, async () => {
    const random = new SeededRandom(seed);
    const [file, sha256] = makeFile('large.bin');
    const received = join(place.inbox, 'large.bin');
    const part = `${received}.part`;
    const bytesSent: number[] = [];
    const events: Event[] = [];
    let receiver = await place.receive();
    while (bytesSent.length < rounds) {
      const at = random.between(1, Math.floor(size * 0.9));
      const killed = await kill(victim, { receiver, file, part, at });
      if (victim === 'receiver') {
        events.push(...(await receiver.ended()).events);
        receiver = await place.receive();
      }
      if (killed.exitCode === 0) {
        // It was too quick for us.
        rmSync(received);
        continue;
      }
      const again = await untilServed(() => msrp(['send', '--resume', '--json', receiver.path, file]));
      expect(again, `killed at ${at}`).toMatchObject({ stderr: '', exitCode: 0 });
      const [sent] = eventsOf(again.stdout);
      expect(sent).toMatchObject({ event: 'sent', bytes: size, sha256, reported: true });
      bytesSent.push(Number(sent?.['bytesSent']));
      expect(place.received).toEqual(['large.bin']);
      expect(await hashOfFile(received)).toBe(sha256);
      rmSync(received);
    }
    events.push(...(await receiver.stop()).events);
    const resumed = events.filter(({ event }) => event === 'resumed').map(({ from }) => Number(from));
    const twice = resumed.map((from, round) => (bytesSent[round] ?? 0) - (size - from));
    expect(twice).toHaveLength(rounds);
    expect(Math.min(...twice)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...twice), `sent twice: ${twice.join(', ')}`).toBeLessThanOrEqual(twiceBytes);
  });
});

/** Again while the receiver has not seen the end of the session before. */
async function untilServed(send: () => Promise<Ended>): Promise<Ended> {
  const end = await send();
  return end.stdout.includes('"MSRP_ERR_BIND_REFUSED"') ? untilServed(send) : end;
}
