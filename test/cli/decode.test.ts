import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../cli/frame-reader.ts';
import { formatFaultText, formatFrameText, shownBytes } from '../../cli/frame-text.ts';
import type { Style } from '../../cli/style.ts';
import { byteByByte, cut } from '../support/frames.ts';
import { type FrameVector, octetsOf, vectors } from '../support/vectors.ts';
import { msrp } from './msrp.ts';

const pathOf = (file: string): string => fileURLToPath(new URL(`../vectors/${file}`, import.meta.url));

interface Line extends FrameVector {
  error?: { kind: string; action: string; status?: number; offset: number; message: string };
}

function linesOf(stdout: string): Line[] {
  expect(stdout === '' || stdout.endsWith('\n')).toBe(true);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** What the JSON of a frame must be, all of it; `from` is where its file begins in the stream. */
function expected(vector: FrameVector, from: number): object {
  const { bodyText: _, direction: __, note: ___, ...frame } = vector as FrameVector & Record<string, unknown>;
  return { ...frame, contentType: frame.contentType ?? null, offset: from + frame.offset };
}

function streamOf(files: readonly { file: string; frames: FrameVector[] }[]): { octets: Buffer; frames: object[] } {
  const octets: Buffer[] = [];
  const frames: object[] = [];
  let at = 0;
  for (const { file, frames: own } of files) {
    for (const frame of own) frames.push(expected(frame, at));
    octets.push(octetsOf(file));
    at += octetsOf(file).length;
  }
  return { octets: Buffer.concat(octets), frames };
}

describe('the vectors', () => {
  test.each([['--json'], ['--json', '--tolerant']])(
    'all valid frames in one stream have the fields they should, %s %s',
    async (...args) => {
      const semantic = vectors.semantic.map(({ file, frame }) => ({ file, frames: [frame] }));
      const { octets, frames } = streamOf([...vectors.valid, ...semantic]);
      const { stdout, stderr, exitCode } = await msrp(['decode', ...args], octets);
      expect(linesOf(stdout)).toEqual(frames);
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    },
  );

  test.concurrent.each(vectors.lenient)(
    '$id is taken with --tolerant, and without it only where it may be',
    async ({ file, strictResult, lenientResult }) => {
      const tolerant = await msrp(['decode', '--json', '--tolerant', pathOf(file)]);
      expect(linesOf(tolerant.stdout)).toMatchObject(lenientResult);
      expect(tolerant.exitCode).toBe(0);
      const strict = await msrp(['decode', '--json', pathOf(file)]);
      const [action, status] = strictResult.split(' ');
      const error = linesOf(strict.stdout).find((line) => line.error !== undefined)?.error;
      expect(error?.action ?? 'accept').toBe(action);
      expect(error?.status).toBe(status === undefined ? undefined : Number(status));
      expect(strict.exitCode).toBe(action === 'accept' ? 0 : 1);
    },
  );

  const malformed = vectors.malformed.filter(({ transport }) => transport !== 'websocket');
  const actionOf = (action: string): string => (action === 'needMore' ? 'close' : action);

  test.concurrent.each(malformed)(
    '$id is $errorKind',
    async ({ file, errorKind, expected: { action, status }, validFramesBefore }) => {
      const { stdout, stderr, exitCode } = await msrp(['decode', '--json', pathOf(file)]);
      const lines = linesOf(stdout);
      expect(lines.length).toBe(validFramesBefore + 1);
      const { error } = lines[validFramesBefore]!;
      expect(error).toEqual({
        kind: errorKind,
        action: actionOf(action),
        ...(action === 'respond' && { status }),
        offset: validFramesBefore === 0 ? 0 : expect.any(Number),
        message: expect.stringMatching(/./),
      });
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
    },
  );

  test('reading goes on behind each that keeps the connection, however many they are', async () => {
    const kept = malformed.filter(({ expected: { action } }) => action === 'respond' || action === 'ignore');
    const good = vectors.valid[0]!;
    const { stdout, exitCode } = await msrp(
      ['decode', '--json'],
      Buffer.concat([...kept, good].map(({ file }) => octetsOf(file))),
    );
    const lines = linesOf(stdout);
    expect(lines.slice(0, kept.length).map(({ error }) => error?.kind)).toEqual(kept.map(({ errorKind }) => errorKind));
    expect(lines.slice(kept.length).map(({ transactionId }) => transactionId)).toEqual(
      good.frames.map(({ transactionId }) => transactionId),
    );
    expect(exitCode).toBe(1);
  });

  test('reading stops where the connection would be closed', async () => {
    const fatal = octetsOf('b108-garbage-after-frame.bad.msrp');
    const { stdout } = await msrp(['decode', '--json'], Buffer.concat([fatal, octetsOf(vectors.valid[0]!.file)]));
    expect(linesOf(stdout).map(({ error }) => error?.kind)).toEqual([undefined, 'bad-start-line']);
  });
});

describe('JSON', () => {
  test('has its fields in a fixed order', async () => {
    const { stdout } = await msrp(['decode', '--json', pathOf('rfc4975-s04-fig2-exact.msrp')]);
    const [request, response] = linesOf(stdout).map((line) => Object.keys(line).join(' '));
    const paths = 'transactionId toPath fromPath headers byteRange messageId';
    expect(request).toBe(
      `type method ${paths} failureReport successReport hasBody bodyLength bodySha256 contentType continuation offset length`,
    );
    expect(response).toBe(`type status comment ${paths} hasBody bodyLength contentType continuation offset length`);
  });

  test('prints URIs with the octets that they came in', async () => {
    const uri = 'MSRP://Al%69ce@EXAMPLE.com:2855/a%2Bb;TCP;x=Y'.replace('%2B', '+');
    const frame = `MSRP abcd SEND\r\nTo-Path: ${uri}\r\nFrom-Path: msrp://[2001:DB8::0:1]:9/x;tcp\r\n-------abcd$\r\n`;
    const { stdout } = await msrp(['decode', '--json'], frame);
    expect(linesOf(stdout)[0]).toMatchObject({ toPath: [uri], fromPath: ['msrp://[2001:DB8::0:1]:9/x;tcp'] });
  });
});

const head = 'To-Path: msrp://b.example:9/b;tcp\r\nFrom-Path: msrp://a.example:9/a;tcp\r\n';
const long = `${'long '.repeat(40)}\n${'line\n'.repeat(200)}`;
const sample = Buffer.concat([
  Buffer.from(
    `MSRP aaaa SEND\r\n${head}Message-ID: m001\r\nContent-Type: text/plain\r\n\r\nHello, wörld\r\n-------aaaa$\r\n`,
  ),
  Buffer.from(`MSRP aaaa 200\r\n${head}-------aaaa$\r\nMSRP bbbb 481 No \u202esession\r\n${head}-------bbbb$\r\n`),
  Buffer.from(
    `MSRP cccc SEND\r\n${head}Message-ID: m002\r\nByte-Range: 1-*/90\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n`,
    'latin1',
  ),
  Buffer.from(
    `${'\0'.repeat(40)}\r\n-------cccc+\r\nMSRP dddd SEND\r\n${head}Message-ID: m003\r\nContent-Type: text/plain\r\n\r\n${long}\r\n`,
  ),
  Buffer.from(
    `-------dddd#\r\nMSRP eeee SEND\r\n${head}Message-ID: m004\r\nX-Odd: \x1b[31m\xff\r\n-------eeee$\r\nGET / HTTP/1.1\r\nHost: x\r\n`,
    'latin1',
  ),
]);

describe('human output', () => {
  test('is a block for each frame, without colours in a pipe', async () => {
    const { stdout, stderr, exitCode } = await msrp(['decode'], sample);
    expect(stdout).toMatchInlineSnapshot(`
      "@0 MSRP aaaa SEND
        To-Path: msrp://b.example:9/b;tcp
        From-Path: msrp://a.example:9/a;tcp
        Message-ID: m001
        Content-Type: text/plain
        │ Hello, wörld
        $ complete, body of 13 bytes, sha256 d4c1cd3d701a

      @163 MSRP aaaa 200
        To-Path: msrp://b.example:9/b;tcp
        From-Path: msrp://a.example:9/a;tcp
        $ complete, no body

      @264 MSRP bbbb 481 No \\u202esession
        To-Path: msrp://b.example:9/b;tcp
        From-Path: msrp://a.example:9/a;tcp
        $ complete, no body

      @379 MSRP cccc SEND
        To-Path: msrp://b.example:9/b;tcp
        From-Path: msrp://a.example:9/a;tcp
        Message-ID: m002
        Byte-Range: 1-*/90
        Content-Type: image/png
        │ 89 50 4e 47 0d 0a 1a 0a  00 00 00 00 00 00 00 00  .PNG............
        │ 00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  ................
        + more follows, body of 48 bytes, sha256 93497ee4808a

      @596 MSRP dddd SEND
        To-Path: msrp://b.example:9/b;tcp
        From-Path: msrp://a.example:9/a;tcp
        Message-ID: m003
        Content-Type: text/plain
        │ long long long long long long long long long long long long long long long long long long long long long long …
        │ line
        │ line
        │ line
        │ line
        │ line
        │ …
        # given up by the sender, body of 1,201 bytes, sha256 d5c260835823

      @1947 malformed: bad-utf8
        a header line that is not UTF-8
        │ MSRP eeee SEND
        │ To-Path: msrp://b.example:9/b;tcp
        │ From-Path: msrp://a.example:9/a;tcp
        │ Message-ID: m004
        │ X-Odd: \\x1b[31m\\xff
        │ -------eeee$
        respond with 400; the connection stays

      @2082 malformed: bad-start-line
        a frame begins with "MSRP "
        │ GET / HTTP/1.1
        │ Host: x
        close the connection without an answer; reading stops here

      "
    `);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  });

  test('has colours where they are forced', async () => {
    const { stdout } = await msrp(['decode'], sample, { FORCE_COLOR: '1' });
    const plain = (await msrp(['decode'], sample)).stdout;
    expect(stdout.replaceAll(/\x1b\[\d+m/g, '')).toBe(plain);
    expect(
      stdout
        .replaceAll(/\x1b\[(\d+)m/g, '<$1>')
        .split('\n\n')
        .filter((_, index) => index !== 3 && index !== 4),
    ).toMatchInlineSnapshot(`
      [
        "<2>@0<22> <2>MSRP<22> aaaa <1><36>SEND<39><22>
        <2>To-Path:<22> msrp://b.example:9/b;tcp
        <2>From-Path:<22> msrp://a.example:9/a;tcp
        <2>Message-ID:<22> m001
        <2>Content-Type:<22> text/plain
        <2>│<22> Hello, wörld
        <32>$ complete<39><2>, body of 13 bytes, sha256 d4c1cd3d701a<22>",
        "<2>@163<22> <2>MSRP<22> aaaa <1><32>200<39><22>
        <2>To-Path:<22> msrp://b.example:9/b;tcp
        <2>From-Path:<22> msrp://a.example:9/a;tcp
        <32>$ complete<39><2>, no body<22>",
        "<2>@264<22> <2>MSRP<22> bbbb <1><33>481 No \\u202esession<39><22>
        <2>To-Path:<22> msrp://b.example:9/b;tcp
        <2>From-Path:<22> msrp://a.example:9/a;tcp
        <32>$ complete<39><2>, no body<22>",
        "<2>@1947<22> <1><31>malformed: bad-utf8<39><22>
        <31>a header line that is not UTF-8<39>
        <31>│<39> MSRP eeee SEND
        <31>│<39> To-Path: msrp://b.example:9/b;tcp
        <31>│<39> From-Path: msrp://a.example:9/a;tcp
        <31>│<39> Message-ID: m004
        <31>│<39> X-Odd: \\x1b[31m\\xff
        <31>│<39> -------eeee$
        <1>respond<22> <2>with 400; the connection stays<22>",
        "<2>@2082<22> <1><31>malformed: bad-start-line<39><22>
        <31>a frame begins with "MSRP "<39>
        <31>│<39> GET / HTTP/1.1
        <31>│<39> Host: x
        <1>close<22> <2>the connection without an answer; reading stops here<22>",
        "",
      ]
    `);
  });

  test('is the same however the input is cut', () => {
    // Of what is no frame, all that was read is shown: so this ends within one.
    const frames = Buffer.concat([sample.subarray(0, sample.indexOf('GET')), Buffer.from('MSRP ffff SEND\r\nTo-P')]);
    const whole = textOf([frames]);
    expect(textOf(byteByByte(frames))).toBe(whole);
    for (let at = 1; at < frames.length; at++) expect(textOf(cut(frames, [at]))).toBe(whole);
  });
});

function textOf(reads: Iterable<Buffer>): string {
  let text = '';
  const plain: Style = (_, words) => words;
  const reader = new FrameReader(
    {
      onFrame: (frame) => (text += formatFrameText(frame, plain)),
      onFault: (fault, start) => (text += formatFaultText(fault, start, plain)),
    },
    { tolerant: false, startBytes: shownBytes },
  );
  for (const read of reads) reader.read(read);
  reader.end();
  return `${text}${reader.frames} ${reader.malformed}`;
}
