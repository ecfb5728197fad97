// Heads that are recognised by their form (codec/head-forms.ts) are what parsing them gives: whatever comes in between, wherever it is cut.
// With a short limit of a line nothing is recognised, and all is parsed.

import fc from 'fast-check';
import { describe as group, expect, test } from 'vitest';
import { byteByByte, cut, decode, describe } from '../support/frames.ts';
import { places } from '../support/arbitrary.ts';

/** Less than twice the longest form. */
const parsed = { limits: { lineBytes: 4096 } };

const alphanumeric = [...'abcXYZ0189'];
const id = fc.string({ unit: fc.constantFrom(...alphanumeric), minLength: 4, maxLength: 32 });
/** Few, so that they come again; of any length that a remembered one may have. */
const messageId = fc.oneof(fc.constantFrom('mmmm', 'mmmmm', 'mmmn', 'mmmm.', 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'), id);

const position = fc.oneof(fc.nat(20), fc.nat(100_000), fc.constantFrom(999_999_999_999_999, Number.MAX_SAFE_INTEGER));
const range = fc
  .tuple(position, fc.option(position), fc.option(position), fc.constantFrom('', '0', ' '))
  .map(([start, end, total, before]) => `${before}${start}-${end ?? '*'}/${total ?? '*'}`);
const goodRange = fc.nat(1000).map((start) => `${start + 1}-*/${start + 5000}`);

interface Session {
  readonly to: string;
  readonly from: string;
  readonly fields: string;
}

const anySession: fc.Arbitrary<Session> = fc
  .record({ to: fc.nat(3), from: fc.nat(3), fields: fc.constantFrom('', 'Success-Report: yes\r\n', 'X-Long: ä\r\n') })
  .map(({ to, from, fields }) => ({
    to: `msrp://y.example.com:2855/session${to};tcp`,
    from: `msrp://x.example.com:2855/session${from};tcp`,
    fields,
  }));

const frame = fc
  .record({
    session: anySession,
    id,
    messageId,
    range: fc.oneof({ weight: 4, arbitrary: goodRange }, { weight: 1, arbitrary: range }),
    kind: fc.constantFrom('SEND', 'SEND', 'SEND', 'empty SEND', 'response', 'REPORT', 'AUTH', 'broken'),
    body: fc.string({ unit: fc.constantFrom('x', '-', '\r\n', 'MSRP '), maxLength: 20 }),
    flag: fc.constantFrom('$', '+', '#', '$', '?'),
    code: fc.constantFrom(200, 413),
  })
  .map(({ session: { to, from, fields }, id: tid, messageId: mid, range: byteRange, kind, body, flag, code }) => {
    const paths = `To-Path: ${to}\r\nFrom-Path: ${from}\r\n`;
    const blanks = `Message-ID: ${mid}\r\nByte-Range: ${byteRange}\r\n`;
    const end = `-------${tid}${flag}\r\n`;
    if (kind === 'SEND') {
      return `MSRP ${tid} SEND\r\n${paths}${blanks}${fields}Content-Type: text/plain\r\n\r\n${body}\r\n${end}`;
    }
    if (kind === 'empty SEND') return `MSRP ${tid} SEND\r\n${paths}${blanks}${end}`;
    if (kind === 'response') return `MSRP ${tid} ${code} OK\r\n${paths}${end}`;
    if (kind === 'REPORT') return `MSRP ${tid} REPORT\r\n${paths}${blanks}Status: 000 ${code} OK\r\n${end}`;
    if (kind === 'AUTH') return `MSRP ${tid} AUTH\r\n${paths}${end}`;
    return `MSRP ${tid} SEND\r\n${paths}Message-ID: ${mid.slice(0, 3)}\r\nByte-Range: ${byteRange}\r\n${end}`;
  });

group('heads that are recognised', () => {
  for (const tolerant of [false, true]) {
    test(`are what parsing gives, ${tolerant ? 'tolerant' : 'strict'}`, () => {
      const stream = fc.array(frame, { minLength: 1, maxLength: 40 }).chain((frames) => {
        const input = Buffer.from(frames.join(''));
        return fc.tuple(fc.constant(input), places(input.length));
      });
      fc.assert(
        fc.property(stream, ([input, at]) => {
          const slow = describe(decode([input], { ...parsed, tolerant }));
          expect(describe(decode([input], { tolerant }))).toBe(slow);
          expect(describe(decode(cut(input, at), { tolerant }))).toBe(slow);
        }),
        { numRuns: 300 },
      );
    });
  }

  test('of 300 sessions in turn, more than are kept, in requests and responses', () => {
    const frames: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 300; index++) {
        const paths = `To-Path: msrp://y.example.com:2855/session${index};tcp\r\nFrom-Path: msrp://x.example.com/s;tcp\r\n`;
        const tid = `tran${round}${index}`;
        frames.push(
          `MSRP ${tid} SEND\r\n${paths}Message-ID: m${index % 7}mm\r\nByte-Range: 1-3/3\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------${tid}$\r\n`,
          `MSRP ${tid} 200 OK\r\n${paths}-------${tid}$\r\n`,
        );
      }
    }
    const input = Buffer.from(frames.join(''));
    const slow = decode([input], parsed);
    expect(slow.frames.length).toBe(1800);
    expect(describe(decode([input]))).toBe(describe(slow));
  });

  test('may be cut at every octet, and come octet by octet', () => {
    const one = (tid: string, session: string, mid: string, byteRange: string): string =>
      `MSRP ${tid} SEND\r\nTo-Path: msrp://y.example.com:2855/${session};tcp\r\nFrom-Path: msrp://x.example.com:2855/aaaa;tcp\r\nMessage-ID: ${mid}\r\nByte-Range: ${byteRange}\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------${tid}+\r\n`;
    const input = Buffer.from(
      one('tran0', 'one', 'mmmm', '1-3/*') +
        one('tran1', 'one', 'mmmm', '4-6/*') +
        one('tran2', 'two', 'mmmm', '1-3/9') +
        one('tran3', 'one', 'mmmm', '7-9/*') +
        one('tran4', 'two', 'mmmmm', '1-*/9') +
        one('tran5', 'two', 'mmmm', '1-*/9'),
    );
    const slow = describe(decode([input], parsed));
    for (let at = 0; at <= input.length; at++) expect(describe(decode(cut(input, [at])))).toBe(slow);
    expect(describe(decode(byteByByte(input)))).toBe(slow);
  });

  test('share the paths, and the Message-ID while it comes again', () => {
    const one = (tid: string, mid: string): string =>
      `MSRP ${tid} SEND\r\nTo-Path: msrp://y.example.com:2855/one;tcp\r\nFrom-Path: msrp://x.example.com:2855/aaaa;tcp\r\nMessage-ID: ${mid}\r\nByte-Range: 1-3/3\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------${tid}$\r\n`;
    const ids = ['mmmm', 'mmmm', 'mmmm', 'mmmm.', 'mmm1', 'mmmm', 'mmmm', 'mmmmmmmm', 'mmmm'];
    const { frames } = decode([Buffer.from(ids.map((mid, index) => one(`tran${index}`, mid)).join(''))]);
    expect(frames.map(({ head }) => head.messageId)).toEqual(ids);
    expect(new Set(frames.map(({ head }) => head.toPath)).size).toBe(1);
  });
});
