import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks, MSRPError } from '../../../codec/index.ts';
import {
  type BodyPart,
  type BodyPartInit,
  chooseAlternative,
  encodeMultipart,
  type MultipartOptions,
  parseMultipart,
} from '../../../session/index.ts';
import { SeededRandom } from '../../simulation/seeded-random.ts';
import { faultOf } from '../../support/fault.ts';
import { octetsOf } from '../../support/vectors.ts';

const mixed = 'multipart/mixed;boundary=b';

function partsOf(body: string, options?: MultipartOptions): [string, string][] {
  return textsOf(parseMultipart(mixed, Buffer.from(body), options));
}

function textsOf(parts: readonly BodyPart[]): [string, string][] {
  return parts.map(({ contentType, content }) => [contentType, content.toString()]);
}

describe('reading a multipart', () => {
  test('finds the parts of the vector, as views', () => {
    const [chunk] = decodeChunks(octetsOf('multipart-alternative.msrp'));
    const parts = parseMultipart(chunk!.contentType!, chunk!.data);
    expect(textsOf(parts)).toEqual([
      ['text/plain', 'plain'],
      ['text/html', '<b>html</b>'],
    ]);
    for (const { content } of parts) expect(content.buffer).toBe(chunk!.data.buffer);
  });

  const a: [string, string] = ['text/plain', 'a'];
  test.each<[string, string, [string, string][]]>([
    ['no header fields', '--b\r\n\r\na\r\n--b--', [a]],
    ['header fields and nothing else', '--b\r\nContent-Type: x/y\r\n--b--', [['x/y', '']]],
    ['header fields and an empty content', '--b\r\nContent-Type: x/y\r\n\r\n\r\n--b--', [['x/y', '']]],
    ['nothing at all', '--b\r\n\r\n--b--', [['text/plain', '']]],
    ['nothing, not even a line end of its own', '--b\r\n--b--', [['text/plain', '']]],
    ['a preamble and an epilogue', 'x\r\n--b\r\n\r\na\r\n--b--\r\ny\r\n--b\r\nz', [a]],
    ['white space behind the boundaries', '--b \t\r\n\r\na\r\n--b-- \r\n', [a]],
    ['a folded field', '--b\r\nContent-Type: x/y;\r\n z=1\r\n\r\na\r\n--b--', [['x/y; z=1', 'a']]],
    [
      'boundaries that go on',
      '--b\r\n\r\n--bc\r\n--b-c\r\n--b--c\r\n--b--',
      [['text/plain', '--bc\r\n--b-c\r\n--b--c']],
    ],
    ['a boundary that begins no line', '--b\r\n\r\na--b\r\n\n--b\r\n--b--', [['text/plain', 'a--b\r\n\n--b']]],
    ['line ends of its own', '--b\r\n\r\n\r\na\r\n\r\n--b--', [['text/plain', '\r\na\r\n']]],
    [
      'a multipart in it',
      '--b\r\nContent-Type: multipart/mixed;boundary=bb\r\n\r\n--bb\r\n\r\na\r\n--bb--\r\n\r\n--b--',
      [['multipart/mixed;boundary=bb', '--bb\r\n\r\na\r\n--bb--\r\n']],
    ],
  ])('with %s', (_, body, parts) => {
    expect(partsOf(body)).toEqual(parts);
  });

  test.each<[string, string, [string, string][]]>([
    ['bare LF', '--b\n\na\n--b\nContent-Type: x/y\n\nc\r\n--b--\n', [a, ['x/y', 'c']]],
    ['no closing boundary', '--b\r\n\r\na', [a]],
    ['a closing boundary without its hyphens', '--b\r\n\r\na\r\n--b', [a]],
  ])('tolerantly, with %s', (_, body, parts) => {
    expect(faultOf(() => partsOf(body)).code).toBe('MSRP_ERR_BAD_PAYLOAD');
    expect(partsOf(body, { tolerant: true })).toEqual(parts);
  });

  test.each<[string, string, string]>([
    [mixed, '', 'does not occur'],
    [mixed, '--b', 'does not occur'],
    [mixed, '--B\r\n\r\n--B--', 'does not occur'],
    [mixed, '--b--', 'at least one part'],
    [mixed, '--b\r\n\r\na', 'closing boundary'],
    [mixed, '--b\r\na\r\n\r\n--b--', 'no MIME header field'],
    ['multipart/mixed', '', '1 to 70'],
    ['multipart/mixed;boundary=""', '', '1 to 70'],
    [`multipart/mixed;boundary=${'b'.repeat(71)}`, '', '1 to 70'],
    ['text/plain;boundary=b', '', 'no multipart'],
  ])('of type %j with %j is refused: %s', (contentType, body, reason) => {
    const fault = faultOf(() => parseMultipart(contentType, Buffer.from(body)));
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD', scope: 'message', status: 400 });
    expect(fault.message).toMatch(reason);
  });

  test('of what is no media type is refused', () => {
    expect(faultOf(() => parseMultipart('multipart', Buffer.alloc(0))).code).toBe('MSRP_ERR_BAD_CONTENT_TYPE');
  });

  test('may have the parts of the limit and no more, 64 by default', () => {
    const body = (count: number): string => `${'--b\r\n\r\na\r\n'.repeat(count)}--b--`;
    expect(partsOf(body(2), { maxParts: 2 }).length).toBe(2);
    expect(faultOf(() => partsOf(body(3), { maxParts: 2 })).message).toMatch('at most 2');
    expect(partsOf(body(64)).length).toBe(64);
    expect(faultOf(() => partsOf(body(65))).code).toBe('MSRP_ERR_BAD_PAYLOAD');
  });

  test('may have header fields of the limit and no more', () => {
    const body = '--b\r\nA: b\r\n\r\na\r\n--b--';
    expect(partsOf(body, { headBytes: 8 })).toEqual([a]);
    expect(faultOf(() => partsOf(body, { headBytes: 7 })).message).toMatch('too large');
  });
});

