import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Chunk, type ChunkInit, decodeChunks, encodeChunk, type Head } from '../../codec/index.ts';
import { byteByByte, cut, decode, describe as describeFrames, type Frame } from '../support/frames.ts';
import { type FrameVector, octetsOf, vectors } from '../support/vectors.ts';

const modes = [{ tolerant: false }, { tolerant: true }];

/** A frame in the terms of the vectors, with just the fields that `like` has. */
function asVector(frame: Frame, like: Partial<FrameVector>): Partial<FrameVector> {
  const { head } = frame;
  const range = head.byteRange;
  const all: Record<string, unknown> = {
    type: head.method === undefined ? 'response' : 'request',
    transactionId: head.transactionId,
    method: head.method,
    status: head.code,
    comment: head.comment ?? null,
    toPath: head.toPath.map(String),
    fromPath: head.fromPath.map(String),
    headers: head.headers.entries,
    byteRange: range === undefined ? null : { start: range.start, end: range.end ?? null, total: range.total ?? null },
    messageId: head.messageId ?? null,
    failureReport: head.failureReport,
    successReport: head.successReport,
    hasBody: head.hasBody,
    bodyLength: frame.body.length,
    bodySha256: createHash('sha256').update(frame.body).digest('hex'),
    bodyText: frame.body.toString(),
    contentType: head.contentType,
    continuation: frame.flag,
    offset: frame.offset,
    length: frame.end - frame.offset,
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name in like));
}

function expected(vector: Partial<FrameVector>): Partial<FrameVector> {
  const { direction: _, note: __, ...rest } = vector as Partial<FrameVector> & { direction?: string; note?: string };
  return rest;
}

describe.each(modes)('valid frames, tolerant $tolerant', (options) => {
  test.each(vectors.valid)('$id has the fields it should', ({ file, frames }) => {
    const decoded = decode([octetsOf(file)], options);
    expect(decoded.faults).toEqual([]);
    expect(decoded.frames.map((frame, index) => asVector(frame, frames[index] ?? {}))).toEqual(frames.map(expected));
  });

  test.each(vectors.valid)('$id is the same octet by octet, and a second time behind itself', ({ file }) => {
    const octets = octetsOf(file);
    const whole = describeFrames(decode([octets], options));
    expect(describeFrames(decode(byteByByte(octets), options))).toBe(whole);
    const twice = decode([Buffer.concat([octets, octets])], options);
    expect(twice.frames.length).toBe(2 * decode([octets], options).frames.length);
    expect(twice.faults).toEqual([]);
  });

  test.each(vectors.valid)('$id encodes to the octets that it was decoded from', ({ file }) => {
    const octets = octetsOf(file);
    const chunks = decodeChunks(octets, options);
    expect(Buffer.concat(chunks.flatMap(encodeChunk)).equals(octets)).toBe(true);
    const copies = chunks.map((chunk) => new Chunk({ ...plain(chunk), headers: [...chunk.headers] }));
    expect(Buffer.concat(copies.flatMap(encodeChunk)).equals(octets)).toBe(true);
  });
});

function plain(chunk: Chunk): ChunkInit {
  const { transactionId, method, code, comment, continuation } = chunk;
  return {
    transactionId,
    continuation,
    ...(method !== undefined && { method }),
    ...(code !== undefined && { code }),
    ...(comment !== undefined && { comment }),
    ...(chunk.hasBody && { data: chunk.data }),
  };
}

test.each(vectors.valid)('$id is the same at every cut into two reads', { timeout: 120_000 }, ({ file }) => {
  const octets = octetsOf(file);
  for (const { part, from } of windows(octets)) {
    const whole = describeFrames(decode([part]));
    for (let at = from; at <= part.length; at++) {
      const isSame = describeFrames(decode(cut(part, [at]))) === whole;
      if (!isSame) expect(at, 'the result differs at this cut').toBeUndefined();
    }
  }
});

/** The octets, or of many frames each with the one before, which a cut in it could disturb: `from` is where the frame begins. */
function windows(octets: Buffer): { part: Buffer; from: number }[] {
  const { frames } = decode([octets]);
  if (frames.length < 20) return [{ part: octets, from: 0 }];
  return frames.map(({ offset, end }, index) => {
    const start = frames[index - 1]?.offset ?? 0;
    return { part: octets.subarray(start, end), from: offset - start };
  });
}

describe('lenient frames', () => {
  test.each(vectors.lenient)('$id is taken in tolerant mode at every cut', ({ file, lenientResult }) => {
    const octets = octetsOf(file);
    for (let at = 0; at <= octets.length; at++) {
      const decoded = decode(cut(octets, [at]), { tolerant: true });
      expect(decoded.faults).toEqual([]);
      expect(decoded.frames.map((frame, index) => asVector(frame, lenientResult[index] ?? {}))).toEqual(lenientResult);
    }
  });

  test.each(vectors.lenient)('$id in strict mode: $strictResult', ({ file, strictResult }) => {
    const decoded = decode([octetsOf(file)]);
    const [fault] = decoded.faults;
    if (strictResult === 'accept') expect(fault).toBeUndefined();
    else if (strictResult === 'close') expect(fault?.action).toBe('close');
    else expect(`${fault?.action} ${fault?.status}`).toBe(strictResult);
  });
});

describe('malformed frames', () => {
  const onTCP = vectors.malformed.filter(({ transport }) => transport !== 'websocket');
  const good = octetsOf('bind-bodiless-no-byte-range.msrp');

  test.each(onTCP)(
    '$id is $errorKind at every cut',
    ({ file, errorKind, expected: { action, status }, validFramesBefore }) => {
      const octets = octetsOf(file);
      const places =
        octets.length < 4000 ? Array.from({ length: octets.length + 1 }, (_, at) => at) : [0, 1, 17, 4095, 20_000];
      const whole = describeFrames(decode([octets]));
      for (const at of places) {
        const decoded = decode(cut(octets, [Math.min(at, octets.length)]));
        expect(decoded.frames).toHaveLength(validFramesBefore);
        const [fault] = decoded.faults;
        expect(fault).toMatchObject({ kind: errorKind, action: action === 'needMore' ? 'close' : action, status });
        expect(describeFrames(decoded)).toBe(whole);
      }
      expect(describeFrames(decode(byteByByte(octets)))).toBe(whole);
    },
  );

  test.each(onTCP.filter(({ expected: { action } }) => action === 'respond' || action === 'ignore'))(
    '$id leaves the connection in step',
    ({ file, expected: { transactionId, responseToPath } }) => {
      const octets = octetsOf(file);
      const decoded = decode([Buffer.concat([octets, good])]);
      const [fault] = decoded.faults;
      expect(fault?.end).toBe(octets.length);
      expect(decoded.frames).toHaveLength(1);
      if (transactionId !== undefined) expect(fault?.head?.transactionId).toBe(transactionId);
      if (responseToPath !== undefined) expect(replyPath(fault?.head)).toEqual(responseToPath);
    },
  );

  test.each(onTCP.filter(({ mustReject }) => mustReject))('$id is refused in tolerant mode too', ({ file }) => {
    expect(decode([octetsOf(file)], { tolerant: true }).faults).not.toEqual([]);
  });

  function replyPath(head: Head | undefined): string[] | undefined {
    const path = head?.fromPath.map(String);
    return head?.method === 'SEND' ? path?.slice(0, 1) : path;
  }
});
