import { describe, expect, test } from 'vitest';
import {
  ChunkAssembler,
  ChunkDecoder,
  ChunkParseError,
  decodeChunks,
  defaultLimits,
  type Limits,
  MSRPError,
} from '../../codec/index.ts';
import { cut, decode } from '../support/frames.ts';

const to = 'To-Path: msrp://y.example.com:2855/eeee;tcp\r\n';
const from = 'From-Path: msrp://x.example.com:2855/aaaa;tcp\r\n';

function send(id: string, body: string, fields = '', flag = '$'): Buffer {
  return Buffer.from(
    `MSRP ${id} SEND\r\n${to}${from}Message-ID: m-${id}\r\n${fields}Content-Type: text/plain\r\n\r\n${body}\r\n-------${id}${flag}\r\n`,
  );
}

describe('ChunkDecoder', () => {
  test('gives body octets out as views of the read, before the chunk has ended', () => {
    const given: Buffer[] = [];
    const decoder = new ChunkDecoder({ onHead: () => {}, onBody: (bytes) => given.push(bytes), onEnd: () => {} });
    const input = send('abcd', 'hello world').subarray(0, -16);
    decoder.write(input);
    expect(Buffer.concat(given).toString()).toBe('hello world');
    expect(given[0]?.buffer).toBe(input.buffer);
  });

  test('holds back no more than what may still become the end-line', () => {
    let octets = 0;
    const decoder = new ChunkDecoder({
      onHead: () => {},
      onBody: (bytes) => (octets += bytes.length),
      onEnd: () => {},
    });
    decoder.write(send('abcd', 'x'.repeat(1000)).subarray(0, -16));
    expect(octets).toBe(1000);
    decoder.write(Buffer.from('\r\n-------abc'));
    expect(octets).toBe(1000);
    decoder.write(Buffer.from('X'));
    expect(octets).toBe(1013);
  });

  test('tells with each view whether the read has more of the frame', () => {
    const more: boolean[] = [];
    const decoder = new ChunkDecoder({ onHead: () => {}, onBody: (_, isMore) => more.push(isMore), onEnd: () => {} });
    const input = send('abcd', 'hello world');
    for (const read of cut(input, [input.length - 20])) decoder.write(read);
    expect(more).toEqual([false, true]);
  });

  test('knows how far it has read at each token', () => {
    const input = Buffer.concat([send('abcd', 'one'), send('efgh', 'two')]);
    const { frames } = decode([input]);
    expect(frames.map(({ offset, end }) => [offset, end])).toEqual([
      [0, input.length / 2],
      [input.length / 2, input.length],
    ]);
  });

  test('is dead after it threw, after end, and within a write', () => {
    const sink = { onHead: () => {}, onBody: () => {}, onEnd: () => {} };
    const broken = new ChunkDecoder(sink);
    expect(() => broken.write(Buffer.from('HTTP'))).toThrow(ChunkParseError);
    expect(() => broken.write(send('abcd', ''))).toThrow(expect.objectContaining({ code: 'MSRP_ERR_STATE' }));
    const ended = new ChunkDecoder(sink);
    ended.end();
    expect(() => ended.write(send('abcd', ''))).toThrow(expect.objectContaining({ code: 'MSRP_ERR_STATE' }));
    const nested: ChunkDecoder = new ChunkDecoder({ ...sink, onEnd: () => nested.write(send('abcd', '')) });
    expect(() => nested.write(send('abcd', ''))).toThrow(MSRPError);
  });

  test('throws what could be answered where nobody asks for it', () => {
    const bad = send('abcd', 'x', 'Byte-Range: x\r\n');
    const decoder = new ChunkDecoder({ onHead: () => {}, onBody: () => {}, onEnd: () => {} });
    expect(() => decoder.write(bad)).toThrow(expect.objectContaining({ kind: 'bad-byte-range', status: 400 }));
    expect(() => decodeChunks(bad)).toThrow(ChunkParseError);
  });

  test('gives nothing of a malformed frame, or no end where the fault shows only there', () => {
    const tokens: string[] = [];
    const decoder = new ChunkDecoder({
      onHead: (head) => tokens.push(`head ${head.transactionId}`),
      onBody: (bytes) => tokens.push(`body ${bytes}`),
      onEnd: (flag) => tokens.push(`end ${flag}`),
      onInvalid: (error, head) => tokens.push(`invalid ${error.kind} ${head.transactionId}`),
    });
    decoder.write(send('aaaa', 'x', 'Byte-Range: x\r\n'));
    const report = `MSRP bbbb REPORT\r\n${to}${from}Message-ID: m-bb\r\nStatus: 000 200\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------bbbb+\r\n`;
    decoder.write(Buffer.from(report));
    decoder.write(send('cccc', 'y'));
    expect(tokens).toEqual([
      'invalid bad-byte-range aaaa',
      'head bbbb',
      'body hi',
      'invalid bad-continuation bbbb',
      'head cccc',
      'body y',
      'end $',
    ]);
  });

  test('a repeated head gives its own transaction id, Message-ID and Byte-Range', () => {
    const range = (text: string): string => `Byte-Range: ${text}\r\n`;
    const input = [
      send('aaaa', '1', range('1-1/9')),
      send('bbbbb', '2', range('2-*/*')),
      send('cc.c', '3', range('3-3/4000000000')),
    ];
    const heads = decode([Buffer.concat(input)]).frames.map(({ head }) => head);
    expect(
      heads.map((head) => [head.transactionId, head.messageId, head.byteRange, head.headers.get('byte-range')]),
    ).toEqual([
      ['aaaa', 'm-aaaa', { start: 1, end: 1, total: 9 }, '1-1/9'],
      ['bbbbb', 'm-bbbbb', { start: 2, end: undefined, total: undefined }, '2-*/*'],
      ['cc.c', 'm-cc.c', { start: 3, end: 3, total: 4_000_000_000 }, '3-3/4000000000'],
    ]);
    expect(heads[2]?.toPath).toBe(heads[0]?.toPath);
  });

  test.each([
    '0-1/1',
    '01-1/1',
    '2-1/5',
    '5-4/9',
    '1-9/5',
    '9007199254740992-*/*',
    '1-1/',
    '1-/1',
    '-1/1',
    '1-1',
    '*-1/1',
  ])('a repeated head with Byte-Range %s is judged like a first one', (text) => {
    const good = send('aaaa', '1', 'Byte-Range: 1-1/1\r\n');
    const tried = send('bbbb', '1', `Byte-Range: ${text}\r\n`);
    const alone = decode([tried]);
    const behind = decode([Buffer.concat([good, tried])]);
    expect(behind.faults.map(({ kind }) => kind)).toEqual(alone.faults.map(({ kind }) => kind));
    expect(behind.frames.length).toBe(alone.frames.length + 1);
  });
});

