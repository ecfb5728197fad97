import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks } from '../../../codec/index.ts';
import { type CPIMInit, CPIMMessage, cpimNamespace } from '../../../session/index.ts';
import { faultOf } from '../../support/fault.ts';
import { octetsOf } from '../../support/vectors.ts';

interface Expected {
  headers?: [string, string][];
  contentHeaders?: [string, string][];
  content?: string;
  fromName?: string;
  toName?: string;
  resolved?: { ns: string; name: string; value: string }[];
  subject?: { lang: string | null; value: string }[];
}

interface CPIMVector extends Expected {
  id: string;
  text: string;
  ok: boolean;
  lenient?: Expected;
}

const { vectors }: { vectors: CPIMVector[] } = JSON.parse(
  readFileSync(new URL('../../vectors/cpim-vectors.json', import.meta.url), 'utf8'),
);

function parse(text: string, tolerant = false): CPIMMessage {
  return CPIMMessage.parse(Buffer.from(text), { tolerant });
}

function refusal(text: string, tolerant = false): string {
  const fault = faultOf(() => parse(text, tolerant));
  expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD', scope: 'message', status: 400 });
  return fault.message;
}

function expectMessage(message: CPIMMessage, expected: Expected): void {
  if (expected.headers) expect(message.headers.map(({ name, value }) => [name, value])).toEqual(expected.headers);
  if (expected.contentHeaders) expect([...message.contentHeaders]).toEqual(expected.contentHeaders);
  if (expected.content !== undefined) expect(message.content.toString()).toBe(expected.content);
  if (expected.fromName) expect(message.from.name).toBe(expected.fromName);
  if (expected.toName) expect(message.to[0]?.name).toBe(expected.toName);
  for (const { ns, name, value } of expected.resolved ?? []) expect(message.header(ns, name)).toBe(value);
  const subjects = message.subjects.map(({ text, language }) => ({ lang: language ?? null, value: text }));
  if (expected.subject) expect(subjects).toEqual(expected.subject);
}

/** All that a message says, as plain data. */
function saidBy(message: CPIMMessage): unknown {
  const { from, to, cc, dateTime, subjects, headers, required, contentHeaders, contentType, content } = message;
  return {
    from,
    to,
    cc,
    dateTime,
    subjects,
    headers,
    required,
    contentHeaders: [...contentHeaders],
    contentType,
    content,
  };
}

function encoded(message: CPIMMessage): string {
  return Buffer.concat(message.encode()).toString();
}

const bodies = [
  'cpim-imdn.msrp',
  'cpim-rfc3862-s5.1.msrp',
  'iscomposing.msrp',
  'rfc7701-s9.3-room-message-exact.msrp',
].flatMap((file) =>
  decodeChunks(octetsOf(file))
    .filter(({ contentType }) => contentType === 'message/cpim')
    .map(({ data }, index): [string, Buffer] => [`${file}, message ${index + 1}`, data]),
);

describe('the vectors', () => {
  test.each(vectors.filter(({ ok }) => ok).map((vector) => [vector.id, vector] as const))(
    '%s is read, strictly and tolerantly, and written as it came',
    (_, vector) => {
      for (const tolerant of [false, true]) {
        const message = parse(vector.text, tolerant);
        expectMessage(message, vector);
        expect(encoded(message)).toBe(vector.text);
      }
    },
  );

  test.each(vectors.filter(({ ok }) => !ok).map((vector) => [vector.id, vector] as const))(
    '%s is refused',
    (_, { text }) => {
      refusal(text);
    },
  );

  test.each(vectors.flatMap(({ id, text, lenient }) => (lenient ? [[id, text, lenient] as const] : [])))(
    '%s is read tolerantly, and written as it came',
    (_, text, lenient) => {
      const message = parse(text, true);
      expectMessage(message, lenient);
      expect(encoded(message)).toBe(text);
    },
  );

  test.each(bodies)('%s is written as it came', (_, data) => {
    expect(Buffer.concat(CPIMMessage.parse(data).encode()).equals(data)).toBe(true);
  });

  test('the message of RFC 3862 section 5.1 is understood in all its parts', () => {
    const [chunk] = decodeChunks(octetsOf('cpim-rfc3862-s5.1.msrp'));
    const message = CPIMMessage.parse(chunk!.data);
    const features = 'mid:MessageFeatures@id.foo.com';
    expect(message.from).toEqual({ name: 'MR SANDERS', uri: 'im:piglet@100akerwood.com' });
    expect(message.to).toEqual([{ name: 'Depressed Donkey', uri: 'im:eeyore@100akerwood.com' }]);
    expect(message.dateTime).toBe('2000-12-13T13:40:00-08:00');
    expect(message.subjects).toEqual([
      { text: 'the weather will be fine today' },
      { text: "beau temps prevu pour aujourd'hui", language: 'fr' },
    ]);
    expect(message.required).toEqual([{ namespace: features, name: 'VitalMessageOption' }]);
    expect(message.unsupported()).toEqual(message.required);
    expect(message.unsupported(({ namespace }) => namespace === features)).toEqual([]);
    expect(message.header(features, 'WackyMessageOption')).toBe('Use-silly-font');
    expect(message.contentType).toBe('text/xml; charset=utf-8');
    expect(message.contentHeaders.get('content-id')).toBe('<1234567890@foo.com>');
    expect(message.content.toString()).toBe('<body>\r\nHere is the text of my message.\r\n</body>');
  });
});

