// Files from disk to disk over a session: whole, several at once, hashed, refused, and reported only when they are stored.

import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type IncomingMessage, type MSRPSession, receiveFile, type ReceiveFileOptions } from '../../index.ts';
import { withSessions } from './pair.ts';

let folder = '';
let inbox = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-files-'));
  inbox = join(folder, 'inbox');
  mkdirSync(inbox);
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const sha = (content: Buffer, algorithm = 'sha256'): string => createHash(algorithm).update(content).digest('hex');
const large = randomBytes(3_000_000);

async function next(session: MSRPSession): Promise<IncomingMessage> {
  const { value } = await session.messages().next();
  return value as IncomingMessage;
}

/** Files are reported when they are stored. */
const byHand = { alice: { automaticReports: () => false }, bob: { automaticReports: () => false } };

const withFiles = (use: (alice: MSRPSession, bob: MSRPSession) => Promise<void>): Promise<void> =>
  withSessions(use, byHand);

describe('a file', () => {
  // Whoever connected may send, and whoever accepted: push and pull of RFC 5547.
  test.each([
    ['the side that connected', 0],
    ['the side that accepted', 1],
  ])('arrives whole from %s', async (_, sender) => {
    await withFiles(async (...sides) => {
      const [from, to] = sender === 0 ? sides : sides.toReversed();
      for (const [name, content] of [
        ['large.bin', large],
        ['empty', Buffer.alloc(0)],
        ['ä "b".txt', Buffer.from('x')],
      ] as const) {
        const sending = await from!.sendFile(file(name, content), { hash: 'sha-256' });
        const stored = await receiveFile(await next(to!), inbox, { hash: { algorithm: 'sha-256' } });
        await sending.delivered;
        expect(stored).toEqual({
          path: join(inbox, name.replaceAll('"', '_')),
          bytes: content.length,
          hash: sha(content),
        });
        expect(await sending.hash).toBe(sha(content));
        expect([sending.bytesSent, sending.bytesAcknowledged, sending.size]).toEqual(
          Array.from({ length: 3 }, () => content.length),
        );
        expect(readFileSync(stored.path).equals(content)).toBe(true);
      }
      expect(readdirSync(inbox)).toHaveLength(3);
    });
  });

  test('comes beside others on the same session, each to its own name', async () => {
    await withFiles(async (alice, bob) => {
      const contents = Array.from({ length: 6 }, (_, index) => randomBytes(index * 200_000));
      const paths = contents.map((content, index) => file(`${index}.bin`, content));
      const sending = await Promise.all(paths.map((path) => alice.sendFile(path)));
      const receiving: Promise<unknown>[] = [];
      for await (const message of bob.messages()) {
        if (receiving.push(receiveFile(message, inbox)) === contents.length) break;
      }
      await Promise.all([...receiving, ...sending.map(({ delivered }) => delivered)]);
      for (const [index, content] of contents.entries()) {
        expect(readFileSync(join(inbox, `${index}.bin`)).equals(content)).toBe(true);
      }
      expect(readdirSync(inbox)).toHaveLength(contents.length);
    });
  });

  test('is described by name, type and size, and its receiver may call it otherwise', async () => {
    await withFiles(async (alice, bob) => {
      const path = file('a%b.txt', 'text');
      const sending = await alice.sendFile(path, { contentType: 'text/plain', headers: [['X-Any', 'thing']] });
      const message = await next(bob);
      expect(message.contentType).toBe('text/plain');
      expect(message.headers.get('Content-Disposition')).toBe('attachment; filename="a%25b.txt"; size=4');
      expect(message.headers.get('X-Any')).toBe('thing');
      writeFileSync(join(inbox, 'other.txt'), 'old');
      expect(await receiveFile(message, inbox, { name: 'other.txt', fsync: true })).toEqual({
        path: join(inbox, 'other-1.txt'),
        bytes: 4,
        hash: undefined,
      });
      await sending.delivered;
      await expect(sending.hash).rejects.toMatchObject({ code: 'MSRP_ERR_STATE' });
    });
  });

  test('is sent in part: the message counts from 1, the hash is of the whole', async () => {
    await withFiles(async (alice, bob) => {
      const path = file('large.bin', large);
      const sending = await alice.sendFile(path, { range: { start: 1001, end: 500_000 }, hash: 'sha-1' });
      const message = await next(bob);
      expect(message.size).toBe(499_000);
      expect((await message.bytes()).equals(large.subarray(1000, 500_000))).toBe(true);
      message.report();
      await sending.delivered;
      expect(await sending.hash).toBe(sha(large, 'sha1'));
    });
  });

  test('to be resumed has a Message-ID that tells it, and its parts, from others', async () => {
    const path = file('large.bin', large);
    const wishes = [{}, { range: { start: 2 } }, { range: { start: 1, end: 9 } }, { name: 'other' }];
    const idsOfOneSession = async (): Promise<string[]> => {
      let ids: string[] = [];
      await withFiles(async (alice) => {
        const sending = await Promise.all(wishes.map((wish) => alice.sendFile(path, { ...wish, resume: true })));
        ids = sending.map(({ messageId }) => messageId);
        for (const one of sending) one.abort();
      });
      return ids;
    };
    const ids = await idsOfOneSession();
    expect(new Set(ids).size).toBe(wishes.length);
    expect(ids.filter((id) => /^[0-9a-f]{32}$/.test(id))).toEqual(ids);
    expect(await idsOfOneSession()).toEqual(ids);
  });

  test.each([
    ['is not there', (path: string) => rmSync(path), {}, 'ENOENT'],
    [
      'is a folder',
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
      {},
      'it is a directory',
    ],
    ['has fewer octets', () => {}, { range: { start: 1, end: 5 } }, 'it has 4 octets, not 1 to 5'],
    ['has no such beginning', () => {}, { range: { start: 0 } }, 'it has 4 octets, not 0 to 4'],
  ])('that %s is not sent at all', async (_, change, options, reason) => {
    await withFiles(async (alice) => {
      const path = file('f', 'text');
      change(path);
      await expect(alice.sendFile(path, options)).rejects.toMatchObject({
        code: 'MSRP_ERR_SOURCE',
        message: expect.stringContaining(reason),
      });
    });
  });
});

