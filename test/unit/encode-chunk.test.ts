import { describe, expect, test } from 'vitest';
import { Chunk, type ChunkInit, decodeChunks, encodeChunk, Headers, MSRPError } from '../../codec/index.ts';

const paths: [string, string][] = [
  ['To-Path', 'msrp://y.example.com:2855/eeee;tcp'],
  ['From-Path', 'msrp://x.example.com:2855/aaaa;tcp'],
  ['Message-ID', 'mmmm'],
];

describe('encodeChunk', () => {
  test('gives head, the very parts of the body, and end-line', () => {
    const parts = [Buffer.from('he'), Buffer.from('llo')];
    const chunk = new Chunk({
      transactionId: 'abcd',
      method: 'SEND',
      headers: [...paths, ['Content-Type', 'text/plain']],
      parts,
    });
    const encoded = encodeChunk(chunk);
    expect(encoded).toHaveLength(4);
    expect(encoded[1]).toBe(parts[0]);
    expect(encoded[2]).toBe(parts[1]);
    expect(encoded[3]?.toString()).toBe('\r\n-------abcd$\r\n');
    expect(chunk.size).toBe(5);
    expect(chunk.data.toString()).toBe('hello');
  });

  test.each(['$', '+', '#'])('refuses a body with the end-line and flag %s in it, wherever it is cut', (flag) => {
    const body = Buffer.from(`some text -------abcd${flag} more`);
    for (let at = 0; at <= body.length; at++) {
      const parts = [body.subarray(0, at), body.subarray(at)];
      const chunk = new Chunk({
        transactionId: 'abcd',
        method: 'SEND',
        headers: [...paths, ['Content-Type', 'a/b']],
        parts,
      });
      expect(() => encodeChunk(chunk)).toThrow(
        expect.objectContaining({ code: 'MSRP_ERR_END_LINE_IN_BODY', scope: 'message' }),
      );
    }
  });

  test('takes hyphens and id without a flag behind them', () => {
    const data = 'x\r\n-------abcd\r\n-------abcde$\r\n--------abcX$';
    const chunk = new Chunk({
      transactionId: 'abcd',
      method: 'SEND',
      headers: [...paths, ['Content-Type', 'a/b']],
      data,
    });
    expect(decodeChunks(Buffer.concat(encodeChunk(chunk)))[0]?.data.toString()).toBe(data);
  });

  const unfit: [string, Partial<ChunkInit>][] = [
    ['a value with a line break', { headers: [['X-A', 'b\r\nX-B: c']] }],
    ['a name with a space', { headers: [['X A', 'b']] }],
    ['a lone surrogate', { headers: [['X-A', '\ud800']] }],
    ['a comment with a line break', { code: 200, comment: 'OK\r\n' }],
    ['a transaction id that is too short', { transactionId: 'abc' }],
    ['a method in lower case', { method: 'send' }],
    ['a code of four digits', { code: 1000 }],
    ['both method and code', { method: 'SEND', code: 200 }],
    ['neither method nor code', {}],
    ['data and parts', { method: 'SEND', data: 'a', parts: [] }],
  ];

  test.each(unfit)('refuses %s', (_, init) => {
    const start = init.headers === undefined ? {} : { method: 'SEND' };
    expect(() => encodeChunk(new Chunk({ transactionId: 'abcd', ...start, ...init }))).toThrow(MSRPError);
  });

  test('writes UTF-8 in comments and fields', () => {
    const chunk = new Chunk({ transactionId: 'abcd', code: 200, comment: 'schön', headers: [...paths, ['X-A', '☃']] });
    const [decoded] = decodeChunks(Buffer.concat(encodeChunk(chunk)));
    expect(decoded?.comment).toBe('schön');
    expect(decoded?.headers.get('x-a')).toBe('☃');
  });

  test('an empty comment is not the same as none', () => {
    for (const comment of [undefined, '']) {
      const chunk = new Chunk({
        transactionId: 'abcd',
        code: 200,
        headers: paths,
        ...(comment !== undefined && { comment }),
      });
      expect(decodeChunks(Buffer.concat(encodeChunk(chunk)))[0]?.comment).toBe(comment);
    }
  });

  test('an empty body is not the same as none', () => {
    const none = new Chunk({ transactionId: 'abcd', method: 'SEND', headers: paths });
    const empty = new Chunk({
      transactionId: 'abcd',
      method: 'SEND',
      headers: [...paths, ['Content-Type', 'a/b']],
      data: '',
    });
    expect([none, empty].map((chunk) => decodeChunks(Buffer.concat(encodeChunk(chunk)))[0]?.hasBody)).toEqual([
      false,
      true,
    ]);
  });
});

describe('Headers', () => {
  const headers = new Headers([...paths, ['X-A', '1'], ['x-a', '2'], ['Content-Type', 'a/b']]);

  test('match names in any case and keep order and spelling', () => {
    expect(headers.get('X-a')).toBe('1');
    expect(headers.all('x-A')).toEqual(['1', '2']);
    expect(headers.has('MESSAGE-ID')).toBe(true);
    expect([...headers].map(([name]) => name)).toEqual([
      'To-Path',
      'From-Path',
      'Message-ID',
      'X-A',
      'x-a',
      'Content-Type',
    ]);
  });

  test('put a field where we write it', () => {
    const names = (changed: Headers): string => changed.entries.map(([name]) => name).join(' ');
    expect(names(headers.with('Byte-Range', '1-1/1'))).toBe(
      'To-Path From-Path Message-ID Byte-Range X-A x-a Content-Type',
    );
    expect(names(headers.with('Content-ID', '<a>'))).toBe(
      'To-Path From-Path Message-ID X-A x-a Content-ID Content-Type',
    );
    expect(names(headers.with('x-a', '3'))).toBe('To-Path From-Path Message-ID x-a Content-Type');
    expect(names(headers.without('x-a'))).toBe('To-Path From-Path Message-ID Content-Type');
  });

  test('parse values on first use and throw coded errors for bad ones', () => {
    const bad = new Headers([
      ['Byte-Range', 'x'],
      ['Failure-Report', 'x'],
      ['Success-Report', 'x'],
      ['Status', 'x'],
      ['Expires', 'x'],
      ['To-Path', 'x'],
    ]);
    for (const getter of ['byteRange', 'failureReport', 'successReport', 'status', 'expires', 'toPath'] as const) {
      expect(() => bad[getter]).toThrow(MSRPError);
    }
    const none = new Headers();
    expect([none.failureReport, none.successReport, none.byteRange, none.status]).toEqual([
      'yes',
      'no',
      undefined,
      undefined,
    ]);
    expect([none.toPath, none.fromPath, none.usePath]).toEqual([[], [], []]);
  });
});
