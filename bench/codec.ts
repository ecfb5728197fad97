// The codec alone: decoding beside one Buffer.indexOf a read, encoding beside a plain concatenation.

import { createHash } from 'node:crypto';
import { Chunk, ChunkAssembler, ChunkDecoder, type ChunkSink, encodeChunk, type Head, URI } from '../codec/index.ts';
import { oracleDecode } from '../test/support/oracle.ts';
import { type Case, type Group, measure } from './rounds.ts';
import type { Measurement } from './row.ts';
import { cutInto, headOf, makeStream, pathsOf, Seeded, type Stream, type StreamShape } from './streams.ts';

const mebibyte = 1_048_576;

/** Counts what it is given. */
class Counter implements ChunkSink {
  chunks = 0;
  bytes = 0;
  /** So that nothing that is read may be left out. */
  sum = 0;

  onHead(_head: Head): void {
    this.chunks++;
  }

  onBody(bytes: Buffer): void {
    this.bytes += bytes.length;
  }

  onEnd(): void {}
}

/** Looks at every field as well. */
class FieldCounter extends Counter {
  override onHead(head: Head): void {
    this.chunks++;
    this.sum +=
      head.toPath.length +
      head.fromPath.length +
      head.transactionId.length +
      head.messageId!.length +
      head.byteRange!.start;
    this.sum += head.contentType!.length + head.failureReport.length + head.successReport.length;
  }
}

function decodeCase(
  name: string,
  stream: Stream,
  sinkOf: () => { sink: ChunkSink; counted: () => [number, number] },
): Case {
  const run = (): [number, number] => {
    const { sink, counted } = sinkOf();
    const decoder = new ChunkDecoder(sink);
    for (const read of stream.reads) decoder.write(read);
    decoder.end();
    return counted();
  };
  const check = (): void => {
    const [chunks, bytes] = run();
    if (chunks !== stream.chunks || bytes !== stream.bodyBytes) {
      throw new Error(`${name} found ${chunks} chunks with ${bytes} octets`);
    }
    if (hashOf(stream) !== stream.bodyHash) throw new Error(`${name} found other bodies`);
  };
  const work: Case = { name, units: stream.bytes, run, check };
  return stream.chunks > 1 ? { ...work, chunks: stream.chunks } : work;
}

function hashOf(stream: Stream): string {
  const hash = createHash('sha1');
  const decoder = new ChunkDecoder({ onHead: () => {}, onBody: (bytes) => void hash.update(bytes), onEnd: () => {} });
  for (const read of stream.reads) decoder.write(read);
  decoder.end();
  return hash.digest('hex');
}

function counting(counter: Counter): { sink: ChunkSink; counted: () => [number, number] } {
  return { sink: counter, counted: () => [counter.chunks, counter.bytes] };
}

function assembling(): { sink: ChunkSink; counted: () => [number, number] } {
  const total: [number, number] = [0, 0];
  const onChunk = (chunk: Chunk): void => {
    total[0]++;
    total[1] += chunk.size;
  };
  return { sink: new ChunkAssembler({ onChunk }), counted: () => total };
}

const absent = Buffer.from('-------thisMarkIsNowhere');

/** The limit of any protocol with delimiters: every octet is searched once. */
function anchor(stream: Stream): Case {
  const run = (): void => {
    for (const read of stream.reads) if (read.indexOf(absent) !== -1) throw new Error('the mark occurs');
  };
  return { name: 'one indexOf a read', units: stream.bytes, run, check: run };
}

/** Regular expressions on the whole text, for a sense of what plain code costs. */
function oracle(stream: Stream): Case {
  const octets = Buffer.concat(stream.reads.slice(0, 2));
  const whole = octets.subarray(0, octets.lastIndexOf('\r\nMSRP ') + 2);
  const run = (): number => oracleDecode(whole).length;
  const check = (): void => {
    if (run() === 0) throw new Error('the oracle found nothing');
  };
  return { name: 'naive oracle', units: whole.length, run, check };
}

function decodeGroup(shape: Omit<StreamShape, 'totalBytes'>, reach: number): Group {
  const stream = makeStream({ ...shape, totalBytes: 16 * mebibyte });
  const count = shape.eachItsMessage ? (): Counter => new FieldCounter() : (): Counter => new Counter();
  const cases = [
    anchor(stream),
    decodeCase('ChunkDecoder', stream, () => counting(count())),
    decodeCase('ChunkDecoder and ChunkAssembler', stream, assembling),
  ];
  if (shape.bodyBytes < 4096) cases.push(oracle(stream));
  const group: Group = { unit: 'B', cases, reach };
  return shape.eachItsMessage ? { ...group, chunksReach: 1e6 } : group;
}

/** Frames that are little more than their heads: of one session, and of more sessions than the decoder keeps forms of. */
function headsGroup(): Group {
  const shape = { bodyBytes: 2, eachItsMessage: false, totalBytes: mebibyte };
  const cases = [1, 4, 64].map((sessions): Case => {
    const stream = makeStream({ ...shape, sessions });
    const made = decodeCase(`heads of ${sessions} sessions in turn`, stream, () => counting(new FieldCounter()));
    const { chunks: _, ...rest } = made;
    return { ...rest, units: stream.chunks };
  });
  return { unit: 'op', cases };
}

