// Decodes octets cut in any way and tells what came out, in a form that can be compared.

import { ChunkDecoder, ChunkParseError, type DecoderOptions, type Head } from '../../codec/index.ts';

export interface Frame {
  head: Head;
  body: Buffer;
  flag: string;
  offset: number;
  end: number;
}

export interface Fault {
  kind: string;
  action: string;
  status: number | undefined;
  offset: number;
  /** Where reading went on; undefined when it did not. */
  end: number | undefined;
  head: Head | undefined;
}

export interface Decoded {
  frames: Frame[];
  faults: Fault[];
  /** The views given out. */
  parts: Buffer[];
}

/** Runs the decoder over `reads` until they end or the connection would be closed. */
export function decode(reads: Iterable<Buffer>, options: DecoderOptions = {}): Decoded {
  const decoded: Decoded = { frames: [], faults: [], parts: [] };
  let head: Head | undefined;
  let body: Buffer[] = [];
  const decoder: ChunkDecoder = new ChunkDecoder(
    {
      onHead(begun) {
        head = begun;
        body = [];
      },
      onBody(bytes) {
        if (head === undefined || bytes.length === 0) throw new Error('a body out of place');
        body.push(bytes);
        decoded.parts.push(bytes);
      },
      onEnd(flag) {
        const { offset } = head!;
        decoded.frames.push({ head: head!, body: Buffer.concat(body), flag, offset, end: decoder.offset });
        head = undefined;
      },
      onInvalid(error, invalid) {
        decoded.faults.push(faultOf(error, decoder.offset, invalid));
        head = undefined;
      },
    },
    options,
  );
  try {
    for (const read of reads) decoder.write(read);
    decoder.end();
  } catch (error) {
    if (!(error instanceof ChunkParseError)) throw error;
    decoded.faults.push(faultOf(error, undefined, undefined));
  }
  return decoded;
}

function faultOf(error: ChunkParseError, end: number | undefined, head: Head | undefined): Fault {
  return { kind: error.kind, action: error.action, status: error.status, offset: error.offset, end, head };
}

/** The same as text: equal for equal results. */
export function describe(decoded: Decoded): string {
  const frames = decoded.frames.map(({ head, body, flag, offset, end }) => {
    const range = head.byteRange;
    const typed = `${head.toPath} ${head.fromPath} ${head.messageId} ${range?.start} ${range?.end} ${range?.total} ${head.contentType}`;
    const start = `${offset}-${end} ${head.transactionId} ${head.method} ${head.code} ${head.comment} ${head.hasBody} ${flag}`;
    return `${start}\n${head.headers.format()}${typed}\n${body.toString('latin1')}`;
  });
  const faults = decoded.faults.map(
    (f) => `${f.kind} ${f.action} ${f.status} ${f.offset} ${f.end} ${f.head?.transactionId}`,
  );
  return [...frames, ...faults].join('\n');
}

/** `input` cut at the given places. */
export function cut(input: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...[...places].sort((a, b) => a - b), input.length];
  return edges.slice(1).map((end, index) => input.subarray(edges[index], end));
}

export function* byteByByte(input: Buffer): Generator<Buffer> {
  for (let at = 0; at < input.length; at++) yield input.subarray(at, at + 1);
}