test('a head that differs from the one before in any one octet is read as if it were the first', () => {
  const fields = 'Byte-Range: 1-1/1\r\nFailure-Report: partial\r\n';
  const first = send('aaaa', '1', fields);
  const second = send('bbbb', '1', fields);
  for (let at = 0; at < second.length - 16; at++) {
    for (const octet of Buffer.from('bX:\r ')) {
      const changed = Buffer.from(second);
      changed[at] = octet;
      const alone = decode([changed]);
      const behind = decode([Buffer.concat([first, changed])]);
      const fieldsOf = (decoded: typeof alone): unknown => decoded.frames.at(-1)?.head.headers.entries;
      expect(behind.faults.map(({ kind }) => kind)).toEqual(alone.faults.map(({ kind }) => kind));
      expect(behind.frames.length).toBe(alone.frames.length + 1);
      if (alone.frames.length > 0) expect(fieldsOf(behind)).toEqual(fieldsOf(alone));
    }
  }
});

test('hyphens, id and flag without CRLF before them are a violation wherever they stand', () => {
  for (let hyphens = 0; hyphens < 9; hyphens++) {
    for (let others = 1; others < 30; others++) {
      const body = `${'z'.repeat(20)}${'-'.repeat(hyphens)}${'x'.repeat(others)}-------abcd$${'y'.repeat(50)}`;
      expect(decode([send('abcd', body)]).faults).toMatchObject([{ kind: 'bad-end-line', action: 'close' }]);
      const good = `${'z'.repeat(20)}${'-'.repeat(hyphens)}${'x'.repeat(others)}-------abc$${'y'.repeat(50)}`;
      expect(decode([send('abcd', good)]).frames).toMatchObject([{ body: Buffer.from(good) }]);
    }
  }
});

