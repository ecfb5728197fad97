import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkAuthorization,
  type DigestParameter,
  formatAuthenticationInfo,
  formatDigestHeader,
  parseAuthenticationInfo,
  parseDigestHeader,
} from '../../codec/digest-header.ts';
import { ChunkParseError } from '../../codec/errors.ts';
import { faultOf } from '../support/fault.ts';

const folder = new URL('../vectors/', import.meta.url);

const { vectors }: { vectors: Record<string, string>[] } = JSON.parse(
  readFileSync(new URL('digest-vectors.json', folder), 'utf8'),
);

const quotedNames = new Set(['username', 'realm', 'nonce', 'uri', 'response', 'cnonce', 'rspauth']);

/** Every digest header of the octet vectors that are good. */
const headers = readdirSync(folder)
  .filter((name) => /(?<!\.bad)\.msrp$/.test(name))
  .flatMap((name) => readFileSync(new URL(name, folder), 'latin1').split('\r\n'))
  .map((line) => /^(WWW-Authenticate|Authorization|Authentication-Info): (.*)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ name: match[1]!, value: match[2]! }]));

function parameter(name: string, value: string): DigestParameter {
  return [name, value, quotedNames.has(name)];
}

describe('the digest vectors', () => {
  test.each(vectors)('the Authorization of $username for $uri with $algorithm is written and read', (vector) => {
    const names = ['username', 'realm', 'nonce', 'uri', 'response', 'qop', 'cnonce', 'nc', 'algorithm'];
    const value = formatDigestHeader(
      'Digest',
      names.map((name) => parameter(name, vector[name]!)),
    );
    const header = checkAuthorization(value);
    expect(header.scheme).toBe('digest');
    expect([...header.parameters]).toEqual(names.map((name) => [name, vector[name]]));
  });

  test.each(vectors)('the Authentication-Info with $rspauth is written and read', (vector) => {
    const names = ['rspauth', 'cnonce', 'nc', 'qop'];
    const value = formatAuthenticationInfo(names.map((name) => parameter(name, vector[name]!)));
    expect([...parseAuthenticationInfo(value)]).toEqual(names.map((name) => [name, vector[name]]));
  });

  test('there are headers of each kind in the octet vectors', () => {
    expect(new Set(headers.map(({ name }) => name)).size).toBe(3);
  });

  test.each(headers)('$name: $value is accepted', ({ name, value }) => {
    if (name === 'Authentication-Info') expect(parseAuthenticationInfo(value).size).toBeGreaterThan(3);
    else if (name === 'Authorization') checkAuthorization(value);
    else expect(parseDigestHeader(value).parameters.get('qop')).toBe('auth');
  });
});

describe('parsing', () => {
  test.each<[string, Record<string, string>]>([
    ['Digest a=b', { a: 'b' }],
    ['DIGEST Realm="R"', { realm: 'R' }],
    ['Digest a=b,c="d"', { a: 'b', c: 'd' }],
    ['Digest a=b \t, \tc="d"', { a: 'b', c: 'd' }],
    ['Digest a="x, y=\\"z\\" \\\\",b=""', { a: 'x, y="z" \\', b: '' }],
    ['Digest qop="auth,auth-int", stale=TRUE', { qop: 'auth,auth-int', stale: 'TRUE' }],
    ['Digest qop=auth, nc="00000001", algorithm="SHA-256"', { qop: 'auth', nc: '00000001', algorithm: 'SHA-256' }],
    ['Digest realm="é€😀"', { realm: 'é€😀' }],
  ])('%s has its parameters', (value, parameters) => {
    const header = parseDigestHeader(value);
    expect(header.scheme).toBe('digest');
    expect(Object.fromEntries(header.parameters)).toEqual(parameters);
    expect(Object.fromEntries(parseAuthenticationInfo(value.slice('Digest '.length)))).toEqual(parameters);
  });

  test.each([
    ' a=b',
    '',
    'a',
    'a=',
    '=b',
    'a =b',
    'a= b',
    'a=b ',
    'a=b,',
    ',a=b',
    'a=b,,c=d',
    'a=b, ,c=d',
    'a=b;c=d',
    'a=b c=d',
    'a="b"c=d',
    'a="b',
    'a="b\\"',
    'a="\\b"',
    'a="\n"',
    'a=b\n',
    'a=b=c',
    'a=b, A=c',
  ])('the list %j is refused', (list) => {
    for (const parse of [() => parseDigestHeader(`Digest ${list}`), () => parseAuthenticationInfo(list)]) {
      const fault = faultOf(parse);
      expect(fault).toBeInstanceOf(ChunkParseError);
      expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_AUTHORIZATION', action: 'respond', status: 400 });
    }
  });

  test.each(['', ' ', 'Digest', 'Digest\ta=b', 'Dig"est a=b', ' Digest a=b'])(
    '%j has no scheme or no list',
    (value) => {
      expect(faultOf(() => parseDigestHeader(value)).code).toBe('MSRP_ERR_BAD_AUTHORIZATION');
    },
  );

  test('the rest of another scheme is not looked at', () => {
    for (const value of ['Basic YWxpY2U6c2VjcmV0==', 'Negotiate', 'Bearer a,,b']) {
      const { scheme, parameters } = checkAuthorization(value);
      expect(scheme).toBe(value.split(' ')[0]!.toLowerCase());
      expect(parameters.size).toBe(0);
    }
  });
});

