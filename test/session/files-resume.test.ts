// Transfers that break off and go on: by the same message on another session (RFC 4975 section 5.4), or by one of the octets that are
// missing (D-FILE-1). Whatever lies in the folder, no two files are ever mixed.

import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type IncomingMessage,
  type MSRPSession,
  type OutgoingFile,
  receiveFile,
  type ReceiveFileOptions,
  type ReceivedFile,
  type SendFileOptions,
} from '../../index.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { withSessions } from './pair.ts';

let folder = '';
let inbox = '';
let path = '';
const content = randomBytes(2_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-resume-'));
  inbox = join(folder, 'inbox');
  path = join(folder, 'f.bin');
  mkdirSync(inbox);
  writeFileSync(path, content);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The window of the sender, and what the receiver holds unread, to the end of a read. */
const twiceBytes = 524_288 + 262_144 + 65_536;

const files = (): string[] => readdirSync(inbox).toSorted();
const inInbox = (name: string): Buffer => readFileSync(join(inbox, name));

async function next(session: MSRPSession): Promise<IncomingMessage> {
  const { value } = await session.messages().next();
  return value as IncomingMessage;
}

interface Result {
  sending: OutgoingFile;
  stored: ReceivedFile;
  resumedFrom: number;
}

/** From the side that connected, or with `pull` from the one that accepted. */
async function transfer(send: SendFileOptions, o: ReceiveFileOptions = {}, pull = false): Promise<Result> {
  let result: Result | undefined;
  let resumedFrom = 0;
  await withSessions(
    async (...sides) => {
      const [from, to] = pull ? sides.toReversed() : sides;
      const sending = await from!.sendFile(path, { resume: true, ...send });
      const stored = await receiveFile(await next(to!), inbox, {
        ...o,
        hash: { algorithm: 'sha-256' },
        onResume: (bytes) => (resumedFrom = bytes),
      });
      await sending.delivered;
      result = { sending, stored, resumedFrom };
    },
    { alice: { automaticReports: false }, bob: { automaticReports: false } },
  );
  return result!;
}

/** The connection is lost when so much of it is stored. */
async function breakOff(at: number, send: SendFileOptions = {}, o: ReceiveFileOptions = {}): Promise<void> {
  await withSessions(
    async (alice, bob) => {
      const sending = await alice.sendFile(path, { resume: true, ...send });
      const receiving = receiveFile(await next(bob), inbox, {
        ...o,
        onProgress: (bytes) => {
          if (bytes >= at) bob.transport.destroy();
        },
      });
      await expect(receiving).rejects.toMatchObject({ code: expect.stringMatching(/^MSRP_ERR_(CLOSED|SESSION)$/) });
      await expect(sending.delivered).rejects.toMatchObject({ code: expect.stringMatching(/^MSRP_ERR_/) });
    },
    { bob: { automaticReports: false } },
  );
}

const partSize = (name = 'f.bin.part'): number => statSync(join(inbox, name)).size;

describe('a transfer that breaks off', () => {
  test.each([
    ['from the side that connected', false],
    ['from the side that accepted', true],
  ])('goes on where it was: %s', async (_, pull) => {
    await breakOff(1_000_000);
    expect(files()).toEqual(['f.bin.part', 'f.bin.part.json']);
    const kept = partSize();
    const { sending, stored, resumedFrom } = await transfer({}, {}, pull);
    expect(resumedFrom).toBe(kept);
    expect(stored).toEqual({ path: join(inbox, 'f.bin'), bytes: content.length, hash: sha256 });
    expect(sending.bytesSent).toBeLessThanOrEqual(content.length - kept + twiceBytes);
    expect(sending.bytesAcknowledged).toBe(content.length);
    expect(files()).toEqual(['f.bin']);
  });

  test('again and again, at any place, arrives whole', async () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 20; round++) {
      const places = Array.from({ length: 3 }, () => random.between(1, content.length - 600_000));
      for (const place of places.toSorted((a, b) => a - b)) {
        if (!files().includes('f.bin.part') || partSize() < place) await breakOff(place);
      }
      const { stored } = await transfer({});
      expect(stored).toMatchObject({ path: join(inbox, 'f.bin'), hash: sha256 });
      rmSync(stored.path);
      expect(files()).toEqual([]);
    }
  });

  test('goes on behind all of it but the last octet, and behind nothing of what is too long', async () => {
    await breakOff(500_000);
    writeFileSync(join(inbox, 'f.bin.part'), content);
    expect(await transfer({})).toMatchObject({ resumedFrom: content.length - 1, stored: { hash: sha256 } });
    rmSync(join(inbox, 'f.bin'));

    await breakOff(500_000);
    writeFileSync(join(inbox, 'f.bin.part'), Buffer.alloc(content.length + 1));
    expect(await transfer({})).toMatchObject({ resumedFrom: 0, stored: { bytes: content.length, hash: sha256 } });
    expect(files()).toEqual(['f.bin']);
    expect(inInbox('f.bin').equals(content)).toBe(true);
  });

  test('is removed, and refused, when what was kept turns out to be damaged', async () => {
    await breakOff(500_000);
    writeFileSync(join(inbox, 'f.bin.part'), Buffer.alloc(400_000));
    const hash = { algorithm: 'sha-256', value: sha256 } as const;
    await withSessions(
      async (alice, bob) => {
        const sending = await alice.sendFile(path, { resume: true });
        await expect(receiveFile(await next(bob), inbox, { hash })).rejects.toMatchObject({ code: 'MSRP_ERR_FILE' });
        await expect(sending.delivered).rejects.toMatchObject({ status: 400 });
        expect(files()).toEqual([]);
        // So the next attempt begins anew, on the same session.
        const again = await alice.sendFile(path, { resume: true });
        await receiveFile(await next(bob), inbox, { hash });
        await again.delivered;
      },
      { bob: { automaticReports: false } },
    );
    expect(files()).toEqual(['f.bin']);
  });

  test.each([
    ['another name', { name: 'g.bin' }, ['f.bin.part', 'f.bin.part.json', 'g.bin']],
    ['another Message-ID', { messageId: 'other' }, ['f.bin', 'f.bin.part', 'f.bin.part.json']],
    ['a part of it', { range: { start: 2 } }, ['f.bin', 'f.bin.part', 'f.bin.part.json']],
  ])('is not mixed with %s', async (_, options, expected) => {
    await breakOff(500_000);
    const kept = inInbox('f.bin.part');
    expect(await transfer(options)).toMatchObject({ resumedFrom: 0 });
    expect(files()).toEqual(expected);
    expect(inInbox('f.bin.part').equals(kept)).toBe(true);
  });

  test('is not mixed with the file as it is after a change', async () => {
    await breakOff(500_000);
    utimesSync(path, new Date(), new Date(0));
    expect(await transfer({})).toMatchObject({ resumedFrom: 0, stored: { hash: sha256 } });
  });

  test('is not mixed with another size under the same Message-ID', async () => {
    await breakOff(500_000, { messageId: 'same' });
    writeFileSync(path, content.subarray(1));
    expect(await transfer({ messageId: 'same' })).toMatchObject({ resumedFrom: 0 });
    expect(files()).toEqual(['f.bin', 'f.bin.part', 'f.bin.part.json']);
  });

  test('is not mixed with the files of others, whatever they are called', async () => {
    const others = ['f.bin.part', 'f-1.bin.part.json', 'f-2.bin.part', 'f-2.bin.part.json'];
    for (const name of others) writeFileSync(join(inbox, name), name);
    await breakOff(500_000);
    expect(files()).toEqual([...others, 'f-3.bin.part', 'f-3.bin.part.json'].toSorted());
    expect((await transfer({})).resumedFrom).toBeGreaterThanOrEqual(500_000);
    expect(files()).toEqual([...others, 'f.bin'].toSorted());
    for (const name of others) expect(inInbox(name).toString()).toBe(name);
  });

  test('is not touched by the same message on another session while it goes on', async () => {
    await withSessions(
      async (alice, bob) => {
        const slow = await alice.sendFile(path, { resume: true, bytesPerSecond: 10_000_000 });
        const receiving = receiveFile(await next(bob), inbox);
        expect(await transfer({})).toMatchObject({ resumedFrom: 0, stored: { hash: sha256 } });
        await receiving;
        await slow.delivered;
      },
      { bob: { automaticReports: false } },
    );
    expect(files()).toEqual(['f-1.bin', 'f.bin']);
    for (const name of files()) expect(inInbox(name).equals(content)).toBe(true);
  });
});