describe('a file that is stored', () => {
  test('is reported only then', async () => {
    await withFiles(async (alice, bob) => {
      const sending = await alice.sendFile(file('f', 'text'));
      const seen: string[] = [];
      const delivered = sending.delivered.then(() => seen.push(...readdirSync(inbox)));
      const message = await next(bob);
      await sending.sent;
      await receiveFile(message, inbox);
      await delivered;
      expect(seen).toEqual(['f']);
    });
  });

  test('has come whole before its receiver was stopped', async () => {
    await withFiles(async (alice, bob) => {
      const sending = await alice.sendFile(file('f', 'text'));
      const message = await next(bob);
      const stored = receiveFile(message, inbox, { signal: AbortSignal.abort() });
      expect(message.isComplete).toBe(true);
      expect((await stored).path).toBe(join(inbox, 'f'));
      await sending.delivered;
    });
  });

  test('is reported by the session where that is told to, large or small, once', async () => {
    await withSessions(async (alice, bob) => {
      for (const content of [large, Buffer.from('x')]) {
        const sending = await alice.sendFile(file('f', content));
        await receiveFile(await next(bob), inbox);
        await sending.delivered;
      }
      expect(readdirSync(inbox).toSorted()).toEqual(['f', 'f-1']);
    });
  });

  test.each([
    ['sha-1', 'sha1'],
    ['sha-256', 'sha256'],
  ] as const)('has the %s that was announced', async (algorithm, platform) => {
    await withFiles(async (alice, bob) => {
      const value = sha(large, platform)
        .toUpperCase()
        .replace(/..(?!$)/g, '$&:');
      const sending = await alice.sendFile(file('f', large));
      const stored = await receiveFile(await next(bob), inbox, { hash: { algorithm, value } });
      await sending.delivered;
      expect(stored.hash).toBe(sha(large, platform));
    });
  });
});

describe('a file that cannot be stored', () => {
  async function refused(content: Buffer, o: ReceiveFileOptions, code: string, status: number): Promise<void> {
    await withFiles(async (alice, bob) => {
      const sending = await alice.sendFile(file('f', content));
      const receiving = receiveFile(await next(bob), inbox, o);
      await expect(receiving).rejects.toMatchObject({ code });
      await expect(sending.delivered).rejects.toMatchObject({ code: 'MSRP_ERR_TRANSACTION', status });
      // The session goes on.
      const other = await alice.sendFile(file('other', 'x'));
      await receiveFile(await next(bob), folder);
      await other.delivered;
    });
  }

  test.each([
    ['large', large],
    ['small, and all there before it was looked at', Buffer.from('x')],
  ])('because its hash is another is removed, and refused with 400: %s', async (_, content) => {
    await refused(content, { hash: { algorithm: 'sha-1', value: '00'.repeat(20) } }, 'MSRP_ERR_FILE', 400);
    expect(readdirSync(inbox)).toEqual([]);
  });

  test('is refused even where the session reports by itself, unless all of it was there at once', async () => {
    await withSessions(async (alice, bob) => {
      const sending = await alice.sendFile(file('f', large));
      const hash = { algorithm: 'sha-256', value: '00' } as const;
      await expect(receiveFile(await next(bob), inbox, { hash })).rejects.toMatchObject({ code: 'MSRP_ERR_FILE' });
      await expect(sending.delivered).rejects.toMatchObject({ status: 400 });
    });
  });

  test('for want of a folder is refused with 413', async () => {
    rmSync(inbox, { recursive: true });
    await refused(large, {}, 'MSRP_ERR_FILE', 413);
  });

  test('for want of permission is refused with 413', { skip: process.getuid?.() === 0 }, async () => {
    chmodSync(inbox, 0o500);
    await refused(large, {}, 'MSRP_ERR_FILE', 413);
  });

  test('because nobody wants it any more is refused with 413', async () => {
    await refused(large, { signal: AbortSignal.abort() }, 'MSRP_ERR_ABORTED', 413);
    expect(readdirSync(inbox)).toEqual([]);
  });

  test('for want of room is refused before anything is written', async () => {
    await withFiles(async (alice, bob) => {
      const sending = alice.send(endless(), { size: Number.MAX_SAFE_INTEGER, successReport: 'yes' });
      await expect(receiveFile(await next(bob), inbox)).rejects.toMatchObject({
        code: 'MSRP_ERR_FILE',
        message: expect.stringMatching(/it has 9007199254740991 octets, and there is room for \d+$/),
      });
      await expect(sending.delivered).rejects.toMatchObject({ status: 413 });
      expect(readdirSync(inbox)).toEqual([]);
    });
  });

  test('because its sender gives it up leaves nothing', async () => {
    await withFiles(async (alice, bob) => {
      const path = file('f', large);
      const sending = await alice.sendFile(path, { bytesPerSecond: 8_000_000 });
      const receiving = receiveFile(await next(bob), inbox, { onProgress: () => appendFileSync(path, 'x') });
      await expect(sending.delivered).rejects.toMatchObject({ code: 'MSRP_ERR_SOURCE' });
      await expect(receiving).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
      expect(readdirSync(inbox)).toEqual([]);
    });
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}