const basics = 'From: <im:a@x>\r\nTo: <im:b@x>\r\n';
const part = '\r\nContent-Type: text/plain\r\n\r\nx';

describe('reading', () => {
  test('gives the content as a view', () => {
    const input = Buffer.from(`${basics}${part}`);
    const { content } = CPIMMessage.parse(input);
    expect(content.buffer).toBe(input.buffer);
    expect(content.byteOffset).toBe(input.byteOffset + input.length - 1);
  });

  test.each([
    ['Subject: ', ''],
    ['Subject: a  b', 'a  b'],
    ['Subject:;lang=de-AT schön', 'schön'],
    ['Subject:;x="a;\\" :b";lang=en yes', 'yes'],
    ['Subject: \\q\\\'\\"\\', 'q\'"'],
    ['Subject: \\u00e9\\u12', 'éu12'],
    ['Subject: a\u2028b', 'a\u2028b'],
    ['Subject: \\ud83d\\ude00 \\ud83d!', '😀 \ufffd!'],
  ])('%j has the subject %j', (line, text) => {
    const [subject] = parse(`${basics}${line}\r\n${part}`).subjects;
    expect(subject?.text).toBe(text);
  });

  test('a prefix may be bound anew, and the default namespace be left and come back', () => {
    const lines = [
      'NS: a <urn:one>',
      'a.X: 1',
      'NS: a <urn:two>',
      'a.X: 2',
      'NS: <urn:three>',
      'X: 3',
      `NS: <${cpimNamespace}>`,
      'X: 4',
    ];
    const { headers } = parse(`${basics}${lines.join('\r\n')}\r\n${part}`);
    expect(headers.slice(2).map(({ namespace, name, text }) => [namespace, name, text])).toEqual([
      ['urn:one', 'X', '1'],
      ['urn:two', 'X', '2'],
      ['urn:three', 'X', '3'],
      [cpimNamespace, 'X', '4'],
    ]);
  });

  test('a default namespace other than that of CPIM hides From and To', () => {
    expect(refusal(`NS: <urn:other>\r\n${basics}${part}`)).toMatch('From is missing');
  });

  test('a MIME field may be folded, and have white space around its value', () => {
    const message = parse(`${basics}\r\nContent-Type: text/plain;\r\n\tcharset=utf-8\r\nMIME-Version:\t1.0 \r\n\r\nx`);
    expect(message.contentType).toBe('text/plain; charset=utf-8');
    expect(message.contentHeaders.get('mime-version')).toBe('1.0');
  });

  test('what is required of CPIM itself is supported', () => {
    const message = parse(`${basics}Require: Subject,cc, X\r\n${part}`);
    expect(message.unsupported().map(({ name }) => name)).toEqual(['X']);
  });

  test.each([
    ['', 'no blank line'],
    [basics, 'no blank line'],
    [`${basics}\r\n`, 'no MIME part'],
    [`${basics}\r\nContent-Type: text/plain\r\n`, 'no MIME part'],
    [`${basics}\r\n\r\nx`, 'Content-Type is missing'],
    [`${basics}From: <im:c@x>\r\n${part}`, 'From occurs twice'],
    [`${basics}DateTime: 2024-01-01T00:00:00Z\r\nDateTime: 2024-01-01T00:00:00Z\r\n${part}`, 'DateTime occurs twice'],
    [`${basics}Require: A\r\nRequire: B\r\n${part}`, 'Require occurs twice'],
    [`${basics}Require: b.A\r\n${part}`, 'before its NS'],
    [`${basics}Require: A,,B\r\n${part}`, 'no name'],
    [`${basics}DateTime: yesterday\r\n${part}`, 'no date'],
    [`${basics}NS: a urn:x\r\n${part}`, 'no namespace'],
    [`${basics}NS: a(b <urn:x>\r\n${part}`, 'no namespace'],
    [`${basics}NS: a <x>\r\n${part}`, 'no namespace'],
    [`${basics}cc: im:c@x\r\n${part}`, 'no CPIM address'],
    [`${basics}cc: a,b <im:c@x>\r\n${part}`, 'no CPIM address'],
    [`${basics}cc: "a <im:c@x>\r\n${part}`, 'no CPIM address'],
    [`${basics}cc: <c>\r\n${part}`, 'no CPIM address'],
    [`${basics}Subject:x\r\n${part}`, 'one space'],
    [`${basics}Subject: x \r\n${part}`, 'one space'],
    [`${basics}Subject: a\tb\r\n${part}`, 'no CPIM header field'],
    [`${basics}Subject: a\0b\r\n${part}`, 'no CPIM header field'],
    [`${basics}Subject: a\nb\r\n${part}`, 'no CPIM header field'],
    [`${basics}Subject: a\r\n b\r\n${part}`, 'no CPIM header field'],
    [`${basics}Subject;lang=en: a\r\n${part}`, 'no CPIM header field'],
    [`${basics}a.b.c: a\r\n${part}`, 'no CPIM header field'],
    [`${basics}\r\nContent Type: a/b\r\n\r\n`, 'no MIME header field'],
    [`${basics}\r\n a\r\n\r\n`, 'no MIME header field'],
    [`${basics}\r\nContent-Type: a\0b\r\n\r\n`, 'no MIME header field'],
  ])('%j is refused: %s', (text, reason) => {
    expect(refusal(text)).toMatch(reason);
  });

  test('header fields that are no UTF-8 are refused, and read with U+FFFD tolerantly', () => {
    const input = Buffer.from(`${basics}Subject: caf\xe9\r\n${part}`, 'latin1');
    expect(faultOf(() => CPIMMessage.parse(input)).message).toMatch('UTF-8');
    expect(CPIMMessage.parse(input, { tolerant: true }).subjects).toEqual([{ text: 'caf\ufffd' }]);
  });

  test.each([
    ['bare LF', 'From: <im:a@x>\nTo: <im:b@x>\n\nContent-Type: text/plain\n\nx\r\n\r\ny', 'x\r\n\r\ny'],
    ['bare LF and CRLF mixed', 'From: <im:a@x>\r\nTo: <im:b@x>\n\r\nContent-type: text/plain\r\n\nx', 'x'],
    ['other white space around values', `From:<im:a@x>\r\nTo:\t <im:b@x> \r\n${part}`, 'x'],
    ['no blank line, a MIME field of lower case first', `${basics}content-length: 9${part}`, 'x'],
  ])('tolerantly, %s is taken, and written as it came', (_, text, content) => {
    refusal(text);
    const message = parse(text, true);
    expect(message.from.uri).toBe('im:a@x');
    expect(message.to).toEqual([{ uri: 'im:b@x' }]);
    expect(message.contentType).toBe('text/plain');
    expect(message.content.toString()).toBe(content);
    expect(encoded(message)).toBe(text);
  });

  test('each block of header fields may have the octets of the limit and no more', () => {
    const text = `${basics}${part}`;
    const longest = Buffer.byteLength(`${basics}\r\n`);
    expect(CPIMMessage.parse(Buffer.from(text), { headBytes: longest }).content.toString()).toBe('x');
    for (const tolerant of [false, true]) {
      const fault = faultOf(() => CPIMMessage.parse(Buffer.from(text), { headBytes: longest - 1, tolerant }));
      expect(fault.code).toBe('MSRP_ERR_BAD_PAYLOAD');
    }
  });
});

