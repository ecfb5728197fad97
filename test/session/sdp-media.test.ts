// The media section as a value: what is written is read, whatever is read is safe, and other media stay as they were.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MSRPError, URI } from '../../codec/index.ts';
import { fingerprintOf, type FingerprintHash } from '../../net/index.ts';
import {
  commonTypes,
  type FileAttributes,
  formatFileSelector,
  MSRPMedia,
  type MSRPMediaInit,
  parseFileSelector,
  refusalOf,
  renewalOf,
  SessionDescription,
} from '../../session/index.ts';
import { uri } from '../support/arbitrary.ts';
import { faultOf } from '../support/fault.ts';

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-._+'), minLength: 1, maxLength: 12 });
const mediaType = fc.oneof(
  fc.constantFrom('*', 'text/*', 'message/cpim', 'text/plain;charset=utf-8', 'a/b;c="d e"'),
  fc.tuple(token, token).map(([type, subtype]) => `${type}/${subtype}`),
);
const digest = fc
  .tuple(fc.constantFrom<FingerprintHash>('sha-1', 'sha-256', 'sha-384', 'sha-512'), fc.uint8Array({ maxLength: 9 }))
  .map(([hash, bytes]) => fingerprintOf(bytes, hash));
const text = fc
  .string({
    unit: fc.oneof(fc.constantFrom(...' %"/\\\r\n\0:;=%2F', 'ä', '☃', '😀', '\u2028'), fc.string({ maxLength: 1 })),
  })
  .filter((name) => name !== '' && !/\p{Surrogate}/u.test(name));
const date = fc
  .integer({ min: Date.UTC(1990) / 1000, max: Date.UTC(2100) / 1000 })
  .map((seconds) => new Date(seconds * 1000));
const positive = fc.integer({ min: 1, max: 1e12 });