describe('limits', () => {
  /** A SEND that is `octets` long in the one thing that the limit counts. */
  const sized: Record<keyof Limits, (octets: number) => Buffer> = {
    lineBytes: (octets) => send('abcd', 'x', `X-Long: ${'y'.repeat(octets - 8)}\r\n`),
    headBytes: (octets) => {
      const line = `X-Long: ${'y'.repeat(992)}\r\n`;
      const base = send('abcd', 'x').indexOf('\r\n\r\n') + 4;
      const rest = octets - base;
      const lines = Math.floor(rest / 1002) - 1;
      return send('abcd', 'x', `${line.repeat(lines)}X-Long: ${'y'.repeat(rest - lines * 1002 - 10)}\r\n`);
    },
    pathURIs: (uris) => {
      const path = Array.from({ length: uris }, (_, index) => `msrp://r${index}.example:1/a;tcp`).join(' ');
      return Buffer.from(`MSRP abcd SEND\r\nTo-Path: ${path}\r\n${from}-------abcd$\r\n`);
    },
    challenges: (count) =>
      Buffer.from(`MSRP abcd 401\r\n${to}${from}${'WWW-Authenticate: Digest a=b\r\n'.repeat(count)}-------abcd$\r\n`),
    nonSendBodyBytes: (octets) =>
      Buffer.from(`MSRP abcd AUTH\r\n${to}${from}Content-Type: a/b\r\n\r\n${'z'.repeat(octets)}\r\n-------abcd$\r\n`),
  };
  const kinds: Record<keyof Limits, string> = {
    lineBytes: 'line-too-long',
    headBytes: 'headers-too-large',
    pathURIs: 'path-too-long',
    challenges: 'bad-header',
    nonSendBodyBytes: 'body-too-large',
  };

  test.each(Object.keys(defaultLimits) as (keyof Limits)[])(
    '%s: the limit itself passes, one more does not',
    (name) => {
      for (const most of [defaultLimits[name], Math.ceil(defaultLimits[name] * 0.9)]) {
        const limits = { [name]: most };
        const at = sized[name](most);
        const above = sized[name](most + 1);
        for (const places of [[], [5], [at.length - 30, at.length - 20]]) {
          expect(decode(cut(at, places), { limits }).faults).toEqual([]);
          expect(decode(cut(above, places), { limits }).faults).toMatchObject([{ kind: kinds[name] }]);
        }
      }
    },
  );

  test('a line or head over its limit is refused before it has ended', () => {
    const endless = Buffer.from(`MSRP ${'a'.repeat(20_000)}`);
    expect(decode([endless]).faults).toMatchObject([{ kind: 'line-too-long', action: 'close' }]);
    const decoder = new ChunkDecoder({ onHead: () => {}, onBody: () => {}, onEnd: () => {} });
    const lines = Buffer.from(`X-Line: ${'y'.repeat(90)}\r\n`.repeat(10));
    decoder.write(Buffer.from(`MSRP abcd SEND\r\n${to}${from}`));
    expect(() => {
      for (let octets = 0; octets < 1e9; octets += lines.length) decoder.write(lines);
    }).toThrow(expect.objectContaining({ kind: 'headers-too-large' }));
  });

  test('a limit that is no positive number is refused', () => {
    const sink = new ChunkAssembler({ onChunk: () => {} });
    for (const lineBytes of [0, -1, Number.NaN]) {
      expect(() => new ChunkDecoder(sink, { limits: { lineBytes } })).toThrow(MSRPError);
    }
  });
});