describe('writing', () => {
  const from = { uri: 'im:alice@example.com', name: 'Alice' };
  const to = { uri: 'im:bob@example.com' };

  test('puts all in its place', () => {
    const message = new CPIMMessage({
      from,
      to: [to, { uri: 'im:c@x', name: 'C "the\\" third, Sr.' }],
      cc: [{ uri: 'im:d@x', name: 'D of X' }],
      dateTime: new Date('2024-01-02T03:04:05Z'),
      subject: { text: 'a\tb\\c\r\nTo: <im:evil@x>\u0001\u007f', language: 'en' },
      namespaces: { imdn: 'urn:ietf:params:imdn' },
      require: ['imdn.Message-ID'],
      headers: [
        ['imdn.Message-ID', '34jk324j'],
        ['imdn.Original-To', { uri: 'im:e@x' }],
        ['X', 'y', { lang: 'en', a: 'b c', d: 'e' }],
      ],
      contentHeaders: [['Content-ID', '<1@x>']],
      content: 'schön',
    });
    const text = [
      'From: Alice <im:alice@example.com>',
      'To: <im:bob@example.com>',
      'To: "C \\"the\\\\\\" third, Sr." <im:c@x>',
      'cc: D of X <im:d@x>',
      'DateTime: 2024-01-02T03:04:05.000Z',
      'Subject:;lang=en a\\tb\\\\c\\r\\nTo: <im:evil@x>\\u0001\\u007f',
      'NS: imdn <urn:ietf:params:imdn>',
      'Require: imdn.Message-ID',
      'imdn.Message-ID: 34jk324j',
      'imdn.Original-To: <im:e@x>',
      'X:;lang=en;a="b c";d=e y',
      '',
      'Content-Type: text/plain;charset=utf-8',
      'Content-ID: <1@x>',
      '',
      'schön',
    ].join('\r\n');
    expect(encoded(message)).toBe(text);
    expect(saidBy(parse(text))).toEqual(saidBy(message));
  });

  test('does not copy the content', () => {
    const content = Buffer.from([0, 13, 10, 255]);
    const message = new CPIMMessage({ from, to, content });
    expect(message.encode()[1]).toBe(content);
    expect(message.contentType).toBe('application/octet-stream');
  });

  test.each<[string, Partial<CPIMInit>]>([
    ['nobody', { to: [] }],
    ['no URI', { to: { uri: 'bob' } }],
    ['a URI that ends its line', { to: { uri: 'im:b@x>\r\nTo: <im:evil@x' } }],
    ['white space in front of a subject', { subject: ' x' }],
    ['white space behind a subject', { subject: 'x ' }],
    ['half a character', { subject: '\ud800' }],
    ['no date', { dateTime: 'now' }],
    ['an invalid Date', { dateTime: new Date(Number.NaN) }],
    ['a prefix without its namespace', { headers: [['imdn.Message-ID', '1']] }],
    ['a required prefix without its namespace', { require: ['imdn.Message-ID'] }],
    ['a namespace that is no URI', { namespaces: { a: 'b' } }],
    ['a prefix that is no name', { namespaces: { 'a b': 'urn:b' } }],
    ['an empty prefix', { namespaces: { '': 'urn:b' } }],
    ['a second From', { headers: [['From', { uri: 'im:c@x' }]] }],
    ['a name with a colon', { headers: [['a:b', 'c']] }],
    ['a name that ends its line', { headers: [['a: b\r\nc', 'd']] }],
    ['a parameter with a space', { headers: [['a', 'b', { 'c d': 'e' }]] }],
    ['a language that is no token', { subject: { text: 'a', language: 'e n' } }],
    ['a Content-Type that ends its line', { contentType: 'text/plain\r\nX: y' }],
    ['a MIME field that ends its line', { contentHeaders: [['Content-ID', 'a\r\n\r\nb']] }],
  ])('refuses %s', (_, wrong) => {
    expect(faultOf(() => new CPIMMessage({ from, to, content: 'x', ...wrong })).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('laws of CPIM', () => {
  const text = fc
    .string({
      unit: fc.oneof(fc.constantFrom(...' "\'\\;<>,.:\t\n\r\0'), fc.string({ unit: 'grapheme', maxLength: 1 })),
    })
    .filter((value) => !/^ | $/.test(value));
  const address = fc.record(
    {
      uri: fc.constantFrom('im:a@x', 'sip:b@[::1];transport=tcp', 'tel:+1-2'),
      name: text.filter((name) => name !== ''),
    },
    { requiredKeys: ['uri'] },
  );
  const init = fc.record(
    {
      from: address,
      to: fc.array(address, { minLength: 1, maxLength: 3 }),
      cc: fc.array(address, { maxLength: 2 }),
      dateTime: fc.constantFrom('2024-01-02T03:04:05Z', '2024-01-02T03:04:05.678+09:30'),
      subject: fc.record({ text, language: fc.constantFrom('en', 'de-AT') }, { requiredKeys: ['text'] }),
      contentType: fc.constantFrom('text/plain', 'a/b; c="d;e"'),
      content: fc.uint8Array(),
    },
    { requiredKeys: ['from', 'to', 'content'] },
  );

  test('white space that is no space is part of a name', () => {
    const to = { uri: 'im:b@x', name: '\u00a0' };
    const written = new CPIMMessage({ from: { uri: 'im:a@x' }, to, content: 'x' });
    expect(CPIMMessage.parse(Buffer.concat(written.encode())).to).toEqual([to]);
  });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(init, (given) => {
        const written = new CPIMMessage(given);
        const message = CPIMMessage.parse(Buffer.concat(written.encode()));
        expect(saidBy(message)).toEqual(saidBy(written));
        expect({ from: message.from, to: message.to, cc: message.cc }).toEqual({ cc: [], ...pick(given) });
        expect(message.dateTime).toBe(given.dateTime);
        expect(message.subjects).toEqual(given.subject === undefined ? [] : [given.subject]);
        expect(message.content.equals(given.content)).toBe(true);
      }),
    );
  });

  function pick({ from, to, cc }: CPIMInit): Partial<CPIMInit> {
    return { from, to, ...(cc !== undefined && { cc }) };
  }

  test('any octets are a message that is written as it came, or MSRP_ERR_BAD_PAYLOAD', () => {
    const lines = fc.constantFrom(
      'From: <im:a@x>',
      'To: "\\" <im:b@x>',
      'NS: a <urn:b>',
      'a.b: c',
      'Require: a.b',
      'X',
      '',
      ' ',
      'Content-Type: text/plain',
    );
    const ends = fc.constantFrom('\r\n', '\r\n', '\n', '\r');
    const likely = fc.array(fc.tuple(lines, ends)).map((pairs) => Buffer.from(`${basics}${pairs.flat().join('')}`));
    const spoiled = fc
      .tuple(fc.constantFrom(...bodies.map(([, data]) => data)), fc.array(fc.tuple(fc.nat(), fc.nat(255))))
      .map(([data, changes]) => {
        const copy = Buffer.from(data);
        for (const [at, octet] of changes) copy[at % copy.length] = octet;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), likely, spoiled), fc.boolean(), (octets, tolerant) => {
        let message: CPIMMessage;
        try {
          message = CPIMMessage.parse(octets, { tolerant });
        } catch (error) {
          expect(error).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD' });
          return;
        }
        expect(Buffer.concat(message.encode()).equals(octets)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(['a', 'a ', '\\', '\\"', '"', ';', ';a=', ';a="', '<', '.', ',', ' ', '\n', '\r\n', '\r\n '])(
    'a head of %j over and over is read or refused in linear time',
    (piece) => {
      const long = piece.repeat(2 ** 20 / piece.length);
      for (const line of [
        `X: ${long}`,
        `X:;${long}`,
        `cc: ${long}`,
        `cc: "${long}`,
        `NS: ${long}`,
        `Require: ${long}`,
      ]) {
        for (const tolerant of [false, true]) {
          try {
            CPIMMessage.parse(Buffer.from(`${basics}${line}\r\n${part}`), { tolerant, headBytes: 2 ** 22 });
          } catch (error) {
            expect(error).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD' });
          }
        }
      }
    },
  );
});
