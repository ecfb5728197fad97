import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks, MSRPError } from '../../../codec/index.ts';
import {
  type CPIMInit,
  CPIMMessage,
  encodeMultipart,
  formatIMDN,
  type IMDN,
  imdnNamespace,
  IMDNResponder,
  notificationsIn,
  parseIMDN,
  requestIMDN,
} from '../../../session/index.ts';
import { faultOf } from '../../support/fault.ts';
import { octetsOf } from '../../support/vectors.ts';

const alice = { uri: 'im:alice@example.com', name: 'Alice' };
const bob = { uri: 'im:bob@example.com' };
const dateTime = '2024-01-02T03:04:05Z';
const own = { messageId: 'n1', dateTime: '2024-01-02T03:04:06Z' };

const about = { messageId: '34jk324j', dateTime };
const told: [string, IMDN][] = [
  ['delivered', { ...about, kind: 'delivery', status: 'delivered' }],
  ['failed', { ...about, kind: 'delivery', status: 'failed' }],
  ['delivery forbidden', { ...about, kind: 'delivery', status: 'forbidden' }],
  ['delivery error', { ...about, kind: 'delivery', status: 'error' }],
  ['processed', { ...about, kind: 'processing', status: 'processed' }],
  ['stored', { ...about, kind: 'processing', status: 'stored' }],
  ['displayed', { ...about, kind: 'display', status: 'displayed' }],
  [
    'display error, all fields',
    {
      ...about,
      recipientURI: 'im:b@x',
      originalRecipientURI: 'im:c@x?a=1&b=<2>',
      subject: 'a ]]> b &\r\n "c"',
      kind: 'display',
      status: 'error',
    },
  ],
];

const ns = 'xmlns="urn:ietf:params:xml:ns:imdn"';
const fields = '<message-id>1</message-id><datetime>2</datetime>';
const delivered = '<delivery-notification><status><delivered/></status></delivery-notification>';

