// Files that arrive: whatever their size, under names that harm nobody, and what both ends say of them.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dispositionOf, fileNameIn, MSRPError, safeFileName } from '../../index.ts';
import { ended, msrp, said, start } from './msrp.ts';
import { eventsOf, hashOf, withSender, Workplace } from './transfer.ts';

const place = new Workplace();
const contentOf = (name: string): Buffer => readFileSync(join(place.inbox, name));

describe('msrp send and msrp receive', { timeout: 30_000 }, () => {
  test.each([
    ['here', []],
    ['in shards', ['--shards', '2']],
  ])('several files arrive whole under their names, an empty one too, %s; both say so', async (_where, shards) => {
    const contents = {
      'large.bin': randomBytes(3_000_000),
      'empty.txt': Buffer.alloc(0),
      'smäll "1".txt': Buffer.from('hi'),
    };
    const files = Object.entries(contents).map(([name, content]) => place.file(name, content));
    const receiver = await place.receive('--once', ...shards);
    const sent = await msrp(['send', receiver.path, ...files, '--json', '--chunk-size', '10000']);
    expect(sent).toMatchObject({ stderr: '', exitCode: 0 });
    const whole = Object.values(contents).map((content) => ({ bytes: content.length, sha256: hashOf(content) }));
    expect(eventsOf(sent.stdout)).toEqual(
      whole.map((facts, index) => ({
        event: 'sent',
        file: files[index],
        ...facts,
        bytesSent: facts.bytes,
        seconds: expect.any(Number),
        bytesPerSecond: expect.any(Number),
        reported: true,
      })),
    );
    const names = ['large.bin', 'empty.txt', 'smäll _1_.txt'];
    expect(await receiver.ended()).toMatchObject({ stderr: '', exitCode: 0 });
    expect((await receiver.ended()).events).toEqual(
      whole.map((facts, index) => ({ event: 'received', file: join(place.inbox, names[index]!), ...facts })),
    );
    expect(place.received).toEqual(names.toSorted());
    expect(contentOf('large.bin').equals(contents['large.bin'])).toBe(true);
  });

  test.each([
    ['1', 3000],
    ['7', 3000],
    ['1048576', 3_000_000],
    ['10000000', 3_000_000],
  ])('chunks of %s octets carry %d, from a file and from standard input', async (chunkSize, size) => {
    const content = randomBytes(size);
    const file = place.file('file.bin', content);
    const receiver = await place.receive('--once');
    const args = ['send', receiver.path, file, '-', '--name', 'stdin.bin', '--chunk-size', chunkSize];
    expect(await msrp(args, content)).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await receiver.ended()).toMatchObject({ exitCode: 0 });
    expect(contentOf('file.bin').equals(content)).toBe(true);
    expect(contentOf('stdin.bin').equals(content)).toBe(true);
  });

  test('standard input may have nothing to say', async () => {
    const receiver = await place.receive('--once');
    expect(await msrp(['send', receiver.path, '-'])).toMatchObject({
      stdout: expect.stringMatching(/^sent standard input, 0 bytes in /),
      stderr: '',
      exitCode: 0,
    });
    expect(await receiver.ended()).toMatchObject({ events: [{ event: 'received', bytes: 0 }], exitCode: 0 });
    expect(contentOf('stdin').length).toBe(0);
  });

  test('what the system says is empty may not be', { skip: process.platform !== 'linux' }, async () => {
    const receiver = await place.receive('--once');
    expect(await msrp(['send', receiver.path, '/proc/version'])).toMatchObject({ stderr: '', exitCode: 0 });
    await receiver.ended();
    expect(contentOf('version').equals(readFileSync('/proc/version'))).toBe(true);
  });

  test('without --json both speak to people', async () => {
    const child = start(['receive', '--dir', place.inbox, '--once']);
    const end = ended(child);
    const [path = ''] = /msrp:\S+/.exec(await said(child, ';tcp\n')) ?? [];
    const sha256 = hashOf(Buffer.from('hello'));
    const file = place.file('hello.txt', 'hello');
    expect(await msrp(['send', path, file])).toMatchObject({
      stdout: expect.stringMatching(
        new RegExp(`^sent ${file}, 5 bytes in \\d+\\.\\d\\d s, \\d+ MB/s, sha256 ${sha256}\n$`),
      ),
      stderr: '',
    });
    expect(await end).toMatchObject({
      stdout: `waiting for a sender; give it this path:\n  ${path}\nreceived ${join(place.inbox, 'hello.txt')}, 5 bytes, sha256 ${sha256}\n`,
      stderr: '',
      exitCode: 0,
    });
  });

  test('one sender may come on the heels of the other, while files are still being stored', async () => {
    const receiver = await place.receive();
    for (let count = 0; count < 10; count++) {
      await untilServed(() =>
        withSender(receiver.path, async (session) => {
          for (let file = 0; file < 5; file++) await session.send(Buffer.alloc(20_000)).delivered;
        }),
      );
    }
    const { events } = await receiver.stop();
    expect(events.map(({ event, bytes }) => [event, bytes])).toEqual(
      Array.from({ length: 50 }, () => ['received', 20_000]),
    );
  });

  test('a receiver whose sender sends nothing has failed, if it waits for one only', async () => {
    const receiver = await place.receive('--once');
    await withSender(receiver.path, async () => {});
    expect(await receiver.ended()).toMatchObject({ events: [], exitCode: 1 });
  });
});

