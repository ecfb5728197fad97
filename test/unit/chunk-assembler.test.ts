import { describe, expect, test } from 'vitest';
import { type Chunk, decodeChunks, encodeChunk } from '../../codec/index.ts';
import { cut } from '../support/frames.ts';
import { octetsOf } from '../support/vectors.ts';

const paths = 'To-Path: msrp://y.example.com:2855/eeee;tcp\r\nFrom-Path: msrp://x.example.com:2855/aaaa;tcp\r\n';

function frame(body: string, range: string | undefined, flag = '$'): { octets: Buffer; bodyAt: number } {
  const fields = range === undefined ? '' : `Byte-Range: ${range}\r\n`;
  const head = `MSRP abcd SEND\r\n${paths}Message-ID: mmmm\r\n${fields}Content-Type: text/plain\r\n\r\n`;
  return { octets: Buffer.from(`${head}${body}\r\n-------abcd${flag}\r\n`), bodyAt: head.length };
}

/** Decodes with cuts at the given places of the body. */
function segmentsOf(
  body: string,
  range: string | undefined,
  places: number[],
  segmentSize: number | undefined,
  flag = '$',
): string[] {
  const { octets, bodyAt } = frame(body, range, flag);
  const reads = cut(
    octets,
    places.map((place) => bodyAt + place),
  );
  return decodeChunks(reads, segmentSize === undefined ? {} : { segmentSize }).map(line);
}

function line(chunk: Chunk): string {
  return `${chunk.segment} ${chunk.headers.get('Byte-Range')} ${chunk.data} ${chunk.continuation}`;
}

describe('virtual chunks', () => {
  test('a chunk that was never cut is as it came', () => {
    expect(segmentsOf('abcdefghi', '1-*/9', [3, 6], undefined)).toEqual(['undefined 1-*/9 abcdefghi $']);
    expect(segmentsOf('abcdefghi', '1-*/9', [], 0)).toEqual(['undefined 1-*/9 abcdefghi $']);
    expect(segmentsOf('abcdefghi', '1-*/9', [3, 6], 10)).toEqual(['undefined 1-*/9 abcdefghi $']);
  });

  test('segments are cut where reads end, once they have reached the size', () => {
    expect(segmentsOf('abcdefghi', '1-*/9', [4, 7], 3)).toEqual(['1 1-4/9 abcd +', '2 5-7/9 efg +', '3 8-9/9 hi $']);
    expect(segmentsOf('abcdefghi', '1-*/9', [2, 4, 7], 3)).toEqual(['1 1-4/9 abcd +', '2 5-7/9 efg +', '3 8-9/9 hi $']);
  });

  test('size 0 gives out whatever has arrived', () => {
    expect(segmentsOf('abc', '7-9/20', [0, 1, 2], 0, '+')).toEqual(['1 7-7/20 a +', '2 8-8/20 b +', '3 9-9/20 c +']);
  });

  test('the last segment is empty when the end-line came alone', () => {
    expect(segmentsOf('abc', '1-*/3', [3], 0)).toEqual(['1 1-3/3 abc +', '2 4-3/3  $']);
    expect(segmentsOf('abc', '1-*/3', [3], 0, '#')).toEqual(['1 1-3/3 abc +', '2 4-3/3  #']);
  });

  test('a total that the octets have passed is no total', () => {
    expect(segmentsOf('abcdef', '1-*/4', [2, 5], 0)).toEqual(['1 1-2/4 ab +', '2 3-5/* cde +', '3 6-6/* f $']);
  });

  test('without a Byte-Range they count from 1, of an unknown total', () => {
    expect(segmentsOf('abcd', undefined, [2], 0)).toEqual(['1 1-2/* ab +', '2 3-4/* cd $']);
  });

  test('a segment cannot be encoded', () => {
    const { octets, bodyAt } = frame('abcd', '1-*/4');
    const [first] = decodeChunks(cut(octets, [bodyAt + 2]), { segmentSize: 0 });
    expect(() => encodeChunk(first!)).toThrow(expect.objectContaining({ code: 'MSRP_ERR_STATE' }));
  });

  test.each([0, 1, 1000, 65_536, 1_000_000])(
    'size hint %i keeps body, order, flags and ranges at every cut of a large chunk',
    (segmentSize) => {
      const octets = octetsOf('interrupt-and-resume.msrp');
      const whole = decodeChunks(octets);
      for (let at = 0; at <= octets.length; at++) {
        const chunks = decodeChunks(cut(octets, [at]), { segmentSize });
        const cutOnes = chunks.filter(({ segment }) => segment !== undefined);
        expect([0, 2]).toContain(cutOnes.length);
        expect(
          Buffer.concat(chunks.flatMap(({ parts }) => parts)).equals(Buffer.concat(whole.map(({ data }) => data))),
        ).toBe(true);
        if (cutOnes.length === 0) continue;
        const [first, last] = cutOnes as [Chunk, Chunk];
        expect(first.size).toBeGreaterThanOrEqual(Math.max(1, segmentSize));
        expect([first.segment, first.continuation, last.segment]).toEqual([1, '+', 2]);
        expect(last.byteRange?.start).toBe(first.byteRange!.end! + 1);
      }
    },
  );
});