const file: fc.Arbitrary<FileAttributes> = fc.record(
  {
    selector: fc.record(
      {
        name: text,
        size: positive,
        type: fc.constantFrom('text/plain', 'a/b;n="x y"', 'a/b;n="%41 \\"q\\" \\\\";m=""'),
        hashes: fc.array(digest, { minLength: 1, maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    transferId: token,
    disposition: token,
    icon: token.map((id) => `cid:${id}`),
    dates: fc
      .record({ creation: date, modification: date, read: date }, { requiredKeys: [] })
      .filter((dates) => Object.keys(dates).length > 0),
    range: fc.oneof(
      positive.map((start) => ({ start })),
      fc.tuple(positive, fc.nat(1e6)).map(([start, more]) => ({ start, end: start + more })),
    ),
  },
  { requiredKeys: ['selector'] },
);

const init: fc.Arbitrary<MSRPMediaInit> = fc.record(
  {
    path: fc.array(uri.map(URI.parse), { maxLength: 3 }),
    acceptTypes: fc.array(mediaType, { maxLength: 4 }),
    acceptWrappedTypes: fc.array(mediaType, { maxLength: 4 }),
    maxSize: fc.nat(Number.MAX_SAFE_INTEGER),
    direction: fc.constantFrom('sendrecv', 'sendonly', 'recvonly', 'inactive'),
    setup: fc.constantFrom('active', 'passive', 'actpass'),
    cema: fc.boolean(),
    fingerprints: fc.array(digest, { maxLength: 3 }),
    file,
    chatroom: fc.array(token, { maxLength: 3 }),
    port: fc.integer({ min: 0, max: 65_535 }),
    protocol: fc.constantFrom('TCP/MSRP', 'TCP/TLS/MSRP', 'UDP/X'),
    format: fc.constantFrom('*', 'text/plain', '1 2'),
    address: fc.constantFrom('192.0.2.1', '2001:db8::1', 'a.example'),
    lines: fc.uniqueArray(
      fc.constantFrom('a=mid:1', 'a=x', 'a=fingerprint:MD5 00', 'a=label:ä b', 'i=x', 'b=AS:64', 'k=prompt'),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: [] },
);

const head = 'v=0\r\no=- 1 1 IN IP4 h.example\r\ns=-\r\nt=0 0\r\n';

function mediaOf(...lines: string[]): MSRPMedia {
  const [media] = SessionDescription.parse(`${head}${lines.map((line) => `${line}\r\n`).join('')}`).media;
  if (media === undefined) throw new Error('that is no m=message');
  return media;
}

describe('what is written is read', () => {
  test('for any media section', () => {
    fc.assert(
      fc.property(init, (parts) => {
        const media = new MSRPMedia(parts);
        expect(SessionDescription.parse(head + media.toString()).media[0]).toEqual(media);
        expect(media.with({})).toEqual(media);
      }),
    );
  });

  test('for any file name, without a character that ends the line or leads out of a folder', () => {
    fc.assert(
      fc.property(text, (name) => {
        const written = formatFileSelector({ name });
        expect(written).toMatch(/^name:"[^\0\r\n"/\\]*"$/);
        expect(parseFileSelector(written)).toEqual({ name });
      }),
    );
  });
});

const fragment = fc.oneof(
  fc.constantFrom(
    'm=message 2855 TCP/MSRP *',
    'm=message 9 TCP/TLS/MSRP *',
    'm=audio 1 RTP/AVP 0',
    'm=message',
    'm=message  5 *',
    'm=message 99999 5 5',
    'c=IN IP4 5',
    'c=IN IP6 ',
    'a=setup:5',
    'a=sendonly',
    'a=accept-types:"',
    'a=accept-types:a/b "x y',
    'a=path:msrp://h.example:1/a;tcp  msrp://b:2/c;tcp',
    'a=fingerprint:sha-1 5',
    'a=file-selector:name:"%FF%00" type:a/b;c="%22" hash:sha1:00 size:0',
    'a=file-date:creation:"Mon, 15 May 2006 15:01:31 +0300" read:"x"',
    'a=file-range:5-4',
    'a=max-size:99999999999999999999',
    'a=chatroom: a  b',
    'a=:x',
    'a=',
    'b=AS:64',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }).map((value) => `a=${value}`),
  fc
    .tuple(
      fc.constantFrom('path', 'accept-types', 'file-selector', 'fingerprint', 'file-date', 'chatroom'),
      fc.string({ unit: 'binary' }),
    )
    .map(([name, value]) => `a=${name}:${value}`),
);

describe('whatever is read', () => {
  test('is printed octet for octet, and what was understood of it means the same when written anew', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), fc.constantFrom('\r\n', '\n', '\r'), (lines, end) => {
        const sdp = ['v=0', 'm=message 2855 TCP/MSRP *', ...lines, ''].join(end);
        const description = SessionDescription.parse(sdp);
        expect(description.toString()).toBe(sdp);
        for (const media of description.media) {
          if (media === undefined) continue;
          expect(mediaOf(media.toString().slice(0, -2))).toEqual(media);
          refusalOf(media);
          media.refused();
        }
      }),
    );
  });

  test('that does not begin as SDP is refused with MSRP_ERR_SDP', () => {
    for (const sdp of ['', 'm=message 1 TCP/MSRP *', 'INVITE sip:a@b SIP/2.0', '\0']) {
      expect(faultOf(() => SessionDescription.parse(sdp))).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'syntax' });
    }
  });

  test('takes time in proportion to its length', () => {
    const long = 'x '.repeat(200_000);
    for (const start of [
      'accept-types:',
      'file-selector:name:',
      'file-selector:a:',
      'file-date:',
      'imageattr:1 ',
      'fingerprint:',
      'simulcast: send ',
    ]) {
      mediaOf(
        'm=message 1 TCP/MSRP *',
        `a=${start}${long}`,
        `a=${start}"${long}`,
        `a=${start}[${long.replaceAll(' ', '] [')}`,
      );
    }
  });
});