/** A head of 64 KiB in one read and in reads of 8 octets, which may take four times as long. */
function headGroup(): Group {
  const seeded = new Seeded();
  const lines = `X-Line: ${'y'.repeat(500)}\r\n`.repeat(128).slice(0, 65_000);
  const head = headOf(
    seeded.id(),
    pathsOf(seeded) + lines.slice(0, lines.lastIndexOf('\r\n') + 2),
    seeded.id(),
    '1-2/2',
  );
  const octets = Buffer.from(`${head}hi\r\n-------${head.slice(5, 21)}$\r\n`);
  const bodyHash = createHash('sha1').update('hi').digest('hex');
  const stream = (reads: readonly Buffer[]): Stream => ({
    reads,
    bytes: octets.length,
    chunks: 1,
    bodyBytes: 2,
    bodyHash,
  });
  const cases = [
    decodeCase('whole', stream([octets]), () => counting(new Counter())),
    decodeCase('in reads of 8 octets', stream(cutInto(octets, 8)), () => counting(new Counter())),
  ];
  return { unit: 'B', cases, reach: 0.25 };
}

/** A thousand chunks of one message, encoded and put together plainly. */
function encodeGroup(bodyBytes: number): Group {
  const seeded = new Seeded();
  const fields: [string, string][] = pathsOf(seeded)
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(': ') as [string, string]);
  const data = seeded.bytes(bodyBytes);
  const rest: [string, string][] = [
    ['Message-ID', seeded.id()],
    ['Byte-Range', '1-*/1000000000'],
    ['Content-Type', 'application/octet-stream'],
  ];
  const chunks = Array.from(
    { length: 1024 },
    () => new Chunk({ transactionId: seeded.id(), method: 'SEND', headers: [...fields, ...rest], data }),
  );
  const texts = chunks.map(
    (chunk) =>
      [
        `MSRP ${chunk.transactionId} SEND\r\n${chunk.headers.format()}\r\n`,
        `\r\n-------${chunk.transactionId}$\r\n`,
      ] as const,
  );
  let total = 0;
  const plain = (): void => {
    for (const [head, end] of texts) {
      total += Buffer.concat([Buffer.from(head, 'latin1'), data, Buffer.from(end, 'latin1')]).length;
    }
  };
  const encode = (): void => {
    for (const chunk of chunks) total += encodeChunk(chunk).length;
  };
  const check = (): void => {
    const same = chunks.every((chunk, index) =>
      Buffer.concat(encodeChunk(chunk)).equals(
        Buffer.concat([Buffer.from(texts[index]![0]), data, Buffer.from(texts[index]![1])]),
      ),
    );
    if (!same || total < 0) throw new Error('encodeChunk gives other octets');
  };
  const cases = [
    { name: 'concatenation of made texts and body', units: 1024, run: plain, check: plain },
    { name: 'encodeChunk', units: 1024, run: encode, check },
  ];
  return { unit: 'op', cases };
}

function repeat(work: () => boolean): () => void {
  return () => {
    for (let count = 0; count < 1024; count++) if (!work()) throw new Error('a URI is not what it should be');
  };
}

function uriGroup(): Group {
  const text = 'msrp://alice.example.com:2855/iau39soe2843zAbC;tcp';
  const [a, b] = [URI.parse(text), URI.parse(text.toUpperCase().replace('IAU39SOE2843ZABC', 'iau39soe2843zAbC'))];
  const works: [string, () => boolean][] = [
    ['regular expression', () => /^(msrps?):\/\/([^:/;]+):(\d+)\/([^;]+);(\w+)$/.test(text)],
    ['URI.parse', () => URI.parse(text).port === 2855],
    ['equals', () => a.equals(b)],
    ['parse and equals', () => URI.parse(text).equals(a)],
  ];
  return {
    unit: 'op',
    cases: works.map(([name, work]) => ({ name, units: 1024, run: repeat(work), check: repeat(work) })),
  };
}

function measurement(name: string, make: () => Group): Measurement {
  return { name, rows: (effort) => measure(name, make(), effort) };
}

const one = { sessions: 1, eachItsMessage: false };
const small = { bodyBytes: 100, sessions: 4, eachItsMessage: true };

export const codecMeasurements: readonly Measurement[] = [
  measurement('decode, 1 MiB bodies', () => decodeGroup({ ...one, bodyBytes: mebibyte }, 0.85)),
  measurement('decode, 64 KiB bodies', () => decodeGroup({ ...one, bodyBytes: 65_536 }, 0.85)),
  measurement('decode, 8 KiB bodies', () => decodeGroup({ ...one, bodyBytes: 8192 }, 0.55)),
  measurement('decode, 2 KiB bodies', () => decodeGroup({ ...one, bodyBytes: 2048 }, 0.4)),
  measurement('decode, 100 B bodies, each its message, four sessions, all fields', () => decodeGroup(small, 0.07)),
  measurement('decode, a head of 64 KiB', headGroup),
  measurement('decode, heads with all fields', headsGroup),
  measurement('encode, 64 KiB bodies', () => encodeGroup(65_536)),
  measurement('encode, 2 KiB bodies', () => encodeGroup(2048)),
  measurement('encode, 100 B bodies', () => encodeGroup(100)),
  measurement('URI', uriGroup),
];