describe('an IMDN document', () => {
  test.each(told)('that says %s is read as it was written', (_, imdn) => {
    expect(parseIMDN(formatIMDN(imdn))).toEqual(imdn);
    expect(parseIMDN(Buffer.from(formatIMDN(imdn)))).toEqual(imdn);
  });

  test.each([
    [
      'prefixes and white space',
      `<i:imdn xmlns:i="urn:ietf:params:xml:ns:imdn">\n <i:message-id> 1\n</i:message-id><i:datetime>2</i:datetime> <i:delivery-notification><i:status> <i:delivered/></i:status></i:delivery-notification></i:imdn>\r\n`,
    ],
    ['a BOM', `\ufeff<imdn ${ns}>${fields}${delivered}</imdn>`],
    [
      'comments, instructions, CDATA and references',
      `<?xml version="1.0"?><!-- a --><?b c?><imdn ${ns}><message-id><![CDATA[1]]></message-id><datetime>&#50;</datetime>${delivered}</imdn>`,
    ],
    [
      'extensions',
      `<imdn ${ns} xmlns:x="urn:x" x:y="z"><x:message-id>9</x:message-id>${fields}<x:a><b/></x:a><delivery-notification><x:b/><status><x:failed/><delivered/></status></delivery-notification></imdn>`,
    ],
  ])('may have %s', (_, text) => {
    expect(parseIMDN(text)).toEqual({ messageId: '1', dateTime: '2', kind: 'delivery', status: 'delivered' });
  });

  test.each([
    ['', 'root element'],
    ['text', ''],
    [`<imdn>${fields}${delivered}</imdn>`, 'no imdn element'],
    [`<x ${ns}/>`, 'no imdn element'],
    [`<imdn ${ns}>${delivered}</imdn>`, 'message-id'],
    [`<imdn ${ns}>${fields}</imdn>`, 'has a notification'],
    [`<imdn ${ns}>${fields}<delivery-notification/></imdn>`, 'no status'],
    [`<imdn ${ns}>${fields}<delivery-notification><status/></delivery-notification></imdn>`, 'no status'],
    [
      `<imdn ${ns}>${fields}<display-notification><status><delivered/></status></display-notification></imdn>`,
      'no status',
    ],
    [
      `<imdn ${ns}>${fields}<delivery-notification><status><toString/></status></delivery-notification></imdn>`,
      'no status',
    ],
    [`<imdn ${ns}>${fields}${delivered}`, 'unclosed'],
    [`<imdn ${ns}>${fields}${delivered}</imdn><imdn/>`, 'root'],
    [`<imdn ${ns}>&lol;</imdn>`, 'entity'],
    [`<imdn ${ns}>\0</imdn>`, 'disallowed'],
    [`<x:imdn ${ns}/>`, 'prefix'],
    [`<!DOCTYPE imdn><imdn ${ns}>${fields}${delivered}</imdn>`, 'declare its type'],
    [`<!DOCTYPE imdn [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><imdn ${ns}><message-id>&b;</message-id></imdn>`, ''],
    [`<!DOCTYPE imdn SYSTEM "file:///etc/passwd"><imdn ${ns}/>`, 'declare its type'],
    [`<!DOCTYPE imdn [<!ENTITY a SYSTEM "file:///etc/passwd">]><imdn ${ns}>&a;</imdn>`, ''],
    [`<imdn ${ns}>${'<a>'.repeat(100)}`, 'levels'],
    [`<imdn ${ns}>${' '.repeat(65_536)}</imdn>`, '65536 octets'],
  ])('%j is refused: %s', (text, reason) => {
    const fault = faultOf(() => parseIMDN(text));
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD', scope: 'message', status: 400 });
    expect(fault.message).toMatch(reason);
  });

  test('that is no UTF-8 is refused', () => {
    const latin1 = Buffer.from(`<imdn ${ns}>\xe9</imdn>`, 'latin1');
    expect(faultOf(() => parseIMDN(latin1)).message).toMatch('UTF-8');
  });

  test('may have the octets of the limit', () => {
    const text = `<imdn ${ns}>${fields}${delivered}</imdn>`;
    expect(parseIMDN(text.padEnd(65_536)).messageId).toBe('1');
    expect(faultOf(() => parseIMDN(text.padEnd(65_537))).code).toBe('MSRP_ERR_BAD_PAYLOAD');
  });

  test.each<object>([
    { kind: 'display', status: 'delivered' },
    { kind: 'delivery', status: 'delivered', messageId: '\0' },
    { kind: 'delivery', status: 'delivered', subject: '\ud800' },
  ])('%j cannot be written', (imdn) => {
    expect(faultOf(() => formatIMDN({ ...about, ...imdn } as IMDN)).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('any text is read or refused with MSRP_ERR_BAD_PAYLOAD', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '</',
      '/>',
      '<a>',
      '</a>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '&',
      ';',
      '<?',
      '?>',
      '<!DOCTYPE',
      '"',
      `<imdn ${ns}>`,
      '</imdn>',
      fields,
      delivered,
      'x',
      ' ',
      '\ufffe',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece).map((pieces) => pieces.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          try {
            parseIMDN(text);
          } catch (error) {
            expect(error).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD' });
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

function messageWith(init: Partial<CPIMInit> = {}): CPIMMessage {
  const request = requestIMDN('34jk324j', ['positive-delivery', 'display']);
  return new CPIMMessage({ from: alice, to: bob, dateTime, ...request, content: 'Hello', ...init });
}

describe('what a message asks for', () => {
  const asking = (value: string): Partial<CPIMInit> => ({
    namespaces: { i: imdnNamespace },
    headers: [
      ['i.Message-ID', '1'],
      ['i.Disposition-Notification', value],
    ],
  });

  test.each<[string, Partial<CPIMInit>, string[]]>([
    ['as we ask', {}, ['positive-delivery', 'display']],
    ['with another prefix', asking('display'), ['display']],
    ['with parameters and spaces', asking('negative-delivery ;a=b;c  ,display'), ['negative-delivery', 'display']],
    ['with values that nobody knows', asking('processing,x,display'), ['display']],
    ['with no value', asking(''), []],
    ['without imdn.Message-ID', { headers: [['imdn.Disposition-Notification', 'display']] }, []],
    ['with an imdn.Message-ID that is no token', requestIMDN('a\0b', ['display']), []],
    ['of another namespace', { namespaces: { imdn: 'urn:other' } }, []],
    ['in a notification', { contentType: 'Message/IMDN+xml; a=b' }, []],
    ['in several notifications', { contentHeaders: [['content-disposition', 'Notification;x=y']] }, []],
    [
      'with another disposition',
      { contentHeaders: [['content-disposition', 'notifications']] },
      ['positive-delivery', 'display'],
    ],
  ])('%s', (_, init, requested) => {
    expect([...new IMDNResponder(messageWith(init)).requested]).toEqual(requested);
  });

  test('is nothing when it has no DateTime', () => {
    const { namespaces, headers } = requestIMDN('1', ['display']);
    const message = new CPIMMessage({ from: alice, to: bob, namespaces, headers, content: '' });
    expect(new IMDNResponder(message).requested.size).toBe(0);
  });

  test('is nothing when it asks for nothing', () => {
    expect(new IMDNResponder(messageWith(requestIMDN('1', []))).requested.size).toBe(0);
  });

  test('is read from the message of RFC 5438', () => {
    const [first, , second] = decodeChunks(octetsOf('cpim-imdn.msrp'));
    const asked = new IMDNResponder(CPIMMessage.parse(first!.data));
    expect([...asked.requested]).toEqual(['positive-delivery', 'negative-delivery']);
    const answer = CPIMMessage.parse(second!.data);
    expect(new IMDNResponder(answer).requested.size).toBe(0);
    expect(notificationsIn(answer)).toEqual([
      {
        messageId: '34jk324j',
        dateTime: '2008-04-04T12:16:49-05:00',
        recipientURI: 'im:bob@example.com',
        originalRecipientURI: 'im:bob@example.com',
        kind: 'delivery',
        status: 'delivered',
      },
    ]);
  });
});

describe('a notification', () => {
  test.each([
    ['positive-delivery', 'delivery', 'delivered', true],
    ['positive-delivery', 'delivery', 'failed', false],
    ['positive-delivery', 'delivery', 'error', true],
    ['negative-delivery', 'delivery', 'delivered', false],
    ['negative-delivery', 'delivery', 'failed', true],
    ['negative-delivery', 'delivery', 'forbidden', true],
    ['display', 'display', 'displayed', true],
    ['display', 'display', 'error', true],
    ['display', 'delivery', 'delivered', false],
    ['positive-delivery', 'display', 'displayed', false],
  ] as const)('for a request of %s, of %s %s: %j', (request, kind, status, isMade) => {
    const responder = new IMDNResponder(messageWith(requestIMDN('34jk324j', [request])));
    const notification = responder.notify(kind as 'delivery', status as 'delivered', own);
    expect(notification !== undefined).toBe(isMade);
  });

  test('goes back to the sender, with all it needs', () => {
    const notification = new IMDNResponder(messageWith()).notify('delivery', 'delivered', own);
    expect(notification).toMatchObject({
      from: bob,
      to: [alice],
      dateTime: own.dateTime,
      contentType: 'message/imdn+xml',
    });
    expect(notification?.header(imdnNamespace, 'Message-ID')).toBe('n1');
    expect(notification?.header(imdnNamespace, 'Disposition-Notification')).toBeUndefined();
    expect(notification?.contentHeaders.get('Content-Disposition')).toBe('notification');
    expect(notificationsIn(notification!)).toEqual([
      { messageId: '34jk324j', dateTime, recipientURI: bob.uri, kind: 'delivery', status: 'delivered' },
    ]);
  });

  test('is made once of each kind', () => {
    const responder = new IMDNResponder(messageWith());
    expect(responder.notify('delivery', 'delivered', own)).toBeDefined();
    expect(responder.notify('delivery', 'error', own)).toBeUndefined();
    expect(responder.notify('display', 'displayed', own)).toBeDefined();
    expect(responder.notify('display', 'displayed', own)).toBeUndefined();
  });

  test('goes the way that the message came, and names whom it was for at first', () => {
    const { namespaces, headers } = requestIMDN('1', ['display']);
    const message = messageWith({
      namespaces: { ...namespaces, other: 'urn:other' },
      headers: [
        ...headers,
        ['other.Original-To', { uri: 'im:nobody@x' }],
        ['imdn.IMDN-Record-Route', { uri: 'im:near@x', name: 'the "near" one' }],
        ['imdn.IMDN-Record-Route', { uri: 'im:far@x' }],
        ['imdn.Original-To', { uri: 'im:robert@example.com' }],
      ],
    });
    const notification = new IMDNResponder(message).notify('display', 'displayed', { ...own, from: alice });
    const routes = notification?.headers.filter(({ name }) => name === 'IMDN-Route');
    expect(routes?.map(({ value }) => value)).toEqual(['"the \\"near\\" one" <im:near@x>', '<im:far@x>']);
    expect(notification?.from).toEqual(alice);
    expect(notificationsIn(notification!)).toMatchObject([
      { recipientURI: alice.uri, originalRecipientURI: 'im:robert@example.com' },
    ]);
  });

  test('cannot be made from a route that is none', () => {
    const message = messageWith({ namespaces: { imdn: imdnNamespace }, headers: [['imdn.Original-To', 'robert']] });
    expect(faultOf(() => new IMDNResponder(message)).code).toBe('MSRP_ERR_BAD_PAYLOAD');
  });

  test('may come with others in a multipart/mixed', () => {
    const imdns = told.map(([, imdn]) => imdn);
    const parts = imdns.map((imdn) => ({ contentType: 'message/imdn+xml', content: formatIMDN(imdn) }));
    const { contentType, pieces } = encodeMultipart('mixed', [{ content: 'not one' }, ...parts]);
    const aggregate = (disposition: string): CPIMMessage =>
      messageWith({
        contentType,
        content: Buffer.concat(pieces),
        contentHeaders: [['Content-Disposition', disposition]],
      });
    expect(notificationsIn(aggregate('notification'))).toEqual(imdns);
    expect(notificationsIn(aggregate('render'))).toEqual([]);
    expect(notificationsIn(messageWith())).toEqual([]);
  });

  test('is asked for, and read, in whatever was made of a message, or refused with a code', () => {
    const [asking, , telling] = decodeChunks(octetsOf('cpim-imdn.msrp'));
    const changes = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('<>;,:"\r\n')))));
    fc.assert(
      fc.property(fc.constantFrom(asking!.data, telling!.data), changes, (data, list) => {
        const spoiled = Buffer.from(data);
        for (const [at, octet] of list) spoiled[at % spoiled.length] = octet;
        try {
          const message = CPIMMessage.parse(spoiled, { tolerant: true });
          notificationsIn(message);
          new IMDNResponder(message).notify('delivery', 'delivered', own);
        } catch (error) {
          expect(error).toBeInstanceOf(MSRPError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
