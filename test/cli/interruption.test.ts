// What becomes of a transfer when one of its ends goes: killed, stopped by a signal, or busy with somebody else.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ended, msrp } from './msrp.ts';
import { eventsOf, withSender, Workplace } from './transfer.ts';

const place = new Workplace();

describe('a receiver that is killed', () => {
  test('ends the sender at once, with one line', async () => {
    const receiver = await place.receive();
    const sender = ended(await place.sendHalf(receiver.path));
    await receiver.stop('SIGKILL');
    expect(await sender).toEqual({
      stdout: '',
      stderr: expect.stringMatching(
        /^msrp send: standard input did not arrive: [^\n]+ \(MSRP_ERR_(SESSION|CLOSED)\)\n$/,
      ),
      exitCode: 1,
      signal: null,
    });
    expect(place.received).toEqual(['half.bin.part']);
  });

  test('is one event with --json', async () => {
    const receiver = await place.receive();
    const sender = ended(await place.sendHalf(receiver.path, '--json'));
    await receiver.stop('SIGKILL');
    const { stdout, stderr, exitCode } = await sender;
    expect(eventsOf(stdout)).toEqual([
      {
        event: 'failed',
        file: '-',
        code: expect.stringMatching(/^MSRP_ERR_(SESSION|CLOSED)$/),
        message: expect.stringMatching(/^standard input did not arrive: /),
      },
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  });
});

describe('a sender that is killed', () => {
  test('leaves no file, is reported once, and its path serves the next', async () => {
    const receiver = await place.receive();
    const sender = await place.sendHalf(receiver.path);
    const end = ended(sender);
    sender.kill('SIGKILL');
    await end;
    expect(await msrp(['send', receiver.path, '-', '--name', 'whole.txt'], 'x')).toMatchObject({ exitCode: 0 });
    const { events, stderr, exitCode } = await receiver.stop();
    expect(events).toEqual([
      {
        event: 'failed',
        file: 'half.bin',
        code: expect.stringMatching(/^MSRP_ERR_/),
        message: expect.stringMatching(/^half\.bin did not arrive: /),
      },
      expect.objectContaining({ event: 'received', file: join(place.inbox, 'whole.txt') }),
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 130 });
    expect(place.received).toEqual(['whole.txt']);
  });

  test('is a failure to a receiver that waits for one sender', async () => {
    const receiver = await place.receive('--once');
    (await place.sendHalf(receiver.path)).kill('SIGKILL');
    expect(await receiver.ended()).toMatchObject({ events: [{ event: 'failed', file: 'half.bin' }], exitCode: 1 });
    expect(place.received).toEqual([]);
  });
});

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

describe.each(signals)('%s', (signal, exitCode) => {
  test('makes a sender give up, and tell the receiver', async () => {
    const receiver = await place.receive('--once');
    const sender = await place.sendHalf(receiver.path);
    const end = ended(sender);
    sender.kill(signal);
    expect(await end).toEqual({
      stdout: '',
      stderr: 'msrp send: standard input did not arrive: the message was given up (MSRP_ERR_ABORTED)\n',
      exitCode,
      signal: null,
    });
    expect((await receiver.ended()).events).toEqual([
      {
        event: 'failed',
        file: 'half.bin',
        code: 'MSRP_ERR_ABORTED',
        message: 'half.bin did not arrive: the sender gave the message up (MSRP_ERR_ABORTED)',
      },
    ]);
    expect(place.received).toEqual([]);
  });

  test('makes a receiver refuse the rest, and leave no unfinished file', async () => {
    const receiver = await place.receive();
    const sender = ended(await place.sendHalf(receiver.path));
    const end = await receiver.stop(signal);
    expect(end).toMatchObject({ stderr: '', exitCode, signal: null });
    expect(end.events).toEqual([
      {
        event: 'failed',
        file: 'half.bin',
        code: 'MSRP_ERR_ABORTED',
        message: 'half.bin did not arrive: stopped (MSRP_ERR_ABORTED)',
      },
    ]);
    expect(await sender).toMatchObject({
      stderr: 'msrp send: standard input did not arrive: 413 Stop sending (MSRP_ERR_TRANSACTION)\n',
      exitCode: 1,
    });
    expect(place.received).toEqual([]);
  });

  test('leaves a receiver time to store what it has acknowledged', async () => {
    const receiver = await place.receive();
    await withSender(receiver.path, async (session) => {
      for (let count = 0; count < 20; count++) await session.send('x').delivered;
    });
    const { events, exitCode: actual } = await receiver.stop(signal);
    expect(events.map(({ event }) => event)).toEqual(Array.from({ length: 20 }, () => 'received'));
    expect(actual).toBe(exitCode);
  });

  test('ends a receiver that waits, without a word', async () => {
    const receiver = await place.receive();
    expect(await receiver.stop(signal)).toMatchObject({ events: [], stderr: '', exitCode, signal: null });
  });
});

describe('a peer that is frozen', () => {
  test('does not keep a receiver from its end at Ctrl-C', async () => {
    const receiver = await place.receive();
    const sender = await place.sendHalf(receiver.path);
    const sent = ended(sender);
    sender.kill('SIGSTOP');
    expect(await receiver.stop()).toMatchObject({ exitCode: 130, signal: null });
    expect(place.received).toEqual([]);
    sender.kill('SIGKILL');
    await sent;
  });

  test('does not keep a sender from its end at Ctrl-C', async () => {
    const receiver = await place.receive();
    const sender = await place.sendHalf(receiver.path);
    const end = ended(sender);
    receiver.child.kill('SIGSTOP');
    sender.kill('SIGINT');
    expect(await end).toMatchObject({
      stderr: 'msrp send: standard input did not arrive: the message was given up (MSRP_ERR_ABORTED)\n',
      exitCode: 130,
      signal: null,
    });
    await receiver.stop('SIGKILL');
  });
});

describe('a second sender', () => {
  test('is refused while there is another, and served after it', async () => {
    const receiver = await place.receive();
    const first = await place.sendHalf(receiver.path);
    const end = ended(first);
    expect(await msrp(['send', receiver.path, '-'], 'x')).toEqual({
      stdout: '',
      stderr: 'msrp send: the peer refused the session: 506 Session already in use (MSRP_ERR_BIND_REFUSED)\n',
      exitCode: 1,
      signal: null,
    });
    first.stdin.end('the end');
    expect(await end).toMatchObject({ exitCode: 0 });
    expect(await msrp(['send', receiver.path, '-', '--name', 'second.txt'], 'second')).toMatchObject({ exitCode: 0 });
    await receiver.stop();
    expect(place.received).toEqual(['half.bin', 'second.txt']);
    expect(readFileSync(join(place.inbox, 'half.bin')).length).toBe(200_007);
  });
});