describe('an Authorization', () => {
  const good: Record<string, string> = {
    username: '"alice"',
    realm: '"r"',
    nonce: '"n"',
    response: `"${'0123456789abcdef'.repeat(2)}"`,
    cnonce: '"c"',
    qop: 'auth',
    nc: '0000000a',
  };
  const write = (fields: Record<string, string>): string =>
    `Digest ${Object.entries(fields)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ')}`;

  test('is complete with seven parameters, in any order and with others', () => {
    checkAuthorization(write(good));
    checkAuthorization(write(Object.fromEntries(Object.entries({ ...good, uri: '"u"', x: 'y' }).toReversed())));
  });

  test.each(Object.keys(good))('without %s is malformed', (name) => {
    const { [name]: _, ...rest } = good;
    const fault = faultOf(() => checkAuthorization(write(rest)));
    expect(fault).toMatchObject({ kind: 'bad-authorization', action: 'respond', status: 400 });
    expect(fault.message).toContain(name);
  });

  test.each([
    ['response', `"${'0'.repeat(64)}"`, true],
    ['response', '0'.repeat(32), true],
    ['response', `"${'0'.repeat(31)}"`, false],
    ['response', `"${'0'.repeat(33)}"`, false],
    ['response', `"${'0'.repeat(63)}"`, false],
    ['response', `"${'A'.repeat(32)}"`, false],
    ['response', `"${'g'.repeat(32)}"`, false],
    ['nc', '"00000001"', true],
    ['nc', '0000000A', false],
    ['nc', '0000001', false],
    ['nc', '000000001', false],
    ['qop', '"auth"', true],
    ['qop', 'auth-int', true],
    ['qop', '""', false],
    ['qop', '"auth,auth-int"', false],
    ['username', '""', true],
  ])('with %s=%s is well-formed: %j', (name, value, wellFormed) => {
    const text = write({ ...good, [name]: value });
    if (wellFormed) expect(checkAuthorization(text).parameters.size).toBe(7);
    else expect(faultOf(() => checkAuthorization(text)).code).toBe('MSRP_ERR_BAD_AUTHORIZATION');
  });

  test('keeps its values out of the error message', () => {
    const secret = 'f00d'.repeat(9);
    for (const text of [write({ ...good, response: secret }), write({ ...good, response: `"${secret}`, x: secret })]) {
      expect(faultOf(() => checkAuthorization(text)).message).not.toContain(secret);
    }
  });
});

describe('writing', () => {
  test('quotes and escapes what is to be quoted, and joins with comma and space', () => {
    const value = formatDigestHeader('Digest', [
      ['username', 'a "b" \\ é', true],
      ['qop', 'auth', false],
    ]);
    expect(value).toBe('Digest username="a \\"b\\" \\\\ é", qop=auth');
  });

  test.each<[string, string, DigestParameter]>([
    ['a line end in a value', 'Digest', ['realm', 'a\r\nX: y', true]],
    ['half of a surrogate pair', 'Digest', ['realm', '\ud800', true]],
    ['a value that needs quotes', 'Digest', ['nonce', 'a b', false]],
    ['an empty value without quotes', 'Digest', ['nonce', '', false]],
    ['a name that is no token', 'Digest', ['a b', 'c', true]],
    ['a scheme that is no token', 'Di gest', ['a', 'b', false]],
  ])('refuses %s', (_, scheme, one) => {
    expect(faultOf(() => formatDigestHeader(scheme, [one])).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('laws of digest headers', () => {
  const token = fc.string({ unit: fc.constantFrom(..."aAzZ09!#$%&'*+-.^_`{|}~"), minLength: 1, maxLength: 8 });
  const content = fc.string({ unit: fc.constantFrom(...'a \t",=\\/é€😀') });
  const one = fc.oneof(fc.tuple(token, token, fc.boolean()), fc.tuple(token, content, fc.constant(true)));
  const list = fc.uniqueArray(one, { selector: ([name]) => name.toLowerCase(), minLength: 1, maxLength: 8 });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(list, (parameters) => {
        const expected = parameters.map(([name, value]) => [name.toLowerCase(), value]);
        expect([...parseDigestHeader(formatDigestHeader('digest', parameters)).parameters]).toEqual(expected);
        expect([...parseAuthenticationInfo(formatAuthenticationInfo(parameters))]).toEqual(expected);
      }),
    );
  });

  test('any text is parameters or a bad-authorization', () => {
    const pieces = fc.array(fc.constantFrom('Digest', 'a', '=', ',', ' ', '"', '\\', '\t', '\n', 'é', 'a=b', 'c="d"'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          pieces.map((parts) => `Digest ${parts.join('')}`),
        ),
        (text) => {
          for (const parse of [parseDigestHeader, parseAuthenticationInfo, checkAuthorization]) {
            try {
              parse(text);
            } catch (error) {
              if (!(error instanceof ChunkParseError)) throw error;
              expect(error.kind).toBe('bad-authorization');
            }
          }
        },
      ),
    );
  });

  test.each(['a', '=', 'a=', ',', ' ', '"', '\\', '\\"', 'a=b,', 'a="b",', 'a=" '])(
    'a mebibyte of %j is refused in linear time',
    (piece) => {
      const long = piece.repeat(2 ** 20 / piece.length);
      for (const text of [long, `a=${long}!"`, `a="${long}`, `a=b${long}x`, `a=b ${long}`]) {
        expect(faultOf(() => parseDigestHeader(`Digest ${text},`)).message.length).toBeLessThan(100);
        expect(faultOf(() => parseDigestHeader(`Digest ${text};`)).message.length).toBeLessThan(100);
      }
    },
  );
});
