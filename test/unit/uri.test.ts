import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ChunkParseError } from '../../codec/errors.ts';
import { defaultLimits } from '../../codec/limits.ts';
import { formatPath, parsePath, URI, type URIInit } from '../../codec/uri.ts';
import { faultOf } from '../support/fault.ts';

interface Vectors {
  valid: {
    uri: string;
    scheme: string;
    userinfo: string | null;
    host: string;
    port: number | null;
    sessionId: string | null;
    transport: string;
    parameters: [string, string | null][];
  }[];
  invalid: { uri: string; reason: string }[];
  compare: { a: string; b: string; equal: boolean; why: string }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/uri-vectors.json', import.meta.url), 'utf8'));

function fieldsOf(uri: URI): object {
  return { ...uri, parameters: Object.entries(uri.parameters) };
}

describe('parsing', () => {
  test.each(vectors.valid)('$uri gives its parts and prints as it came', (vector) => {
    const uri = URI.parse(vector.uri);
    expect(fieldsOf(uri)).toEqual({
      host: vector.host,
      useTLS: vector.scheme === 'msrps',
      user: vector.userinfo ?? undefined,
      port: vector.port ?? undefined,
      sessionId: vector.sessionId ?? undefined,
      transport: vector.transport,
      parameters: vector.parameters.map(([name, value]) => [name, value ?? undefined]),
    });
    expect(uri.toString()).toBe(vector.uri);
    expect(`${uri}`).toBe(vector.uri);
  });

  test.each([
    ...vectors.invalid,
    { uri: '', reason: 'empty' },
    { uri: 'msrp', reason: 'scheme only' },
    { uri: '://h:1/a;tcp', reason: 'empty scheme' },
    { uri: 'msrpx://h:1/a;tcp', reason: 'longer scheme' },
    { uri: ' msrp://h:1/a;tcp', reason: 'space before' },
    { uri: 'msrp://h:1/a;tcp ', reason: 'space behind' },
    { uri: 'msrp://h:1/a;tcp\n', reason: 'line end behind' },
    { uri: 'msrp://h:1/a\n;tcp', reason: 'line end in the session-id' },
    { uri: 'msrp://h\n:1/a;tcp', reason: 'line end in the host' },
    { uri: 'msrp://h:1\n/a;tcp', reason: 'line end in the port' },
    { uri: 'msrp://h:1/a;', reason: 'empty transport' },
    { uri: 'msrp://h:1;/a', reason: 'transport before the session-id' },
    { uri: 'msrp://h:0/a;tcp', reason: 'port 0' },
    { uri: 'msrp://h:-1/a;tcp', reason: 'negative port' },
    { uri: 'msrp://h:1.5/a;tcp', reason: 'port with a fraction' },
    { uri: 'msrp://h:1e3/a;tcp', reason: 'port with an exponent' },
    { uri: 'msrp://h:0x10/a;tcp', reason: 'hexadecimal port' },
    { uri: 'msrp://h:1:2/a;tcp', reason: 'two ports' },
    { uri: 'msrp://h:1/a?q;tcp', reason: 'query' },
    { uri: 'msrp://h:1/a#f;tcp', reason: 'fragment' },
    { uri: 'msrp://a@b@h:1/a;tcp', reason: 'two @' },
    { uri: 'msrp://@:1/a;tcp', reason: 'empty host behind userinfo' },
    { uri: 'msrp://a%4@h:1/a;tcp', reason: 'cut escape in userinfo' },
    { uri: 'msrp://h%4:1/a;tcp', reason: 'cut escape in host' },
    { uri: 'msrp://h\u00e9:1/a;tcp', reason: 'host beyond ASCII' },
    { uri: 'msrp://h:1/\u017f;tcp', reason: 'session-id beyond ASCII' },
    { uri: 'msrp://h:1/a;tc\u212a', reason: 'a transport that would be ASCII in lower case' },
    { uri: 'msrp://h;x:1/a;tcp', reason: 'semicolon in the host (D-URI-1)' },
    { uri: 'msrps://192.0.2.7;tcp', reason: 'numeric relay without port' },
    { uri: 'msrps://192.0.2.%37;tcp', reason: 'numeric host without port, escaped' },
    { uri: 'msrps://127.1;tcp', reason: 'what resolvers take for an address, without port' },
    { uri: 'msrps://[2001:db8::1];tcp', reason: 'IPv6 without port' },
    { uri: 'msrp://[]:1/a;tcp', reason: 'empty brackets' },
    { uri: 'msrp://[:1/a;tcp', reason: 'open bracket' },
    { uri: 'msrp://[::1:1/a;tcp', reason: 'open bracket before an address' },
    { uri: 'msrp://[::1]1/a;tcp', reason: 'port without colon behind brackets' },
    { uri: 'msrp://[::1]x:1/a;tcp', reason: 'text behind brackets' },
    { uri: 'msrp://x[::1]:1/a;tcp', reason: 'text before brackets' },
    { uri: 'msrp://[192.0.2.7]:1/a;tcp', reason: 'IPv4 in brackets' },
    { uri: 'msrp://[fe80::1%25eth0]:1/a;tcp', reason: 'zone' },
    { uri: 'msrp://[v1.x]:1/a;tcp', reason: 'IPvFuture' },
    { uri: 'msrp://h:1/a;tcp;;p', reason: 'empty parameter in the middle' },
    { uri: 'msrp://h:1/a;tcp;=v', reason: 'parameter without a name' },
    { uri: 'msrp://h:1/a;tcp;p=a/b', reason: 'slash in a parameter' },
    { uri: 'msrp://h:1/a;tcp;p="v"', reason: 'quoted parameter' },
  ])('$uri is refused: $reason', ({ uri }) => {
    const fault = faultOf(() => URI.parse(uri));
    expect(fault).toBeInstanceOf(ChunkParseError);
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_URI', kind: 'bad-uri', action: 'respond', status: 400 });
    expect(fault.message).toContain(JSON.stringify(uri));
  });

  test.each([
    ['msrp://a;b:1/s;tcp', 'the ; of a host'],
    ['msrps://a;b@h;tcp', 'the ; of a userinfo without session-id behind it'],
  ])('%s ends its authority at the ; and is refused', (text) => {
    expect(() => URI.parse(text)).toThrow(ChunkParseError);
  });

  test('userinfo may hold every character of its grammar', () => {
    const user = "aZ0-._~!$&'()*+,;=%40";
    expect(URI.parse(`msrp://${user}@h:1/a;tcp`).user).toBe(user);
    expect(URI.parse('msrp://@h:1/a;tcp').user).toBe('');
  });

  test('an escape of a reserved character in the host stays and compares in any case', () => {
    const uri = URI.parse('msrp://a%2Cb%2d%5Fc:1/s;tcp');
    expect(uri.host).toBe('a%2cb-_c');
    expect(uri.equals(URI.parse('msrp://A%2cB-_C:1/s;tcp'))).toBe(true);
    expect(uri.equals(URI.parse('msrp://a,b-_c:1/s;tcp'))).toBe(false);
  });

  test.each([1, 65_535])('port %d is in range', (port) => {
    expect(URI.parse(`msrp://h:${port}/a;tcp`).port).toBe(port);
  });

  test('of a parameter that comes twice the first counts, and names of object properties are names like others', () => {
    const uri = URI.parse('msrp://h:1/a;tcp;x=1;x=2;__proto__=p;constructor;toString=t');
    expect(Object.entries(uri.parameters)).toEqual([
      ['x', '1'],
      ['__proto__', 'p'],
      ['constructor', undefined],
      ['toString', 't'],
    ]);
    expect('valueOf' in uri.parameters).toBe(false);
    expect(URI.parse('msrp://h:1/a;tcp').parameters['toString']).toBeUndefined();
  });

  test('the message shows 100 characters of a long text, and control characters escaped', () => {
    const { message } = faultOf(() => URI.parse(`msrp://h\r\n${'x'.repeat(1000)}`));
    expect(message).toContain('\\r\\n');
    expect(message).not.toMatch(/[\r\n]/);
    expect(message.match(/x/g)).toHaveLength(100 - 'msrp://h\r\n'.length);
  });
});

describe('IPv6 addresses', () => {
  test.each([
    ['::', ['0:0:0:0:0:0:0:0', '0000::', '::0', '::0.0.0.0']],
    ['::1', ['0:0:0:0:0:0:0:1', '::0001', '::0.0.0.1']],
    ['2001:db8::1', ['2001:0DB8:0:0::0001', '2001:DB8:0:0:0:0:0:1', '2001:db8::0:1']],
    ['2001:db8:1:2:3:4:5:6', ['2001:0db8:0001:0002:0003:0004:0005:0006']],
    ['64:ff9b::c000:207', ['64:ff9b::192.0.2.7', '0064:ff9b:0:0:0:0:c000:0207', '64:FF9B::C000:207']],
    ['1:2:3:4:5:6:7:0', ['1:2:3:4:5:6:7::']],
  ])('%s is one address in every spelling', (canonical, spellings) => {
    const uri = URI.parse(`msrp://[${canonical}]:1/a;tcp`);
    expect(uri.host).toBe(canonical);
    for (const spelling of spellings) {
      const other = URI.parse(`msrp://[${spelling}]:1/a;tcp`);
      expect(other.host).toBe(canonical);
      expect(other.equals(uri)).toBe(true);
      expect(other.key).toBe(uri.key);
      expect(other.toString()).toBe(`msrp://[${spelling}]:1/a;tcp`);
      expect(new URI({ host: spelling }).host).toBe(canonical);
    }
  });

  test.each([
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1::2:3:4:5:6:7:8',
    '12345::',
    '::1.2.3',
    '::1.2.3.256',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::\t1',
    '::1\n',
    '::\uff11',
    '0'.repeat(46),
  ])('%s is none', (text) => {
    expect(() => URI.parse(`msrp://[${text}]:1/a;tcp`)).toThrow(ChunkParseError);
    expect(faultOf(() => new URI({ host: `[${text}]` })).code).toBe('MSRP_ERR_BAD_URI');
  });
});

describe('comparing', () => {
  test.each(vectors.compare)('$a and $b: $equal, $why', ({ a, b, equal }) => {
    const left = URI.parse(a);
    const right = URI.parse(b);
    expect(left.equals(right)).toBe(equal);
    expect(right.equals(left)).toBe(equal);
    expect(left.key === right.key).toBe(equal);
  });

  test.each([
    ['msrp://h:1/a;tcp', 'msrps://h:1/a;tcp', 'scheme'],
    ['msrp://h:1/a;tcp', 'msrp://h/a;tcp', 'port and no port'],
    ['msrp://h/a;tcp', 'msrp://h//a;tcp', 'slashes'],
  ])('%s and %s differ: %s', (a, b) => {
    expect(URI.parse(a).equals(URI.parse(b))).toBe(false);
    expect(URI.parse(a).key).not.toBe(URI.parse(b).key);
  });
});

describe('constructing', () => {
  test.each<[URIInit, string]>([
    [{ host: 'h' }, 'msrp://h;tcp'],
    [{ host: 'Host.Example', transport: 'WS' }, 'msrp://host.example;ws'],
    [{ host: 'h%65st', port: 7, useTLS: true }, 'msrps://hest:7;tcp'],
    [{ host: '[2001:DB8::1]', port: 1, sessionId: 'a' }, 'msrp://[2001:db8::1]:1/a;tcp'],
    [{ host: '2001:DB8:0::1', port: 1, sessionId: 'a' }, 'msrp://[2001:db8::1]:1/a;tcp'],
    [{ host: 'h', user: 'alice@home é😀' }, 'msrp://alice%40home%20%C3%A9%F0%9F%98%80@h;tcp'],
    [{ host: 'h', user: 'bob%40home;100%!\u017f' }, 'msrp://bob%40home%3B100%25%21%C5%BF@h;tcp'],
    [{ host: 'h', user: '' }, 'msrp://@h;tcp'],
    [{ host: 'h', parameters: { b: 'v', a: undefined } }, 'msrp://h;tcp;b=v;a'],
    [{ host: '127.0.0.1' }, 'msrp://127.0.0.1;tcp'],
    [{ host: '127.0.0.1', port: 0 }, 'msrp://127.0.0.1;tcp'],
  ])('%j prints %s', (init, text) => {
    expect(new URI(init).toString()).toBe(text);
  });

  test('what is left out or undefined has its default', () => {
    const uri = new URI({ host: 'h', useTLS: undefined, port: undefined, transport: undefined, sessionId: undefined });
    expect(fieldsOf(uri)).toEqual(fieldsOf(new URI({ host: 'h' })));
    expect(uri).toMatchObject({ useTLS: false, transport: 'tcp', port: undefined, user: undefined });
  });

  test.each<[string, unknown]>([
    ['host', ''],
    ['host', 'a b'],
    ['host', 'a;b'],
    ['host', 'a/b'],
    ['host', 'a:1'],
    ['host', 'h\n'],
    ['host', '[::1x'],
    ['host', '::1]'],
    ['host', '[x]@[::1]'],
    ['host', 'b\u00fccher.example'],
    ['host', undefined],
    ['host', 7],
    ['host', Object.create(null)],
    ['user', 'u:p'],
    ['user', '\ud800'],
    ['user', 'a\n'],
    ['user', 7],
    ['port', -1],
    ['port', 65_536],
    ['port', 1.5],
    ['port', Number.NaN],
    ['port', '80'],
    ['sessionId', ''],
    ['sessionId', 'a%41'],
    ['sessionId', 'a;b'],
    ['sessionId', 7],
    ['transport', ''],
    ['transport', 't-cp'],
    ['transport', null],
    ['parameters', { 'a b': '1' }],
    ['parameters', { a: '' }],
    ['parameters', { a: 'x;y' }],
    ['parameters', { '': undefined }],
    ['parameters', { a: null }],
  ])('the %s %j is refused', (field, value) => {
    const fault = faultOf(() => new URI({ host: 'h', [field]: value }));
    expect(fault).not.toBeInstanceOf(ChunkParseError);
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_URI', scope: 'transaction' });
    expect(fault.message).toContain(field);
  });

  test('a URI cannot be changed', () => {
    const init = { host: 'h', parameters: { a: 'b' } };
    const uri = new URI(init);
    init.parameters.a = 'c';
    expect(uri.parameters['a']).toBe('b');
    for (const made of [uri, URI.parse('msrp://h:1/a;tcp'), URI.parse('msrp://h:1/a;tcp;a=b')]) {
      expect(Object.isFrozen(made)).toBe(true);
      expect(Object.isFrozen(made.parameters)).toBe(true);
      expect(made.key).toBe(made.key);
    }
  });

  test('credentials are kept, and neither compared nor printed nor cloned', () => {
    const credentials = { secret: 'hidden' };
    const init = { host: 'h', port: 1, sessionId: 'a' };
    const uri = new URI({ ...init, credentials });
    expect(uri.credentials).toBe(credentials);
    expect(uri.equals(new URI(init))).toBe(true);
    expect(uri.key).toBe(new URI(init).key);
    expect(JSON.stringify({ uri })).toBe('{"uri":"msrp://h:1/a;tcp"}');
    expect(structuredClone(uri)).toEqual({ ...new URI(init) });
    expect({ ...uri }).not.toHaveProperty('credentials');
    expect(URI.parse('msrp://h:1/a;tcp').credentials).toBeUndefined();
  });

  test('the clone of a URI is the init of an equal one', () => {
    const uri = URI.parse('MSRPS://u%40x@[2001:DB8::0]:01/a;WS;p=1;q');
    const copy = new URI(structuredClone({ ...uri }));
    expect(fieldsOf(copy)).toEqual(fieldsOf(uri));
    expect(copy.equals(uri)).toBe(true);
    expect(copy.toString()).toBe('msrps://u%40x@[2001:db8::]:1/a;ws;p=1;q');
  });
});

describe('paths', () => {
  const a = 'msrp://a.example:1/x;tcp';
  const b = 'MSRPS://B.example:2/y;TCP;p';

  test('a path is parsed, frozen and printed as it came', () => {
    for (const text of [a, `${a} ${b}`, `${b} ${a} ${b}`]) {
      const path = parsePath(text);
      expect(path.map(String)).toEqual(text.split(' '));
      expect(Object.isFrozen(path)).toBe(true);
      expect(formatPath(path)).toBe(text);
    }
  });

  test.each([
    ['two spaces', `${a}  ${b}`],
    ['a tab', `${a}\t${b}`],
    ['white space before', ` ${a}`],
    ['white space behind', `${a}\t`],
    ['all of them', `\t ${a}  \t${b} \t `],
  ])('%s between URIs needs tolerance', (_, text) => {
    expect(faultOf(() => parsePath(text)).code).toBe('MSRP_ERR_BAD_URI');
    expect(formatPath(parsePath(text, undefined, true))).toBe(
      text
        .split(/[ \t]+/)
        .filter(Boolean)
        .join(' '),
    );
  });

  test.each(['', ' ', '\t', `${a},${b}`, `${a}, ${b}`, `${a}\n${b}`, `${a}\u00a0${b}`, `${a} x`])(
    '%j is no path, tolerated or not',
    (text) => {
      for (const tolerant of [false, true]) {
        expect(faultOf(() => parsePath(text, {}, tolerant))).toMatchObject({ kind: 'bad-uri', action: 'respond' });
      }
    },
  );

  test.each([
    [undefined, defaultLimits.pathURIs],
    [{ pathURIs: 3 }, 3],
  ])('with the limit %j a path of %d URIs is the longest', (limits, most) => {
    const path = Array<string>(most).fill(a);
    for (const tolerant of [false, true]) {
      expect(parsePath(path.join(' '), limits, tolerant)).toHaveLength(most);
      const fault = faultOf(() => parsePath([...path, a].join(' '), limits, tolerant));
      expect(fault).toMatchObject({ code: 'MSRP_ERR_PATH_TOO_LONG', action: 'respond', status: 400 });
    }
  });

  test('a limit can be lifted', () => {
    const text = Array<string>(100).fill(a).join(' ');
    expect(parsePath(text, { pathURIs: Number.POSITIVE_INFINITY })).toHaveLength(100);
  });
});