describe('a section', () => {
  test('takes from the session level what it does not say itself', () => {
    const session = 'c=IN IP6 2001:db8::1\r\na=setup:active\r\na=recvonly\r\na=fingerprint:SHA-1 ';
    const one = 'aa:'.repeat(19);
    const sdp = `${head}${session}${one}01\r\n`;
    const [inherits, says] = SessionDescription.parse(
      `${sdp}m=message 1 TCP/MSRP *\r\nm=message 1 TCP/MSRP *\r\nc=IN IP4 h.example\r\na=setup:passive\r\na=sendrecv\r\na=fingerprint:SHA-1 ${one}02\r\n`,
    ).media;
    expect(inherits).toMatchObject({ address: '2001:db8::1', setup: 'active', direction: 'recvonly' });
    expect(inherits?.fingerprints[0]?.digest.at(-1)).toBe(1);
    expect(says).toMatchObject({ address: 'h.example', setup: 'passive', direction: 'sendrecv' });
    expect(says?.fingerprints.map(({ digest: octets }) => octets.at(-1))).toEqual([2]);
  });

  test('cannot be changed', () => {
    const media = mediaOf('m=message 1 TCP/MSRP *', 'a=accept-types:a/b', 'a=file-selector:size:1');
    for (const part of [media, media.acceptTypes, media.path, media.file, media.lines]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('knows what its author takes, alone and wrapped', () => {
    const media = mediaOf(
      'm=message 1 TCP/MSRP *',
      'a=accept-types: message/cpim text/*',
      'a=accept-wrapped-types:image/png',
    );
    expect(media.accepts('TEXT/plain')).toBe(true);
    expect(media.accepts('image/png')).toBe(false);
    expect(media.accepts('image/png', 'message/cpim')).toBe(true);
    expect(media.accepts('image/gif', 'message/cpim')).toBe(false);
  });

  test('without c-line and port prints those of its last URI', () => {
    const path = [URI.parse('msrps://relay.example:2855/x;tcp'), URI.parse('msrps://[2001:DB8::1]:7/a;tcp')];
    const media = new MSRPMedia({ path, acceptTypes: ['*'] });
    expect(media.toString()).toContain('m=message 7 TCP/TLS/MSRP *\r\nc=IN IP6 2001:db8::1\r\n');
  });

  test.each<[string, MSRPMediaInit]>([
    ['a port that is none', { port: 65_536 }],
    ['a max-size that is no number of octets', { maxSize: 1.5 }],
    ['two media types in one', { acceptTypes: ['a/b c/d'] }],
    ['a line break in a media type', { acceptTypes: ['a/"\r\n"'] }],
    ['a line break in a line', { lines: ['a=x\r\na=path:y'] }],
    ['a line that has a field of its own', { lines: ['a=path:msrp://h:1/a;tcp'] }],
    ['a line of the session level', { lines: ['t=0 0'] }],
    ['a line break in an address', { address: 'h\r\na=x' }],
    ['a line break in a format', { format: '*\r\na=x' }],
    ['a line break in a protocol', { protocol: 'TCP\r\na=x' }],
    ['a line break in a chatroom', { chatroom: ['a\r\n'] }],
    ['an empty file name', { file: { selector: { name: '' } } }],
    ['an empty file', { file: { selector: { size: 0 } } }],
    ['a file type that is none', { file: { selector: { type: 'text' } } }],
    ['a transfer id with a space', { file: { selector: {}, transferId: 'a b' } }],
    ['a disposition with a line break', { file: { selector: {}, disposition: 'a\r\n' } }],
    ['an icon that is no cid', { file: { selector: {}, icon: 'http://h/' } }],
    ['a range that ends before it starts', { file: { selector: {}, range: { start: 5, end: 4 } } }],
    ['a date that is none', { file: { selector: {}, dates: { read: new Date(Number.NaN) } } }],
  ])('cannot be made with %s', (_, parts) => {
    expect(faultOf(() => new MSRPMedia(parts)).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('a file', () => {
  test('reads as RFC 5547 prints it, and as peers write it', () => {
    const { file: read } = mediaOf(
      'm=message 7654 TCP/MSRP *',
      'a=file-selector:name:"My cool %22picture%22.jpg" type:image/jpeg;x="a b" size:32349 hash:sha1:72:24:5f:e8:65:3d:da:f3:71:36:2f:86:d4:71:91:3e:e4:a2:ce:2e',
      'a=file-transfer-id:vBnG916bdberum2fFEABR1FR3ExZMUrd',
      'a=file-disposition:attachment',
      'a=file-date:creation:"Mon, 15 May 2006 15:01:31 +0300"',
      'a=file-icon:cid:id2@alicepc.example.com',
      'a=file-range:1-32349',
    );
    expect(read).toMatchObject({
      selector: {
        name: 'My cool "picture".jpg',
        type: 'image/jpeg;x="a b"',
        size: 32_349,
        hashes: [{ hash: 'sha-1' }],
      },
      transferId: 'vBnG916bdberum2fFEABR1FR3ExZMUrd',
      disposition: 'attachment',
      dates: { creation: new Date('2006-05-15T12:01:31Z') },
      icon: 'cid:id2@alicepc.example.com',
      range: { start: 1, end: 32_349 },
    });
  });

  test('passes over selectors that break the rules, and takes the first of two dates', () => {
    expect(parseFileSelector('size:012 type:x hash:sha-1:00 foo:bar name:"" name:"a')).toEqual({});
    const twice = mediaOf(
      'm=message 1 TCP/MSRP *',
      'a=file-selector',
      'a=file-date:read:"1 May 2006 15:01 +0000" read:"2 May 2006 15:01:31 +0000"',
    );
    expect(twice.file?.dates).toEqual({ read: new Date('2006-05-01T15:01:00Z') });
  });
});

describe('a description', () => {
  const audio = 'm=audio 1 RTP/AVP 0\na=rtpmap:0  PCMU/8000\na=fingerprint:x\n';

  test('keeps other media octet for octet when a section is put in', () => {
    const sdp = `v=0\ns= odd \n${audio}m=message 5 TCP/MSRP *\na=x\n${audio.trimEnd()}`;
    const media = new MSRPMedia({ path: [URI.parse('msrp://h.example:7/a;tcp')] });
    const description = SessionDescription.parse(sdp);
    expect(description.media.map((one) => one?.port)).toEqual([undefined, 5, undefined]);
    const replaced = `v=0\ns= odd \n${audio}${media}${audio.trimEnd()}`;
    expect(description.with(media, 1).toString()).toBe(replaced);
    expect(description.with(media).toString()).toBe(`${sdp}\r\n${media}`);
    expect(SessionDescription.parse('v=0').with(media).toString()).toBe(`v=0\r\n${media}`);
    expect(faultOf(() => description.with(media, 4)).code).toBe('MSRP_ERR_ARGUMENT');
    expect(description.toString()).toBe(sdp);
  });

  test('refuses every m-line of an offer in its place', () => {
    const offer = SessionDescription.parse(
      `v=0\n${audio}m=message 5 TCP/MSRP *\na=path:msrp://h.example:7/a;tcp\na=sendonly\na=file-selector:size:1\na=file-transfer-id:x\na=file-icon:cid:a\n`,
    );
    const random = { fill: (bytes: Uint8Array) => bytes.fill(1) };
    expect(SessionDescription.refusing(offer, '::1', random).toString().split('\r\n')).toEqual([
      'v=0',
      'o=- 1103823438081 1 IN IP6 ::1',
      's=-',
      'c=IN IP6 ::1',
      't=0 0',
      'm=audio 0 RTP/AVP 0',
      'm=message 0 TCP/MSRP *',
      'a=recvonly',
      'a=file-selector:size:1',
      'a=file-transfer-id:x',
      '',
    ]);
  });
});

describe('the common types', () => {
  test.each([
    [['*'], ['text/plain'], ['text/plain']],
    [['text/plain', 'a/b'], ['*'], ['text/plain', 'a/b']],
    [
      ['text/html', 'text/plain'],
      ['text/plain', 'text/html'],
      ['text/html', 'text/plain'],
    ],
    [['text/*'], ['text/plain', 'image/png'], ['text/plain']],
    [['text/plain;charset=utf-8'], ['TEXT/plain'], ['text/plain;charset=utf-8', 'TEXT/plain']],
    [['message/cpim'], ['text/plain'], []],
  ])('of %j and %j are %j', (ours, theirs, common) => {
    expect(commonTypes(ours, theirs)).toEqual(common);
  });
});

describe('a later offer', () => {
  const known = ['a=file-selector:size:1', 'a=file-transfer-id:a'];
  const here = 'a=path:msrp://h:7/a;tcp';

  test.each<[string, string[], string[]]>([
    ['unchanged', ['m=message 7 TCP/MSRP *', here], ['m=message 8 TCP/MSRP *', 'a=path:MSRP://H:7/a;tcp']],
    ['new', ['m=message 7 TCP/MSRP *', here], ['m=message 7 TCP/MSRP *', 'a=path:msrp://h:7/b;tcp']],
    ['new', ['m=message 7 TCP/MSRP *', `${here} msrp://b:7/b;tcp`], ['m=message 7 TCP/MSRP *', here]],
    ['over', ['m=message 7 TCP/MSRP *', here, ...known], ['m=message 0 TCP/MSRP *', here, ...known]],
    ['unchanged', ['m=message 7 TCP/MSRP *', here, ...known], ['m=message 7 TCP/MSRP *', here, ...known]],
    ['new', ['m=message 7 TCP/MSRP *', here], ['m=message 7 TCP/MSRP *', here, ...known]],
  ])('is %s', (renewal, previous, now) => {
    expect(renewalOf(mediaOf(...previous), mediaOf(...now))).toBe(renewal);
  });
});

describe('tolerance', () => {
  const path = 'a=path:msrp://h.example:7/a;tcp';
  const types = 'a=accept-types:*';

  test.each<[string, string[]]>([
    ['a path without port', ['m=message 7 TCP/MSRP *', types, 'a=path:msrp://h.example/a;tcp']],
    ['no accept-types', ['m=message 7 TCP/MSRP *', path]],
    ['another format', ['m=message 7 TCP/MSRP text/plain', types, path]],
    ['no format', ['m=message 7 TCP/MSRP', types, path]],
    ['a path by TLS in an m-line without', ['m=message 7 TCP/MSRP *', types, 'a=path:msrps://h.example:7/a;tcp']],
    ['a path without TLS in an m-line with it', ['m=message 7 TCP/TLS/MSRP *', types, path]],
  ])('of %s is an option', (_, lines) => {
    expect(refusalOf(mediaOf(...lines))).toBeTypeOf('string');
    expect(refusalOf(mediaOf(...lines), { tolerant: true })).toBeUndefined();
  });

  test.each<[string, string[]]>([
    ['c=0.0.0.0 and the discard port', ['m=message 9 TCP/MSRP *', 'c=IN IP4 0.0.0.0', types, path]],
    [
      'no c-line, another port, odd attributes',
      ['m=message 8 TCP/MSRP *', types, path, 'a=connection:new', 'a=Path:x'],
    ],
    ['several URIs with spaces between', ['m=message 7 tcp/msrp *', types, `${path}  msrp://b.example:8/b;tcp `]],
    ['a relay without TLS in an m-line with it', ['m=message 7 TCP/TLS/MSRP *', types, `${path} msrps://b:8/b;ws`]],
    ['MD5 where there is no TLS', ['m=message 7 TCP/MSRP *', types, path, 'a=fingerprint:MD5 00:11']],
    [
      'user, parameters and capitals in the URI',
      ['m=message 7 TCP/MSRP *', types, 'a=path:MSRP://u@H.example:7/a=.+;TCP;x=y'],
    ],
  ])('of %s is always there', (_, lines) => {
    expect(refusalOf(mediaOf(...lines))).toBeUndefined();
  });

  test.each<[string, string[], { requireTLS?: boolean }]>([
    ['another protocol', ['m=message 7 UDP/MSRP *', types, path], {}],
    ['no path', ['m=message 7 TCP/MSRP *', types], {}],
    ['no TLS where it is required', ['m=message 7 TCP/MSRP *', types, path], { requireTLS: true }],
    [
      'MD5 alone',
      ['m=message 7 TCP/TLS/MSRP *', types, 'a=path:msrps://h.example:7/a;tcp', 'a=fingerprint:MD5 00:11'],
      {},
    ],
  ])('of %s there is none', (_, lines, rules) => {
    expect(refusalOf(mediaOf(...lines), { ...rules, tolerant: true })).toBeTypeOf('string');
  });

  test('errors of this kind are MSRPErrors', () => {
    expect(faultOf(() => SessionDescription.parse('?'))).toBeInstanceOf(MSRPError);
  });
});