describe('rules of a head', () => {
  const request = (method: string, fields: string, end = '-------abcd$\r\n'): Buffer =>
    Buffer.from(`MSRP abcd ${method}\r\n${to}${from}${fields}${end}`);
  const body = (text = 'hi'): string => `\r\n${text}\r\n-------abcd$\r\n`;
  const authorization =
    'username="a", realm="r", nonce="n", response="00000000000000000000000000000000", cnonce="c", qop=auth, nc=00000001';

  const cases: [string, Buffer, string, string | undefined][] = [
    ['a method in lower case', request('send', ''), 'bad-method', 'respond'],
    ['a method with an underscore', request('FILE_OFFSET', ''), 'bad-method', 'respond'],
    ['a status of letters', request('2xx', ''), 'bad-status', 'ignore'],
    ['no space before the value', request('SEND', 'X-A:b\r\n'), 'bad-header', 'respond'],
    [
      'two spaces before the value of a field with a grammar',
      request('SEND', 'Message-ID:  abcd\r\n'),
      'bad-header',
      'respond',
    ],
    ['a Message-ID twice', request('SEND', 'Message-ID: abcd\r\nmessage-id: abcd\r\n'), 'duplicate-header', 'respond'],
    [
      'Failure-Report: no twice',
      request('SEND', 'Failure-Report: no\r\nFailure-Report: no\r\n'),
      'duplicate-header',
      'respond',
    ],
    ['a bare CR', request('SEND', 'X-A: b\rc\r\n'), 'bare-cr', 'close'],
    ['CR for every CRLF', Buffer.from(request('SEND', '').toString().replaceAll('\n', '')), 'bare-cr', 'close'],
    ['a REPORT without Status', request('REPORT', 'Message-ID: abcd\r\n'), 'missing-status', 'ignore'],
    [
      'a REPORT that wants reports',
      request('REPORT', 'Message-ID: abcd\r\nFailure-Report: no\r\nStatus: 000 200\r\n'),
      'forbidden-header',
      'ignore',
    ],
    [
      'a NICKNAME that wants reports',
      request('NICKNAME', 'Success-Report: yes\r\nUse-Nickname: "a"\r\n'),
      'forbidden-header',
      'respond',
    ],
    [
      'an Authorization without nc',
      request('AUTH', `Authorization: Digest ${authorization.slice(0, -13)}\r\n`),
      'bad-authorization',
      'respond',
    ],
    [
      'a body that is announced but not there',
      request('SEND', 'Content-Type: text/plain\r\n'),
      'content-type-without-body',
      'respond',
    ],
    [
      'MIME fields without a Content-Type',
      request('SEND', 'Message-ID: abcd\r\nContent-ID: <a@b>\r\n', body()),
      'missing-content-type',
      'respond',
    ],
    [
      'a response that is interrupted',
      Buffer.from(`MSRP abcd 200\r\n${to}${from}-------abcd+\r\n`),
      'bad-continuation',
      'ignore',
    ],
    [
      'an end-line with LF alone',
      Buffer.from(request('SEND', '').toString().replace('$\r\n', '$\n')),
      'bare-lf',
      'close',
    ],
    [
      'an end-line of a body with LF alone',
      Buffer.from(send('abcd', 'x').toString().replace('$\r\n', '$\n')),
      'bad-end-line',
      'close',
    ],
    [
      'From-Path missing as well as another fault',
      Buffer.from(`MSRP abcd SEND\r\n${to}Nonsense\r\n-------abcd$\r\n`),
      'bad-header',
      'close',
    ],
    ['Byte-Range that starts at 0', request('SEND', 'Byte-Range: 0-1/1\r\n'), 'bad-byte-range', 'respond'],
  ];

  test.each(cases)('%s is malformed', (_, input, kind, action) => {
    expect(decode([input]).faults).toMatchObject([{ kind, action }]);
  });

  const good: [string, Buffer][] = [
    ['a bodiless SEND without Message-ID', request('SEND', '')],
    ['Basic authorization, which a relay answers with 401', request('AUTH', 'Authorization: Basic YTpi\r\n')],
    ['an unknown method', request('FROBNICATE', '')],
    ['an unknown field twice, with spaces of its own', request('SEND', 'X-A:  b \r\nX-A: c\r\n')],
    ['a REPORT of an unknown namespace', request('REPORT', 'Message-ID: abcd\r\nStatus: 123 200 OK\r\n')],
    ['report flags in any case', request('SEND', 'Failure-Report: PARTIAL\r\nSuccess-Report: Yes\r\n')],
    ['a body that holds a whole other frame', send('abcd', send('efgh', 'x').toString())],
  ];

  test.each(good)('%s is good', (_, input) => {
    expect(decode([input])).toMatchObject({ faults: [], frames: [{}] });
  });

  test('tolerant mode takes underscores in methods, UUIDs and longer as Message-ID, and white space', () => {
    const input = [
      request('FILE_OFFSET', ''),
      request('SEND', `Message-ID: ${'a'.repeat(128)}\r\n`),
      request('SEND', 'Message-ID:\t abcd \t\r\n'),
      Buffer.from('\r\n'.repeat(8)),
      request('SEND', ''),
    ];
    expect(decode(input, { tolerant: true })).toMatchObject({
      faults: [],
      frames: [{}, {}, { head: { messageId: 'abcd' } }, {}],
    });
    expect(decode([Buffer.from('\r\n'.repeat(9))], { tolerant: true }).faults).toMatchObject([
      { kind: 'bad-start-line' },
    ]);
    expect(decode([Buffer.from('\rM')], { tolerant: true }).faults).toMatchObject([{ kind: 'bad-start-line' }]);
  });
});

describe('what an end-line begins with', () => {
  const lookAlikesIn = (parts: readonly Buffer[]): number => {
    const decoder = new ChunkDecoder({ onHead: () => {}, onBody: () => {}, onEnd: () => {} });
    for (const part of parts) if (part.length > 0) decoder.write(part);
    return decoder.lookAlikes;
  };

  test.each([
    '-------',
    'a--------------b',
    '\r\n-------efgh$\r\n',
    '-------abcdefgh',
    `${'x'.repeat(100)}-------abce$`,
    '------\r\n-------',
  ])('is noticed in the body %j however it is cut', (body) => {
    const whole = send('abcd', body);
    for (let first = 1; first < whole.length; first++) {
      for (const second of [first + 1, first + 7, whole.length]) {
        const parts = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)];
        expect(lookAlikesIn(parts), `cut at ${first} and ${second}`).toBeGreaterThan(0);
      }
    }
  });

  test.each(['hello - world -- and --- more\r\n----\r\n------', ''])('is not seen in the body %j', (body) => {
    expect(lookAlikesIn([send('abcd', body)])).toBe(0);
  });
});
