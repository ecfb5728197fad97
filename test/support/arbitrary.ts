// Random chunks, bodies near the end-line, and cuts, for the laws of the codec.

import fc from 'fast-check';
import { Chunk, type ChunkInit, type Continuation, hasEndLine, type HeaderEntry } from '../../codec/index.ts';

const alphanumeric = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'];
const identCharacters = [...alphanumeric, ...'.-+%='];

function textOf(characters: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });
}

/** Short ids from few characters with many hyphens, so that look-alikes of the end-line occur, and any others. */
export const ident: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom('a', 'b'), textOf(['-', '-', 'a', 'b'], 3, 9)).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom(...alphanumeric), textOf(identCharacters, 3, 31)).map((parts) => parts.join('')),
);

export const uri: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('msrp', 'msrps'),
    fc.constantFrom('a.example', '192.0.2.7', '[2001:db8::1]'),
    fc.integer({ min: 1, max: 65_535 }),
    textOf(alphanumeric, 1, 20),
  )
  .map(([scheme, host, port, session]) => `${scheme}://${host}:${port}/${session};tcp`);

const path = fc.array(uri, { minLength: 1, maxLength: 3 }).map((uris) => uris.join(' '));

const range = fc
  .tuple(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 0, max: 1e6 }), fc.boolean(), fc.boolean())
  .map(
    ([start, more, openEnd, openTotal]) => `${start}-${openEnd ? '*' : start + more}/${openTotal ? '*' : start + more}`,
  );

const text = fc.string({ unit: fc.constantFrom(...'abc :;"\\\t', 'ä', '☃', '😀'), maxLength: 30 });

/** Octets that come close to the end-line of the frame `id`. */
export function body(id: string): fc.Arbitrary<Buffer> {
  const pieces = [
    '\r',
    '\n',
    '\r\n',
    '-',
    '-------',
    `-------${id}`,
    `\r\n-------${id}`,
    `-------${id.slice(0, -1)}`,
    id,
    'x',
    'MSRP ',
  ];
  return fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((list) => Buffer.from(list.join(''))),
    fc.array(fc.constantFrom(...pieces, '$', '+', '#'), { maxLength: 12 }).map((list) => Buffer.from(list.join(''))),
  );
}

const sendFields: fc.Arbitrary<HeaderEntry[]> = fc
  .tuple(
    fc.option(range, { nil: undefined }),
    fc.option(fc.constantFrom('yes', 'no', 'partial'), { nil: undefined }),
    fc.option(fc.constantFrom('yes', 'no'), { nil: undefined }),
    fc.array(text, { maxLength: 2 }),
  )
  .map(([byteRange, failure, success, others]) => [
    ...(byteRange === undefined ? [] : [['Byte-Range', byteRange] as const]),
    ...(failure === undefined ? [] : [['Failure-Report', failure] as const]),
    ...(success === undefined ? [] : [['success-report', success] as const]),
    ...others.map((value, index) => [`X-Other-${'abc'[index]}`, value] as const),
  ]);

const flag = fc.constantFrom<Continuation>('$', '+', '#');

const send: fc.Arbitrary<ChunkInit> = fc
  .tuple(ident, path, path, ident, sendFields, flag)
  .chain(([transactionId, to, from, messageId, fields, continuation]) =>
    fc.option(body(transactionId), { nil: undefined }).map((data) => {
      const headers: HeaderEntry[] = [['To-Path', to], ['From-Path', from], ['Message-ID', messageId], ...fields];
      const init: ChunkInit = { transactionId, method: 'SEND', headers, continuation };
      if (data === undefined) return init;
      return {
        ...init,
        data,
        headers: [...headers, ['Content-Type', 'application/octet-stream']] satisfies HeaderEntry[],
      };
    }),
  );

const response: fc.Arbitrary<ChunkInit> = fc
  .tuple(ident, path, path, fc.integer({ min: 0, max: 999 }), fc.option(text, { nil: undefined }))
  .map(([transactionId, to, from, code, comment]) => ({
    transactionId,
    code,
    headers: [
      ['To-Path', to],
      ['From-Path', from],
    ] as HeaderEntry[],
    ...(comment !== undefined && { comment }),
  }));

const report: fc.Arbitrary<ChunkInit> = fc
  .tuple(ident, path, path, ident, range, text)
  .map(([transactionId, to, from, messageId, byteRange, comment]) => ({
    transactionId,
    method: 'REPORT',
    headers: [
      ['To-Path', to],
      ['From-Path', from],
      ['Message-ID', messageId],
      ['Byte-Range', byteRange],
      ['Status', `000 200 ${comment}`.trimEnd()],
    ] as HeaderEntry[],
  }));

/** A chunk that can be encoded. */
export const chunk: fc.Arbitrary<Chunk> = fc
  .oneof(send, send, response, report)
  .map((init) => new Chunk(init))
  .filter((made) => !hasEndLine(made.parts, made.transactionId));

/** Chunks, some of which differ from the one before in the blanks of their heads only. */
export const chunks: fc.Arbitrary<Chunk[]> = fc
  .array(fc.tuple(chunk, fc.array(fc.tuple(ident, range, ident), { maxLength: 3 })), { minLength: 1, maxLength: 5 })
  .map((list) =>
    list.flatMap(([first, repeats]) => [
      first,
      ...repeats
        .filter(([id]) => !hasEndLine(first.parts, id))
        .map(([transactionId, byteRange, messageId]) => {
          const values: Record<string, string> = { 'byte-range': byteRange, 'message-id': messageId };
          const headers = first.headers.entries.map(
            ([name, value]): HeaderEntry => [name, values[name.toLowerCase()] ?? value],
          );
          const { method, code, comment, continuation } = first;
          return new Chunk({
            transactionId,
            headers,
            continuation,
            ...(method !== undefined && { method }),
            ...(code !== undefined && { code }),
            ...(comment !== undefined && { comment }),
            ...(first.hasBody && { data: first.data }),
          });
        }),
    ]),
  );

/** Places to cut `length` octets at. */
export function places(length: number): fc.Arbitrary<number[]> {
  return fc.oneof(
    fc.array(fc.integer({ min: 0, max: length }), { maxLength: 8 }),
    fc
      .integer({ min: 1, max: 9 })
      .map((step) => Array.from({ length: Math.floor(length / step) }, (_, index) => index * step)),
  );
}