/** Again while the receiver has not seen the end of the session before (506); that it knows of none (481) is a failure. */
async function untilServed(send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (error) {
    if (!(error instanceof MSRPError) || error.status !== 506) throw error;
    await untilServed(send);
  }
}

describe('the name of a received file', () => {
  test('is never that of another: not of one that was there, nor of one received or half received', async () => {
    for (const name of ['a.tar.gz', 'a.tar-1.gz', 'b.part']) writeFileSync(join(place.inbox, name), 'old');
    mkdirSync(join(place.inbox, 'folder'));
    mkdirSync(join(place.folder, 'other'));
    const files = [
      place.file('a.tar.gz', '1'),
      place.file('other/a.tar.gz', '2'),
      place.file('b', '3'),
      place.file('other/b', '4'),
      place.file('folder', '5'),
    ];
    const receiver = await place.receive('--once');
    expect(await msrp(['send', receiver.path, ...files])).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await receiver.ended()).toMatchObject({ exitCode: 0 });
    const names = ['a.tar-2.gz', 'a.tar-3.gz', 'b', 'b-1', 'folder-1'];
    expect(names.map((name) => contentOf(name).toString())).toEqual(['1', '2', '3', '4', '5']);
    expect(['a.tar.gz', 'a.tar-1.gz', 'b.part'].map((name) => contentOf(name).toString())).toEqual([
      'old',
      'old',
      'old',
    ]);
    expect(place.received).toEqual(['a.tar-1.gz', 'a.tar.gz', 'b.part', 'folder', ...names].toSorted());
  });

  /** As a peer may write them in a header field, and what they become (D-FILE-2). */
  const hostile: [string, string][] = [
    ['../x', '_x'],
    ['%2e%2e%2f%2e%2e%2fx', '_.._x'],
    ['/etc/passwd', '_etc_passwd'],
    ['C:%5CWINDOWS%5Cx', 'C__WINDOWS_x'],
    ['nul%00l.txt%0A', 'null.txt'],
    ['%E2%80%AEgpj.exe', 'gpj.exe'],
    ['100% sure.txt', '100% sure.txt'],
    ['Å.txt', 'Å.txt'],
    ['A%CC%8A.txt', 'Å-1.txt'],
    [`${'x'.repeat(300)}.txt`, `${'x'.repeat(231)}.txt`],
    ['..', 'message-name10'],
    ['AUX.txt', 'message-name11'],
    ['', 'message-name12'],
  ];

  test('stays in the folder, whatever the peer says', async () => {
    const receiver = await place.receive();
    await withSender(receiver.path, async (session) => {
      for (const [index, [name]] of hostile.entries()) {
        const headers: [string, string][] = [['Content-Disposition', `attachment; filename="${name}"`]];
        await session.send(String(index), { headers, messageId: `name${index}`, successReport: 'yes' }).delivered;
      }
    });
    const { events, stderr } = await receiver.stop();
    expect(events.map(({ file }) => file)).toEqual(hostile.map(([, name]) => join(place.inbox, name)));
    expect(place.received).toEqual(hostile.map(([, name]) => name).toSorted());
    expect(stderr).toBe('');
  });

  test.each([
    ['plain.txt', 'plain.txt'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['..', 'fallback'],
    ['', 'fallback'],
    ['%2e%2e%2fx', '_x'],
    ['C:\\boot.ini', 'C__boot.ini'],
    ['nul.txt', 'fallback'],
    ['COM1', 'fallback'],
    ['console', 'console'],
    ['a\u0000b\u202etxt.exe', 'abtxt.exe'],
    ['.hidden', 'hidden'],
    ['ends in dots. . ', 'ends in dots'],
    ['x.part', 'x.part_'],
    ['x.Part.json. ', 'x.Part.json_'],
    ['x.json', 'x.json'],
    [`${'x'.repeat(234)}.${'y'.repeat(20)}`, 'x'.repeat(234)],
  ])('is made from %j: %j', (given, expected) => {
    expect(safeFileName(given, 'fallback')).toBe(expected);
  });

  test('is cut where it is too long, between characters, its extension kept', () => {
    const name = safeFileName(`${'ä'.repeat(300)}.txt`, 'fallback');
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(235);
    expect(name.endsWith('ä.txt')).toBe(true);
  });

  test.each(['a "quoted" name.txt', '100%.txt', 'back\\slash', 'line\nfeed'])(
    '%j comes through a header field',
    (name) => {
      expect(decodeURIComponent(fileNameIn(dispositionOf(name)) ?? '')).toBe(name);
    },
  );
});
