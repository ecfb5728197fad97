import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Chunk, ChunkDecoder, decodeChunks, encodeChunk, hasEndLine, MSRPError } from '../../codec/index.ts';
import * as arbitrary from '../support/arbitrary.ts';
import { byteByByte, cut, decode, describe as describeFrames } from '../support/frames.ts';
import { oracleDecode } from '../support/oracle.ts';
import { octetsOf, vectors } from '../support/vectors.ts';

const encode = (chunks: readonly Chunk[]): Buffer => Buffer.concat(chunks.flatMap(encodeChunk));
const modes = fc.record({ tolerant: fc.boolean() });

describe('laws of the codec', () => {
  test('cutting the input anywhere changes nothing', () => {
    const input = arbitrary.chunks
      .map(encode)
      .chain((octets) => fc.tuple(fc.constant(octets), arbitrary.places(octets.length)));
    fc.assert(
      fc.property(input, modes, ([octets, places], options) => {
        const whole = describeFrames(decode([octets], options));
        expect(describeFrames(decode(cut(octets, places), options))).toBe(whole);
        expect(describeFrames(decode(byteByByte(octets), options))).toBe(whole);
      }),
    );
  });

  test('decode after encode is identity, and encode after decode too', () => {
    fc.assert(
      fc.property(arbitrary.chunks, (chunks) => {
        const octets = encode(chunks);
        const decoded = decodeChunks(octets);
        expect(decoded.map(plain)).toEqual(chunks.map(plain));
        expect(encode(decoded).equals(octets)).toBe(true);
      }),
    );
  });

  test('what the decoder finds is what plain regular expressions find', () => {
    fc.assert(
      fc.property(arbitrary.chunks, (chunks) => {
        const octets = encode(chunks);
        const found = decode([octets]).frames.map(({ head, body, flag }) => ({
          start: `${head.transactionId} ${Buffer.from(startOf(head)).toString('latin1')}`,
          fields: Buffer.from(head.headers.format()).toString('latin1'),
          body: head.hasBody ? body : undefined,
          flag,
        }));
        expect(found).toEqual(oracleDecode(octets));
      }),
    );
  });

  test('any octets give frames or an MSRPError, the same at every cut', () => {
    fc.assert(fc.property(mangled(), modes, ({ octets, places }, options) => same(octets, places, options.tolerant)));
    const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
    fc.assert(fc.property(noise, modes, (octets, options) => same(octets, [3, 50], options.tolerant)));
  });

  test('an end-line never occurs in a body that is encoded', () => {
    const body = arbitrary.ident.chain((id) =>
      fc.tuple(fc.constant(id), fc.array(arbitrary.body(id), { minLength: 1, maxLength: 3 })),
    );
    fc.assert(
      fc.property(body, ([id, parts]) => {
        const text = Buffer.concat(parts).toString('latin1');
        const occurs = ['$', '+', '#'].some((flag) => text.includes(`-------${id}${flag}`));
        expect(hasEndLine(parts, id)).toBe(occurs);
      }),
    );
  });

  test('segments carry the body of their chunk, in order, with exact ranges', () => {
    const input = arbitrary.chunks
      .map(encode)
      .chain((octets) => fc.tuple(fc.constant(octets), arbitrary.places(octets.length), fc.nat(80)));
    fc.assert(
      fc.property(input, ([octets, places, segmentSize]) => {
        const whole = decodeChunks(octets);
        const segments = decodeChunks(cut(octets, places), { segmentSize });
        for (const chunk of whole) checkSegments(chunk, takeChunk(segments), segmentSize);
        expect(segments).toEqual([]);
      }),
    );
  });

  test('a kept view never changes, and is memory of the read that it came in', () => {
    fc.assert(
      fc.property(arbitrary.chunks, fc.integer({ min: 1, max: 200 }), (chunks, step) => {
        const octets = encode(chunks);
        const places = Array.from({ length: Math.floor(octets.length / step) }, (_, index) => index * step);
        const reads = cut(octets, places).map((read) => Buffer.from(Uint8Array.from(read).buffer));
        const { parts } = decode(reads);
        for (const part of parts) expect(reads.some((read) => read.buffer === part.buffer)).toBe(true);
        const before = parts.map((part) => part.toString('latin1'));
        decode(reads);
        expect(parts.map((part) => part.toString('latin1'))).toEqual(before);
        expect(Buffer.concat(reads).equals(octets)).toBe(true);
      }),
    );
  });
});

