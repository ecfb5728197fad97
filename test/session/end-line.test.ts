// The end-line of a chunk never occurs in its body, wherever the body is cut into pieces (D-SEND-5).

import { describe, expect, test } from 'vitest';
import { decodeChunks, type MSRPTransport, URI } from '../../index.ts';
import type { Outbox } from '../../net/index.ts';
import { defaultProfile } from '../../net/peer-profile.ts';
import { Outgoing } from '../../session/outgoing.ts';

const quantum = 16_384;
const idOf = (count: number): string => `tran${String(count).padStart(4, '0')}`;

/** What leaves, when transaction ids are given out in order. */
function octetsOf(body: Buffer, chunkSize: number): Buffer {
  let count = 0;
  const idents = { transactionId: () => idOf(count++), messageId: () => 'mmmm' };
  const transport = {
    settings: { idents, profile: defaultProfile },
    toPath: 'msrp://bob.example:2855/b;tcp',
    localUri: URI.parse('msrp://alice.example:2855/a;tcp'),
    want: () => {},
  };
  const out: Buffer[] = [];
  const outbox = { frame: (buffers: readonly Buffer[]) => void out.push(...buffers.map((each) => Buffer.from(each))) };
  const outgoing = new Outgoing(transport as unknown as MSRPTransport, { chunkSize }, () => {});
  outgoing.send(body, { failureReport: 'no' });
  while (outgoing.pull(outbox as unknown as Outbox) !== 'idle');
  return Buffer.concat(out);
}

function check(body: Buffer, chunkSize: number): number {
  const chunks = decodeChunks(octetsOf(body, chunkSize));
  expect(Buffer.concat(chunks.map(({ data }) => data)).equals(body)).toBe(true);
  expect(chunks.map(({ continuation }) => continuation).join('')).toMatch(/^\+*\$$/);
  return chunks.length;
}

/** Octets with what would end chunk `count` at `at`. */
function bodyWith(size: number, at: number, count: number, flag: string): Buffer {
  const body = Buffer.alloc(size, 'x');
  body.write(`\r\n-------${idOf(count)}${flag}\r\n`, at, 'latin1');
  return body;
}

describe.each(['$', '+', '#'])('a body with what would be its end-line, %s', (flag) => {
  test('in a chunk that leaves at once', () => {
    for (let at = 0; at < 100; at++) expect(check(bodyWith(120, at, 0, flag), 8192)).toBe(1);
  });

  test('across the pieces in which a long chunk leaves', () => {
    const near = (at: number): number[] => Array.from({ length: 40 }, (_, index) => at - 30 + index);
    for (const at of [...near(quantum), ...near(2 * quantum)]) {
      check(bodyWith(3 * quantum, at, 0, flag), Number.POSITIVE_INFINITY);
    }
    // What is in the first piece is avoided by another id, what is seen later by another chunk.
    expect(check(bodyWith(3 * quantum, 100, 0, flag), Number.POSITIVE_INFINITY)).toBe(1);
    expect(check(bodyWith(3 * quantum, quantum - 5, 0, flag), Number.POSITIVE_INFINITY)).toBe(2);
  });

  test('that would end the chunk which was to avoid it', () => {
    for (let at = 0; at < 60; at++) {
      const body = bodyWith(3 * quantum, quantum + at, 0, flag);
      for (let count = 1; count < 5; count++) {
        body.write(`\r\n-------${idOf(count)}${flag}\r\n`, quantum + at + 50 * count);
      }
      check(body, Number.POSITIVE_INFINITY);
    }
  });
});

test('what is no end-line does not cut a chunk', () => {
  const body = Buffer.alloc(3 * quantum, `\r\n-------${idOf(1)}\r\n-------`);
  expect(check(body, Number.POSITIVE_INFINITY)).toBe(1);
});
