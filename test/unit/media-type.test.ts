import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkParseError } from '../../codec/errors.ts';
import {
  acceptsMediaType,
  acceptsWrapped,
  isMediaType,
  type MediaType,
  parseAcceptTypes,
  parseMediaType,
} from '../../codec/media-type.ts';
import { faultOf } from '../support/fault.ts';

interface Vectors {
  vectors: {
    acceptTypes: string;
    acceptWrappedTypes: string | null;
    contentType: string;
    wrappedInside: string | null;
    allowed: boolean;
    why: string;
  }[];
  grammar: { value: string; entries: string[] }[];
}

const { vectors, grammar }: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/media-type-vectors.json', import.meta.url), 'utf8'),
);

describe('a media type', () => {
  test.each<[string, string, string, [string, string | undefined][]]>([
    ['text/plain', 'text', 'plain', []],
    ['TEXT/Plain', 'text', 'plain', []],
    ['message/cpim;x', 'message', 'cpim', [['x', undefined]]],
    ['text/plain;charset=UTF-8', 'text', 'plain', [['charset', 'UTF-8']]],
    ['text/plain; charset=utf-8', 'text', 'plain', [['charset', 'utf-8']]],
    [
      'text/plain \t;\t CharSet=utf-8 ;b=c',
      'text',
      'plain',
      [
        ['charset', 'utf-8'],
        ['b', 'c'],
      ],
    ],
    [
      'a/b;n="x; y=\\"z\\" \\\\";m="é\t"',
      'a',
      'b',
      [
        ['n', 'x; y="z" \\'],
        ['m', 'é\t'],
      ],
    ],
    [
      'a/b;n="";m',
      'a',
      'b',
      [
        ['n', ''],
        ['m', undefined],
      ],
    ],
    ['a/b;n=1;N=2', 'a', 'b', [['n', '1']]],
    ["!#$%&'*+-.^_`{|}~/*.*", "!#$%&'*+-.^_`{|}~", '*.*', []],
    ['**/a*', '**', 'a*', []],
  ])('%s is taken apart', (value, type, subtype, parameters) => {
    expect(isMediaType(value)).toBe(true);
    expect(parseMediaType(value)).toEqual<MediaType>({ type, subtype, parameters: new Map(parameters) });
  });

  test.each([
    '',
    'text',
    'text/',
    '/plain',
    'text//plain',
    'text/plain/x',
    '*',
    '*/*',
    'text/*',
    '*/plain',
    'text/*;q=1',
    'text/* ; q=1',
    ' text/plain',
    'text/plain ',
    'text /plain',
    'text/plain;',
    'text/plain;;a',
    'text/plain;=b',
    'text/plain;a=',
    'text/plain;a = b',
    'text/plain;a="b',
    'text/plain;a="b"c',
    'text/plain;a="b\\',
    'text/plain;a="b\\"',
    'text/plain;a="\\b"',
    'text/plain;a="\n"',
    'text/plain;a="\x7f"',
    'text/plain, text/html',
    'text/plain\n',
    'tëxt/plain',
  ])('%j is none', (value) => {
    expect(isMediaType(value)).toBe(false);
    const fault = faultOf(() => parseMediaType(value));
    expect(fault).toBeInstanceOf(ChunkParseError);
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_CONTENT_TYPE', action: 'respond', status: 400 });
    expect(fault.message).toContain(JSON.stringify(value));
  });
});