function plain(chunk: Chunk): unknown {
  const { transactionId, method, code, comment, continuation, hasBody } = chunk;
  return {
    transactionId,
    method,
    code,
    comment,
    continuation,
    hasBody,
    headers: chunk.headers.entries,
    body: chunk.data.toString('latin1'),
  };
}

function startOf(head: { method: string | undefined; code: number | undefined; comment: string | undefined }): string {
  if (head.method !== undefined) return head.method;
  const code = String(head.code).padStart(3, '0');
  return head.comment === undefined ? code : `${code} ${head.comment}`;
}

/** Valid frames with a few octets changed, lost or put in. */
function mangled(): fc.Arbitrary<{ octets: Buffer; places: number[] }> {
  const seeds = vectors.valid.map(({ file }) => octetsOf(file)).filter((octets) => octets.length < 3000);
  const change = fc.record({
    at: fc.nat(3000),
    remove: fc.nat(3),
    insert: fc.constantFrom('', '\r', '\n', '\r\n', '-', ' ', ':', '\0', '\xff', '$', 'a', 'MSRP '),
  });
  return fc
    .record({
      seed: fc.constantFrom(...seeds),
      changes: fc.array(change, { maxLength: 4 }),
      places: fc.array(fc.nat(3000), { maxLength: 6 }),
    })
    .map(({ seed, changes, places }) => {
      let text = seed.toString('latin1');
      for (const { at, remove, insert } of changes) text = text.slice(0, at) + insert + text.slice(at + remove);
      const octets = Buffer.from(text, 'latin1');
      return { octets, places: places.map((place) => place % (octets.length + 1)) };
    });
}

function same(octets: Buffer, places: number[], tolerant: boolean): void {
  const whole = describeFrames(decode([octets], { tolerant }));
  expect(
    describeFrames(
      decode(
        cut(
          octets,
          places.map((place) => Math.min(place, octets.length)),
        ),
        { tolerant },
      ),
    ),
  ).toBe(whole);
  expect(describeFrames(decode(byteByByte(octets), { tolerant }))).toBe(whole);
  const decoder = new ChunkDecoder({ onHead: () => {}, onBody: () => {}, onEnd: () => {} }, { tolerant });
  try {
    decoder.write(octets);
    decoder.end();
  } catch (error) {
    expect(error).toBeInstanceOf(MSRPError);
  }
}

/** The segments up to the one that ends a chunk, or the one whole chunk. */
function takeChunk(chunks: Chunk[]): Chunk[] {
  if (chunks[0]?.segment === undefined) return chunks.splice(0, 1);
  const next = chunks.findIndex((chunk, index) => index > 0 && (chunk.segment === undefined || chunk.segment === 1));
  return chunks.splice(0, next === -1 ? chunks.length : next);
}

function checkSegments(chunk: Chunk, segments: Chunk[], segmentSize: number): void {
  expect(Buffer.concat(segments.flatMap(({ parts }) => parts)).equals(chunk.data)).toBe(true);
  expect(segments.at(-1)?.continuation).toBe(chunk.continuation);
  if (segments.length === 1 && segments[0]?.segment === undefined) {
    expect(segments[0]?.headers.entries).toEqual(chunk.headers.entries);
    return;
  }
  let start = chunk.byteRange?.start ?? 1;
  for (const [index, segment] of segments.entries()) {
    expect(segment.segment).toBe(index + 1);
    const end = start + segment.size - 1;
    const total = chunk.byteRange?.total;
    expect(segment.byteRange).toEqual({ start, end, total: total === undefined || end > total ? undefined : total });
    expect(segment.headers.without('Byte-Range').entries).toEqual(chunk.headers.without('Byte-Range').entries);
    if (index < segments.length - 1) {
      expect(segment.continuation).toBe('+');
      expect(segment.size).toBeGreaterThanOrEqual(Math.max(segmentSize, 1));
    }
    start = end + 1;
  }
}