describe('of the alternatives', () => {
  const alternatives = ['text/plain;charset=utf-8', 'text/html', 'image/png'].map((contentType) => ({ contentType }));

  test.each([
    [['*'], 'image/png'],
    [['text/*'], 'text/html'],
    [['text/plain', 'application/x'], 'text/plain;charset=utf-8'],
    [['image/png', 'text/plain'], 'image/png'],
    [['video/*'], undefined],
    [[], undefined],
  ])('%j takes %s', (acceptTypes, contentType) => {
    expect(chooseAlternative(alternatives, acceptTypes)?.contentType).toBe(contentType);
  });
});

describe('writing a multipart', () => {
  test('names types and fields, and copies no content', () => {
    const content = Buffer.from([0, 255]);
    const parts: BodyPartInit[] = [
      { content: 'a' },
      { content, headers: [['Content-Disposition', 'attachment']] },
      { content: '', contentType: 'x/y' },
    ];
    const { contentType, pieces } = encodeMultipart('alternative', parts, { random: new SeededRandom(1) });
    expect(pieces).toContain(content);
    const [type, boundary] = contentType.split(';boundary=');
    expect(type).toBe('multipart/alternative');
    const expected = [
      `--${boundary}`,
      'Content-Type: text/plain;charset=utf-8',
      '',
      'a',
      `--${boundary}`,
      'Content-Type: application/octet-stream',
      'Content-Disposition: attachment',
      '',
      '\0ÿ',
      `--${boundary}`,
      'Content-Type: x/y',
      '',
      '',
      `--${boundary}--`,
      '',
    ];
    expect(Buffer.concat(pieces).toString('latin1')).toBe(expected.join('\r\n'));
  });

  test('takes another boundary when the first occurs in a part', () => {
    const zeros = '0'.repeat(32);
    let draws = 0;
    const random = { fill: (bytes: Uint8Array) => void bytes.fill(draws++) };
    const { contentType } = encodeMultipart('mixed', [{ content: `a${zeros}` }], { random });
    expect(contentType).toBe(`multipart/mixed;boundary=${'01'.repeat(16)}`);
  });

  test.each<[string, BodyPartInit[]]>([
    ['no parts', []],
    ['a type that ends its line', [{ content: '', contentType: 'a/b\r\nX: y' }]],
    ['a field that ends its line', [{ content: '', headers: [['X', 'y\r\n']] }]],
  ])('refuses %s', (_, parts) => {
    expect(faultOf(() => encodeMultipart('mixed', parts)).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('laws of multiparts', () => {
  const content = fc.oneof(
    fc.uint8Array().map((octets) => Buffer.from(octets)),
    fc.array(fc.constantFrom('\r\n', '--', 'b', '\n', ' ', 'a')).map((pieces) => Buffer.from(pieces.join(''))),
  );
  const part = fc.record({ contentType: fc.constantFrom('a/b', 'text/plain'), content });

  test('what is written is read back, also tolerantly', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 10 }), fc.boolean(), (parts, tolerant) => {
        const { contentType, pieces } = encodeMultipart('mixed', parts);
        const found = parseMultipart(contentType, Buffer.concat(pieces), { tolerant });
        expect(found.map(({ contentType: type, content: octets }) => [type, octets.toString('hex')])).toEqual(
          parts.map(({ contentType: type, content: octets }) => [type, octets.toString('hex')]),
        );
      }),
    );
  });

  test('any octets have parts or are refused with a code', () => {
    const piece = fc.constantFrom('--b', '--', '\r\n', '\n', ' ', '\t', 'A: b', 'x', '\r\n--b\r\n', '\r\n--b--');
    const likely = fc.array(piece).map((pieces) => Buffer.from(pieces.join('')));
    fc.assert(
      fc.property(
        fc.oneof(likely, fc.uint8Array()),
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        (octets, type, tolerant) => {
          for (const contentType of [mixed, `multipart/mixed;boundary="${type}"`, type]) {
            try {
              const parts = parseMultipart(contentType, octets, { tolerant });
              const size = parts.reduce((sum, { content: { length } }) => sum + length, 0);
              expect(size).toBeLessThan(octets.length);
            } catch (error) {
              expect(error).toBeInstanceOf(MSRPError);
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each(['--b', '\r\n--b', '\r\n--b ', '\r\n--b-', '\n--b', ' ', '\r\n'])(
    'a mebibyte of %j is read or refused in linear time',
    (text) => {
      const long = text.repeat(2 ** 20 / text.length);
      for (const body of [long, `--b\r\n${long}`, `--b\r\n\r\n${long}\r\n--b--`, `--b\r\n\r\n\r\n--b${long}`]) {
        for (const tolerant of [false, true]) {
          try {
            partsOf(body, { tolerant });
          } catch (error) {
            expect(error).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD' });
          }
        }
      }
    },
  );
});