describe('nothing is kept', () => {
  test.each([
    ['where nobody wants that', {}, { resume: false }],
    ['where the sender asks for no reports, and so never hears of it', { successReport: 'no' }, {}],
  ] as const)('%s', async (_, send, o) => {
    await breakOff(500_000, send, o);
    expect(files()).toEqual([]);
  });

  test('where one end gives the file up; all is where the receiver is stopped', async () => {
    for (const [who, code, kept] of [
      ['sender', 'ABORTED', 0],
      ['receiver', 'NOT_READ', 0],
      ['signal', 'ABORTED', 2],
    ] as const) {
      await withSessions(
        async (alice, bob) => {
          const sending = await alice.sendFile(path, { resume: true, bytesPerSecond: 10_000_000 });
          const stopped = new AbortController();
          const message = await next(bob);
          const stop = {
            sender: () => sending.abort(),
            receiver: () => message.refuse(),
            signal: () => stopped.abort(),
          };
          const receiving = receiveFile(message, inbox, { signal: stopped.signal, onProgress: stop[who] });
          await expect(receiving).rejects.toMatchObject({ code: `MSRP_ERR_${code}` });
          await expect(sending.delivered).rejects.toThrow();
          expect(files()).toHaveLength(kept);
        },
        { bob: { automaticReports: false } },
      );
    }
  });
});

