// msrp send --resume: files that go on where they broke off, and what both ends say of that.

import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ended, msrp, said, start } from './msrp.ts';
import { eventsOf, hashOf, withSender, Workplace } from './transfer.ts';

const place = new Workplace();
const content = randomBytes(4_000_000);
const sha256 = hashOf(content);

/** A sender that takes its time and has begun to send `file`. */
async function sendSlowly(path: string, file: string, ...args: string[]): Promise<ReturnType<typeof start>> {
  const sender = start(['send', path, file, '--limit', '4M', ...args]);
  sender.stdout.setEncoding('utf8');
  await place.filled('f.bin.part', 1_500_000);
  return sender;
}

describe('a file that broke off', { timeout: 30_000 }, () => {
  test.each(['sender', 'receiver'] as const)('since the %s was stopped goes on where it was', async (who) => {
    const file = place.file('f.bin', content);
    let receiver = await place.receive();
    const sender = await sendSlowly(receiver.path, file, '--resume');
    const sent = ended(sender);
    const failed = said(receiver.child, '"failed"');
    if (who === 'sender') {
      sender.kill('SIGINT');
      expect(await sent).toEqual({
        stdout: '',
        stderr: `msrp send: ${file} did not arrive: broken off, to be resumed (MSRP_ERR_ABORTED)\n`,
        exitCode: 130,
        signal: null,
      });
    } else {
      expect((await receiver.stop()).events).toMatchObject([
        { event: 'failed', file: 'f.bin', code: 'MSRP_ERR_ABORTED' },
      ]);
      expect((await sent).stderr).toBe(`msrp send: ${file} did not arrive: 413 Stop sending (MSRP_ERR_TRANSACTION)\n`);
      receiver = await place.receive();
    }
    await failed;
    expect(place.received).toEqual(['f.bin.part', 'f.bin.part.json']);
    const from = statSync(join(place.inbox, 'f.bin.part')).size;

    const again = await msrp(['send', receiver.path, file, '--resume', '--json']);
    const [event] = eventsOf(again.stdout);
    expect(event).toMatchObject({ event: 'sent', bytes: content.length, sha256, reported: true });
    expect(event?.['bytesSent']).toBeGreaterThanOrEqual(content.length - from);
    const events = (await receiver.stop()).events.slice(who === 'sender' ? 1 : 0);
    expect(events).toEqual([
      { event: 'resumed', file: 'f.bin', from },
      { event: 'received', file: join(place.inbox, 'f.bin'), bytes: content.length, sha256 },
    ]);
    expect(place.received).toEqual(['f.bin']);
  });

  test('is told to people too', async () => {
    const file = place.file('f.bin', content);
    const first = await place.receive();
    const sender = await sendSlowly(first.path, file, '--resume');
    const sent = ended(sender);
    await first.stop('SIGKILL');
    await sent;

    const child = start(['receive', '--dir', place.inbox, '--once']);
    const end = ended(child);
    const [path = ''] = /msrp:\S+/.exec(await said(child, ';tcp\n')) ?? [];
    const { stdout } = await msrp(['send', path, file, '--resume']);
    expect(stdout).toMatch(/^sent \S+, 4000000 bytes, \d+ of them this time, in \d/);
    expect((await end).stdout).toMatch(
      /\nf\.bin: \d+ bytes are there, going on behind them\nreceived \S+, 4000000 bytes/,
    );
  });

  test('is not kept where its sender, without --resume, gives it up', async () => {
    const file = place.file('f.bin', content);
    const receiver = await place.receive('--once');
    const sender = await sendSlowly(receiver.path, file);
    const sent = ended(sender);
    sender.kill('SIGINT');
    expect(await sent).toMatchObject({ exitCode: 130 });
    await receiver.ended();
    expect(place.received).toEqual([]);
  });

  test('and was sent without --resume before begins anew, beside what is left', async () => {
    const file = place.file('f.bin', content);
    const receiver = await place.receive();
    const sender = await sendSlowly(receiver.path, file);
    const failed = said(receiver.child, '"failed"');
    sender.kill('SIGKILL');
    await failed;
    const again = await msrp(['send', receiver.path, file, '--resume']);
    expect(again).toMatchObject({ stderr: '', exitCode: 0 });
    await receiver.stop();
    expect(place.received).toEqual(['f.bin', 'f.bin.part', 'f.bin.part.json']);
  });
});

test('files that come at once on one session are stored side by side', { timeout: 30_000 }, async () => {
  const receiver = await place.receive('--once');
  const files = Array.from({ length: 20 }, (_, index) =>
    place.file(`${index}.bin`, content.subarray(0, index * 50_000)),
  );
  await withSender(receiver.path, async (session) => {
    const sending = await Promise.all(files.map((file) => session.sendFile(file)));
    await Promise.all(sending.map(({ delivered }) => delivered));
  });
  expect(await receiver.ended()).toMatchObject({ stderr: '', exitCode: 0 });
  for (const [index, file] of files.entries()) {
    expect(readFileSync(join(place.inbox, `${index}.bin`)).equals(readFileSync(file))).toBe(true);
  }
});