describe('accept-types', () => {
  test.each([
    ...grammar,
    { value: '', entries: [] },
    { value: '  ', entries: [] },
    { value: 'a/b  c/d ', entries: ['a/b', 'c/d'] },
    { value: 'a/b;x="\\" " c/d', entries: ['a/b;x="\\" "', 'c/d'] },
    { value: 'a/b;x="\\\\" c/d', entries: ['a/b;x="\\\\"', 'c/d'] },
    { value: 'a/b;x="c d\\', entries: ['a/b;x="c d\\'] },
  ])('$value has the entries $entries', ({ value, entries }) => {
    expect(parseAcceptTypes(value)).toEqual(entries);
  });

  test.each(vectors)(
    '$acceptTypes and $acceptWrappedTypes, $contentType in $wrappedInside: $allowed, $why',
    (vector) => {
      const accept = parseAcceptTypes(vector.acceptTypes);
      const wrapped = parseAcceptTypes(vector.acceptWrappedTypes ?? '');
      const { contentType, wrappedInside } = vector;
      const allowed =
        wrappedInside === null
          ? acceptsMediaType(accept, contentType)
          : acceptsWrapped(accept, wrapped, wrappedInside, contentType);
      expect(allowed).toBe(vector.allowed);
    },
  );

  test.each([
    ['TEXT/*', 'text/html', true],
    ['text/*', 'TEXT/HTML ;charset=x', true],
    ['text/plain ; x', 'text/plain', true],
    ['text/*', 'textual/plain', false],
    ['text/plain', 'text/plainer', false],
    ['text/plain', 'text/*', false],
    ['*/plain', 'text/plain', false],
    ['text', 'text/plain', false],
  ])('the entry %j for %j: %j', (entry, contentType, allowed) => {
    expect(acceptsMediaType([entry], contentType)).toBe(allowed);
  });

  test('an empty list accepts nothing', () => {
    expect(acceptsMediaType([], 'text/plain')).toBe(false);
    expect(acceptsWrapped(['message/cpim'], [], 'message/cpim', 'text/plain')).toBe(false);
  });
});

describe('laws of media types', () => {
  const token = fc.string({ unit: fc.constantFrom(..."aAzZ09!#$%&'+-.^_`{|}~"), minLength: 1, maxLength: 8 });
  const space = fc.constantFrom('', ' ', '\t', '  ');
  const content = fc.string({ unit: fc.constantFrom(...'a \t";=\\/,é€😀') });
  const value = fc.oneof(
    fc.constant(['', undefined] as const),
    token.map((text) => [`=${text}`, text] as const),
    content.map((text) => [`="${text.replaceAll(/["\\]/g, '\\$&')}"`, text] as const),
  );
  const parameters = fc.uniqueArray(fc.tuple(token, value, space, space), {
    selector: ([name]) => name.toLowerCase(),
    maxLength: 4,
  });

  test('what is written by the grammar is read back', () => {
    fc.assert(
      fc.property(token, token, parameters, (type, subtype, list) => {
        const tail = list.map(([name, [text], before, behind]) => `${before};${behind}${name}${text}`);
        const written = `${type}/${subtype}${tail.join('')}`;
        expect(parseMediaType(written)).toEqual({
          type: type.toLowerCase(),
          subtype: subtype.toLowerCase(),
          parameters: new Map(list.map(([name, [, text]]) => [name.toLowerCase(), text])),
        });
        expect(acceptsMediaType([`${type}/${subtype}`], written)).toBe(true);
        expect(acceptsMediaType([`${type}/*`], written)).toBe(true);
      }),
    );
  });

  test('entries joined with spaces are split again', () => {
    const entry = fc.tuple(token, content).map(([name, text]) => `a/${name};x="${text.replaceAll(/["\\]/g, '\\$&')}"`);
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        expect(parseAcceptTypes(entries.join(' '))).toEqual(entries);
      }),
    );
  });

  test('any text is a media type or a bad-content-type, and any list of types has entries', () => {
    const pieces = fc.array(fc.constantFrom('a', '/', ';', '=', '"', '\\', '*', ' ', '\t', '\n', 'é'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          pieces.map((parts) => `a/b${parts.join('')}`),
        ),
        (text) => {
          expect(parseAcceptTypes(text).join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
          if (isMediaType(text)) expect(parseMediaType(text).type).not.toBe('*');
          else expect(faultOf(() => parseMediaType(text)).code).toBe('MSRP_ERR_BAD_CONTENT_TYPE');
        },
      ),
    );
  });

  test.each(['a', ';', ';a', ';a=b', ' ', '\t', '"', '\\"', '\\', '\\\\', ';a="', ';a="b"', '/', '*'])(
    'a mebibyte of %j is read or refused in linear time',
    (piece) => {
      const long = piece.repeat(2 ** 20 / piece.length);
      for (const text of [
        long,
        `a/${long}`,
        `a/b${long}`,
        `a/b;c="${long}`,
        `a/b;c="${long}"`,
        `a/b ${long}\n`,
        `a/b;c=${long}\n`,
      ]) {
        isMediaType(text);
        parseAcceptTypes(text);
        acceptsMediaType([text], text);
      }
    },
  );
});