describe('octets that are asked for by their range', () => {
  test('are put behind what is there, and the hash is of the whole', async () => {
    await breakOff(700_000);
    const start = partSize() + 1;
    const { stored, sending } = await transfer({ range: { start }, messageId: 'rest' }, { start, name: 'f.bin' });
    expect(stored).toEqual({ path: join(inbox, 'f.bin'), bytes: content.length, hash: sha256 });
    expect(sending.bytesSent).toBe(content.length - start + 1);
    expect(files()).toEqual(['f.bin']);
  });

  test('may begin before the end of what is there, and break off themselves', async () => {
    await breakOff(700_000);
    const range = { start: 600_001 };
    const o = { start: 600_001, name: 'f.bin' };
    expect(inInbox('f.bin.part').length).toBeGreaterThan(range.start);
    const anew = await transfer({ range, messageId: 'anew' }, o);
    expect(anew).toMatchObject({ resumedFrom: 0, stored: { hash: sha256 } });
    rmSync(anew.stored.path);

    await breakOff(700_000);
    await breakOff(1_200_000, { range }, o);
    expect(partSize()).toBeGreaterThanOrEqual(1_200_000);
    // Not by somebody who knows nothing of what comes before them.
    expect(await transfer({ range })).toMatchObject({ resumedFrom: 0, stored: { bytes: content.length - 600_000 } });
    rmSync(join(inbox, 'f.bin'));
    const { stored, resumedFrom } = await transfer({ range }, o);
    expect(resumedFrom).toBeGreaterThanOrEqual(600_000);
    expect(stored).toEqual({ path: join(inbox, 'f.bin'), bytes: content.length, hash: sha256 });
  });

  test('are refused where there is nothing to put them behind', async () => {
    writeFileSync(join(inbox, 'f.bin.part'), Buffer.alloc(10));
    const range = { start: 6 };
    await expect(transfer({ range }, { start: 6 })).rejects.toMatchObject({
      code: 'MSRP_ERR_FILE',
      message: expect.stringContaining('there is no f.bin.part to go on with'),
    });
    rmSync(join(inbox, 'f.bin.part'));
    await breakOff(700_000);
    const start = 1_900_000;
    await expect(transfer({ range: { start } }, { start })).rejects.toThrow(/f\.bin\.part has only \d+ octets$/);
    expect(files()).toEqual(['f.bin.part', 'f.bin.part.json']);
  });
});
