import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkParseError, MSRPError } from '../../codec/errors.ts';
import { parsePath, URI } from '../../codec/uri.ts';

function fieldsOf(uri: URI): object {
  return { ...uri, parameters: Object.entries(uri.parameters) };
}

describe('laws of URIs', () => {
  const textOf = (others: string): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom(...'aAbBzZ09', ...others), minLength: 1, maxLength: 12 });
  const token = textOf("!#$%&'*+-.^_`{|}~");
  const host = fc.oneof(
    textOf("-._~!$&'()*+,="),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((address) => `[${address}]`),
  );
  const init = fc.record(
    {
      host,
      useTLS: fc.boolean(),
      user: fc.string({ unit: 'binary', maxLength: 12 }).map((user) => user.replaceAll(/[:\p{Cc}]/gu, '')),
      port: fc.integer({ min: 1, max: 65_535 }),
      sessionId: textOf('-._~+=/'),
      transport: textOf(''),
      parameters: fc.dictionary(token, fc.option(token, { nil: undefined })),
    },
    { requiredKeys: ['host', 'port'] },
  );

  /** Few values for each part, so that equal URIs come often, in other spellings. */
  const spelled = fc
    .tuple(
      fc.constantFrom('msrp', 'MSRP', 'msrps'),
      fc.constantFrom('', 'u@', 'v%40@'),
      fc.constantFrom('h', 'H', '%68', 'h.', '192.0.2.7', '[::1]', '[0::0.0.0.1]', '[::2]'),
      fc.constantFrom('1', '01', '2'),
      fc.constantFrom('', '/a', '/A', '//a'),
      fc.constantFrom('tcp', 'TCP', 'ws'),
      fc.constantFrom('', ';p', ';p=1'),
    )
    .map(
      ([scheme, user, name, port, id, transport, rest]) =>
        `${scheme}://${user}${name}:${port}${id};${transport}${rest}`,
    );

  test('what is constructed prints a text that parses to the same URI', () => {
    fc.assert(
      fc.property(init, (fields) => {
        const uri = new URI(fields);
        const parsed = URI.parse(uri.toString());
        expect(fieldsOf(parsed)).toEqual(fieldsOf(uri));
        expect(parsed.equals(uri)).toBe(true);
        expect(parsed.key).toBe(uri.key);
        expect(parsed.toString()).toBe(uri.toString());
        expect(new URI({ ...uri }).equals(uri)).toBe(true);
        expect(URI.parse(uri.key).equals(uri)).toBe(true);
      }),
    );
  });

  test('equals is an equivalence and agrees with the key', () => {
    fc.assert(
      fc.property(spelled, spelled, spelled, (...texts) => {
        const [a, b, c] = texts.map((uri) => URI.parse(uri)) as [URI, URI, URI];
        expect(a.equals(a)).toBe(true);
        expect(a.equals(b)).toBe(b.equals(a));
        expect(a.equals(b)).toBe(a.key === b.key);
        if (a.equals(b)) expect(a.equals(c)).toBe(b.equals(c));
      }),
    );
  });

  test('any text gives a URI that prints it, or an MSRPError', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'msrp',
        'msrps',
        '://',
        'h',
        '.',
        '1',
        ':',
        '/',
        ';',
        'tcp',
        '@',
        '[',
        ']',
        '::1',
        '%',
        '%41',
        '=',
        ' ',
        '\0',
        'é',
      ),
    );
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      pieces.map((parts) => parts.join('')),
      fc.tuple(pieces, pieces).map(([one, two]) => `msrp://${one.join('')};${two.join('')}`),
      fc
        .tuple(spelled, fc.nat(60), fc.nat(3), fc.string({ unit: 'binary', maxLength: 2 }))
        .map(([uri, at, gone, more]) => uri.slice(0, at) + more + uri.slice(at + gone)),
    );
    fc.assert(
      fc.property(anything, (input) => {
        try {
          expect(URI.parse(input).toString()).toBe(input);
        } catch (error) {
          if (!(error instanceof ChunkParseError)) throw error;
          expect(error.kind).toBe('bad-uri');
        }
      }),
    );
  });

  test.each(['a', '%', '%41', '%4', ':', '/', ';', ';a', ';a=b', '@', '[', '0', '.', ' ', '\t', '\ud83d'])(
    'a mebibyte of %j in any place is parsed or refused in linear time',
    (piece) => {
      const long = piece.repeat(2 ** 20 / piece.length);
      const texts = [
        long,
        `msrp://${long}`,
        `msrp://${long}@h:1/a;tcp`,
        `msrp://${long}!`,
        `msrp://${long}"@h:1/a;tcp`,
        `msrp://h${long}":1/a;tcp`,
        `msrp://h:1/${long}";tcp`,
        `msrp://h:1/a;${long}"`,
        `msrp://h:1/a;tcp;p=${long}"`,
        `msrp://h${long}:1/a;tcp`,
        `msrp://[${long}]:1/a;tcp`,
        `msrp://h:${long}/a;tcp`,
        `msrp://h:${long}1/a;tcp`,
        `msrp://h:1/${long};tcp`,
        `msrp://h:1/${long}`,
        `msrp://h:1/a;${long}`,
        `msrp://h:1/a;tcp${long}`,
        `msrp://h:1/a;tcp${long}!=`,
      ];
      for (const text of texts) {
        for (const parse of [URI.parse, parsePath, (path: string) => parsePath(path, {}, true)]) {
          try {
            parse(text);
          } catch (error) {
            if (!(error instanceof MSRPError)) throw error;
          }
        }
      }
    },
  );
});
