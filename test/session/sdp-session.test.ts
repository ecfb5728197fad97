// From offer and answer to sessions on real sockets: who connects, by TCP and TLS, and what peers and middleboxes do to it.

import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createAnswer,
  createOffer,
  fingerprintOf,
  formatFingerprint,
  MSRPServer,
  ConnectorDirect,
  type NegotiationOptions,
  type OfferOptions,
  type PEM,
  refuseOffer,
  URI,
} from '../../index.ts';
import { nodeNetwork } from '../../net/index.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../net/certificates.ts';
import { closeAfterTest, rejectionOf } from '../net/open.ts';
import { connected, greet, here, negotiate, openJoiner, openProxy } from './sdp-pair.ts';

let alice: Certificate;
let bob: Certificate;

beforeAll(async () => {
  [alice, bob] = await Promise.all([makeCertificate({ commonName: 'alice' }), makeCertificate({ commonName: 'bob' })]);
});

/** The options of both ends, without TLS and with self-signed certificates. */
function ends(isTLS: boolean): { offer: NegotiationOptions; answer: NegotiationOptions } {
  return isTLS ? { offer: { connect: { tls: alice } }, answer: { connect: { tls: bob } } } : { offer: {}, answer: {} };
}

function setupOf(sdp: string): string | undefined {
  return /a=setup:(\w+)/.exec(sdp)?.[1];
}

function withSetup(setup: string): (sdp: string) => string {
  return (sdp) => sdp.replace(/a=setup:\w+\r\n/, setup === 'none' ? '' : `a=setup:${setup}\r\n`);
}

describe.each([
  ['TCP', false],
  ['TLS', true],
])('by %s', (name, isTLS) => {
  const protocol = isTLS ? 'TCP/TLS/MSRP' : 'TCP/MSRP';

  test.each<['actpass' | 'active', 'active' | 'passive', string]>([
    ['actpass', 'passive', 'passive'],
    ['actpass', 'active', 'active'],
    ['active', 'passive', 'passive'],
    ['active', 'active', 'passive'],
  ])(
    'an offer with setup %s, to one who would be %s, is answered with %s and gives a session',
    async (ours, wish, theirs) => {
      const { offer, answer } = ends(isTLS);
      const made = await connected({ offer: { ...offer, setup: ours }, answer: { ...answer, setup: wish } });
      expect([setupOf(made.offer.sdp), setupOf(made.answer.sdp)]).toEqual([ours, theirs]);
      expect(made.offer.sdp).toContain(`m=message ${made.offer.media.path[0]?.port} ${protocol} *`);
      expect(made.offer.media.port === 9).toBe(ours === 'active');
      expect(made.answer.media.port === 9).toBe(theirs === 'active');
      expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
      const [one, other] = made.sessions;
      expect(one.transport.peer.tls?.peerFingerprint).toBe(isTLS ? printOf(bob) : undefined);
      expect(other.transport.peer.tls?.peerFingerprint).toBe(isTLS ? printOf(alice) : undefined);
      expect(one.transport.fullRemotePath.map(String)).toEqual(made.answer.media.path.map(String));
      expect(other.transport.fullRemotePath.map(String)).toEqual(made.offer.media.path.map(String));
    },
  );

  test.each([
    ['none', 'passive'],
    ['holdconn', 'passive'],
    ['passive', 'active'],
    ['ACTPASS', 'passive'],
  ])('an offer with setup %s is answered with %s', async (setup, expected) => {
    const made = await connected({ ...ends(isTLS), rewriteOffer: withSetup(setup) });
    expect(setupOf(made.answer.sdp)).toBe(expected);
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test.each(['none', 'holdconn', 'actpass'])(
    'an answer with setup %s of one who listens gives a session',
    async (setup) => {
      const made = await connected({ ...ends(isTLS), rewriteAnswer: withSetup(setup) });
      expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
      const target = { host: '127.0.0.1', port: made.offer.media.port };
      expect((await rejectionOf(nodeNetwork.connect(target))).code).toBe('MSRP_ERR_CONNECT');
    },
  );

  test('an answer with setup actpass of one who connects gives a session', async () => {
    const { offer, answer } = ends(isTLS);
    const network = { ...nodeNetwork, connect: () => Promise.reject(new Error('nobody is there')) };
    const made = await connected({
      offer: { connect: { ...offer.connect, network } },
      answer: { ...answer, setup: 'active' },
      rewriteAnswer: withSetup('actpass'),
    });
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('of two connections with one who answers actpass only the first one stays', async () => {
    const { offer, answer } = ends(isTLS);
    const tls = isTLS ? { ...alice, requestClientCertificate: 'unchecked' as const } : undefined;
    const server = new MSRPServer({ ...(tls && { tls }) });
    closeAfterTest(() => server.close());
    // It hears too late that nobody waits for the second one any more.
    const complete = server.complete.bind(server);
    server.complete = (path, o) => complete(path, { ...(o?.localUri && { localUri: o.localUri }) });
    const made = await connected({ offer: { ...offer, server }, answer, rewriteAnswer: withSetup('actpass') });
    const fingerprints = made.offer.media.fingerprints;
    const second = new ConnectorDirect({ ...(isTLS && { tls: { ...bob, fingerprints } }) });
    await second.prepare(made.answer.media.path[0]);
    const late = second.complete(made.offer.media.path).then((transport) => transport.readChunk());
    await expect(late).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('several sessions share the port of a server, and leave it open', async () => {
    const { offer, answer } = ends(isTLS);
    const server = new MSRPServer({
      tls: offer.connect?.tls && { ...alice, requestClientCertificate: 'unchecked' },
    } as object);
    closeAfterTest(() => server.close());
    const port = new Set<number>();
    for (const one of [1, 2]) {
      const made = await connected({ offer: { ...offer, server }, answer: { ...answer, setup: 'active' } });
      port.add(made.offer.media.port);
      expect([one, await greet(made.sessions)]).toEqual([one, ['hello', 'hello back']]);
    }
    const asAnswerer = await connected({ offer: answer, answer: { ...offer, server } });
    port.add(asAnswerer.answer.media.port);
    expect(await greet(asAnswerer.sessions)).toEqual(['hello', 'hello back']);
    const unanswered = await createOffer({ ...offer, server, localUri: here });
    expect(server.stats().listeners).toBe(1);
    const { expected } = server.stats();
    await unanswered.cleanup();
    expect([port.size, server.stats().expected]).toEqual([1, expected - 1]);
  });

  test('two ends that both connect meet in a middlebox that joins them', async () => {
    if (isTLS) return; // The joined ends would both be TLS clients.
    const box = await openJoiner();
    const reroute = (sdp: string): string => sdp.replace(/(a=path:\w+:\/\/127\.0\.0\.1:)\d+/, `$1${box.port}`);
    const made = await connected({
      offer: { setup: 'active', connect: { match: 'session-id' } },
      answer: { setup: 'active', connect: { match: 'session-id' } },
      rewriteOffer: (sdp) => reroute(withSetup('actpass')(sdp)),
      rewriteAnswer: reroute,
    });
    expect([setupOf(made.offer.sdp), setupOf(made.answer.sdp), box.connections]).toEqual(['active', 'active', 2]);
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });
});

function printOf({ cert }: { cert: PEM }): string {
  return formatFingerprint(fingerprintOf(new X509Certificate(cert).raw));
}

describe('a fingerprint', () => {
  const other = 'a=fingerprint:SHA-256 '.concat('00:'.repeat(31), '00');
  const rewrite = (sdp: string): string => sdp.replace(/a=fingerprint:\S+ \S+/, other);

  test.each<[string, 'active' | 'passive', 'rewriteOffer' | 'rewriteAnswer']>([
    ['the answerer that listens', 'passive', 'rewriteAnswer'],
    ['the answerer that connects', 'active', 'rewriteAnswer'],
    ['the offerer that listens', 'active', 'rewriteOffer'],
    ['the offerer that connects', 'passive', 'rewriteOffer'],
  ])('that %s does not have ends the session', async (_, setup, which) => {
    const made = await negotiate({ ...ends(true), answer: { connect: { tls: bob }, setup }, [which]: rewrite });
    const [judge, judged] = which === 'rewriteAnswer' ? [made.alice, made.bob] : [made.bob, made.alice];
    if (which === 'rewriteOffer' && setup === 'passive') {
      // Its listener turns strangers away, and waits on.
      expect((await rejectionOf(judged)).code).toMatch(/^MSRP_ERR_(TLS|CLOSED|CONNECT)$/);
      await made.answer.cleanup();
      expect((await rejectionOf(judge)).code).toBe('MSRP_ERR_ABORTED');
      return;
    }
    expect((await rejectionOf(judge)).code).toBe('MSRP_ERR_TLS');
    if (which === 'rewriteAnswer' && setup === 'passive') await made.answer.cleanup();
    if (which === 'rewriteOffer') await made.offer.cleanup();
    // A client by TLS 1.3 may be bound before it is judged: then it loses the session.
    await judged.then(
      (session) => session.closed,
      () => {},
    );
  });

  test('of a weak hash function does not stand in for a strong one', async () => {
    const weak = formatFingerprint(fingerprintOf(new X509Certificate(bob.cert).raw, 'sha-1'));
    const made = await negotiate({
      ...ends(true),
      answer: { connect: { tls: bob }, setup: 'active' },
      rewriteAnswer: (sdp) => rewrite(sdp).replace('a=fingerprint', `a=fingerprint:${weak}\r\na=fingerprint`),
    });
    expect((await rejectionOf(made.alice)).code).toBe('MSRP_ERR_TLS');
    await made.bob.then(
      (session) => session.closed,
      () => {},
    );
  });

  test('that is missing leaves the judgement to the CA and the name', async () => {
    const strip = (sdp: string): string => sdp.replaceAll(/a=fingerprint:.*\r\n/g, '');
    const rewrites = { rewriteOffer: strip, rewriteAnswer: strip };
    const authority = await makeAuthority('tests');
    const issued = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
    const tls = { ...issued, ca: authority.cert };
    const made = await connected({ offer: { connect: { tls } }, answer: { connect: { tls } }, ...rewrites });
    expect(made.sessions[0].transport.peer.tls?.authorized).toBe(true);
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);

    const refused = await negotiate({ offer: { connect: { tls: alice } }, answer: { connect: { tls } }, ...rewrites });
    expect((await rejectionOf(refused.alice)).code).toBe('MSRP_ERR_TLS');
    await refused.answer.cleanup();
    await rejectionOf(refused.bob);
  });

  test('is given with SHA-256, and with the hash function of the signature of the certificate', async () => {
    const { generate } = await import('selfsigned');
    const made = await generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec', algorithm: 'sha384' });
    for (const [tls, hashes] of [
      [{ cert: made.cert, key: made.private }, ['sha-256', 'sha-384']],
      [alice, ['sha-256']],
    ] as const) {
      await using offer = await createOffer({ localUri: here, connect: { tls } });
      expect(offer.media.fingerprints.map(({ hash }) => hash)).toEqual(hashes);
    }
  });
});

describe('TLS', () => {
  test('cannot be had from an offer without', async () => {
    await using offer = await createOffer({ localUri: here });
    const error = await rejectionOf(createAnswer(offer.sdp, { requireTLS: true, connect: { tls: bob } }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'unusable' });
    const made = await connected({ answer: { connect: { tls: bob } } });
    expect(made.answer.sdp).toContain('TCP/MSRP');
    expect(made.answer.media.fingerprints).toEqual([]);
  });

  test('needs a certificate on both sides', async () => {
    await using offer = await createOffer({ localUri: here, connect: { tls: alice } });
    expect((await rejectionOf(createAnswer(offer.sdp))).code).toBe('MSRP_ERR_ARGUMENT');
    expect((await rejectionOf(createOffer({ requireTLS: true }))).code).toBe('MSRP_ERR_ARGUMENT');
    expect((await rejectionOf(createOffer({ setup: 'active', connect: { tls: { cert: 'x' } } }))).code).toBe(
      'MSRP_ERR_TLS',
    );
  });

  test.each([false, true])('cannot be dropped by the answer, tolerant: %s', async (tolerant) => {
    const made = await negotiate({
      offer: { connect: { tls: alice, tolerant } },
      answer: { connect: { tls: bob } },
      rewriteAnswer: (sdp) => sdp.replace('TCP/TLS/MSRP', 'TCP/MSRP').replace('msrps:', 'msrp:'),
    });
    expect(await rejectionOf(made.alice)).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'unusable' });
    await made.answer.cleanup();
    await rejectionOf(made.bob);
  });
});

describe('an answer that refuses', () => {
  test('ends the offer, which listens no more', async () => {
    await using offer = await createOffer({ localUri: here });
    const error = await rejectionOf(offer.applyAnswer(refuseOffer(offer.sdp)));
    expect(error).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'rejected', scope: 'session' });
    const { port } = offer.media;
    const target = { host: '127.0.0.1', port };
    expect((await rejectionOf(nodeNetwork.connect(target))).code).toBe('MSRP_ERR_CONNECT');
    expect((await rejectionOf(offer.applyAnswer(offer.sdp))).code).toBe('MSRP_ERR_STATE');
  });

  test.each<[string, (sdp: string) => string, string]>([
    ['that is no SDP', () => 'no', 'syntax'],
    ['without the m-line', (sdp) => sdp.replace(/m=[^]*/, ''), 'no-media'],
    ['without path', (sdp) => sdp.replace(/a=path.*\r\n/, ''), 'unusable'],
    ['of an end that only connects too', withSetup('active'), 'unusable'],
  ])('as does one %s', async (_, rewriteAnswer, reason) => {
    const made = await negotiate({
      offer: { setup: 'active' },
      rewriteAnswer: (sdp) => rewriteAnswer(sdp).replace(/(a=path:\S+:)\d+/, '$19'),
    });
    expect(await rejectionOf(made.alice)).toMatchObject({ code: 'MSRP_ERR_SDP', reason });
    await made.answer.cleanup();
    await rejectionOf(made.bob);
  });
});

describe('an offer', () => {
  test('with no type in common is not answered', async () => {
    await using offer = await createOffer({ localUri: here, acceptTypes: ['text/plain'] });
    const error = await rejectionOf(createAnswer(offer.sdp, { localUri: here, acceptTypes: ['message/cpim'] }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'no-common-type' });
  });

  test('is answered on its first usable m-line, others are refused, and what is said is held to', async () => {
    const sdp = 'v=0\r\nm=audio 5 RTP/AVP 0\r\nm=message 5 TCP/MSRP *\r\n';
    const made = await connected({
      offer: { description: sdp, acceptTypes: ['text/plain', 'message/cpim'], acceptWrappedTypes: ['*'], maxSize: 10 },
      answer: { acceptTypes: ['text/*'], chatroom: ['nickname'], lines: ['a=mid:1'] },
    });
    expect(made.offer.sdp.startsWith(sdp)).toBe(true);
    expect([made.offer.index, made.answer.index]).toEqual([2, 2]);
    expect(made.answer.sdp).toContain('m=audio 0 RTP/AVP 0\r\nm=message 0 TCP/MSRP *\r\n');
    expect(made.offer.remote).toMatchObject({ acceptTypes: ['text/*'], chatroom: ['nickname'], lines: ['a=mid:1'] });
    expect(made.answer.remote).toMatchObject({ acceptWrappedTypes: ['*'], maxSize: 10 });
    const [one, other] = made.sessions;
    const refused = (status: number): unknown => expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT', status });
    expect(() => other.send('more than ten')).toThrow(refused(413));
    expect(() => other.send('x', { contentType: 'text/html' })).toThrow(refused(415));
    expect(() => one.send('x', { contentType: 'image/png' })).toThrow(refused(415));
    // What is sent all the same is refused at the other end.
    const { transport } = other;
    const status = async (o: Parameters<typeof transport.makeChunk>[0]): Promise<number | undefined> =>
      (await rejectionOf(other.deliverChunk(transport.makeChunk(o)))).status;
    expect(await status({ data: 'more than ten' })).toBe(413);
    expect(await status({ data: 'x', contentType: 'text/html' })).toBe(415);
  });

  test('with several m-lines is answered one by one, into the same description', async () => {
    await using first = await createOffer({ localUri: here });
    await using second = await createOffer({ localUri: here, description: first.sdp });
    await using one = await createAnswer(second.sdp, { localUri: here, index: 0 });
    await using two = await createAnswer(second.sdp, { localUri: here, index: 1, description: one.sdp });
    const pending = [one.connect(), two.connect()];
    const sessions = await Promise.all([first.applyAnswer(two.sdp), second.applyAnswer(two.sdp), ...pending]);
    const paths = sessions.map(({ transport }) => String(transport.localUri));
    expect(new Set(paths).size).toBe(4);
    await Promise.all(sessions.map((session) => session.shutdown()));
    const refused = refuseOffer(second.sdp, { index: 1, description: two.sdp });
    expect(refused).toContain(`${one.media}m=message 0 TCP/MSRP *\r\n`);
  });

  test.each<[string, OfferOptions]>([
    ['of a file without anything to know it by', { file: { selector: { name: 'x' } } }],
    ['of a file in both directions', { file: { selector: { size: 1 } }, direction: 'sendrecv' }],
    ['with a line that SDP does not have', { lines: ['x'] }],
    ['of a session that takes nothing', { acceptTypes: [] }],
  ])('%s is not made, and nothing is left open', async (_, options) => {
    expect((await rejectionOf(createOffer({ localUri: here, ...options }))).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('of a file has an id of its own, and the answer repeats what it is known by', async () => {
    const selector = { name: 'a.txt', size: 5, type: 'text/plain' };
    const made = await connected({
      answer: { file: { selector: { size: 9 } } },
      offer: { file: { selector, icon: 'cid:x', disposition: 'attachment', range: { start: 2 } } },
    });
    expect(made.offer.media.file?.transferId).toMatch(/^[0-9a-f]{32}$/);
    expect(made.offer.media.direction).toBe('sendonly');
    const { transferId } = made.offer.media.file ?? {};
    expect(made.answer.media).toMatchObject({ direction: 'recvonly' });
    expect(made.answer.media.file).toEqual({ selector, transferId, range: { start: 2 } });
  });

  test('that asks for a file is answered with more about it', async () => {
    const file = { selector: { name: 'a.txt', size: 5, hashes: [fingerprintOf(Buffer.from('hello'), 'sha-1')] } };
    const made = await connected({
      offer: { direction: 'recvonly', file: { selector: { name: 'a.txt' }, transferId: 'me1' } },
      answer: { file },
    });
    expect(made.answer.media.direction).toBe('sendonly');
    expect(made.answer.media.file).toEqual({ ...file, transferId: 'me1' });
  });

  test('whose first m-line has ended is answered on the next', async () => {
    await using offer = await createOffer({ localUri: here });
    const [head = '', section = ''] = offer.sdp.split(/(?=m=)/);
    const ended = section.replace(/m=message \d+/, 'm=message 0');
    await using answer = await createAnswer(head + ended + section, { localUri: here });
    expect([answer.index, answer.media.port > 0]).toEqual([1, true]);
  });

  test('that cannot be answered as asked leaves nothing open', async () => {
    await using offer = await createOffer({ localUri: here });
    const error = await rejectionOf(createAnswer(offer.sdp, { localUri: here, lines: ['x'] }));
    expect(error.code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('of a file whose answer is for another is given up', async () => {
    const made = await negotiate({
      offer: { file: { selector: { size: 1 } } },
      rewriteAnswer: (sdp) => sdp.replace(/(file-transfer-id:)\S+/, '$1other'),
    });
    expect(await rejectionOf(made.alice)).toMatchObject({ reason: 'unusable' });
    await made.answer.cleanup();
    await rejectionOf(made.bob);
  });
});

describe('giving up', () => {
  test('while waiting rejects with MSRP_ERR_ABORTED and leaves nothing', async () => {
    for (const setup of ['active', 'passive'] as const) {
      const stop = new AbortController();
      await using offer = await createOffer({ localUri: here });
      await using answer = await createAnswer(offer.sdp, { localUri: here });
      const waiting = offer.applyAnswer(withSetup(setup)(answer.sdp), { signal: stop.signal });
      stop.abort(new Error('enough'));
      expect((await rejectionOf(waiting)).code).toBe('MSRP_ERR_ABORTED');
    }
  });

  test('by cleanup ends a wait, and disposal is cleanup', async () => {
    await using offer = await createOffer({ localUri: here });
    const answer = await createAnswer(offer.sdp, { localUri: here });
    const waiting = answer.connect();
    await answer[Symbol.asyncDispose]();
    await answer.cleanup();
    expect((await rejectionOf(waiting)).code).toBe('MSRP_ERR_ABORTED');
    expect((await rejectionOf(answer.connect())).code).toBe('MSRP_ERR_STATE');
  });

  test('comes before a second try: connecting happens once', async () => {
    const made = await connected({ answer: { setup: 'active' } });
    expect((await rejectionOf(made.answer.connect())).code).toBe('MSRP_ERR_STATE');
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('after success does not touch the session, and a second answer neither', async () => {
    const made = await connected();
    expect((await rejectionOf(made.offer.applyAnswer(made.answer.sdp))).code).toBe('MSRP_ERR_STATE');
    await made.offer.cleanup();
    await made.answer.cleanup();
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });
});

describe('a middlebox', () => {
  /** Nobody can connect to the path of such an end. */
  const hidden = { localUri: new URI({ host: 'hidden.invalid' }), connect: { listenHost: '127.0.0.1' } };
  const lookup = (): Promise<string[]> => Promise.resolve([]);
  const reroute =
    (port: number) =>
    (sdp: string): string =>
      sdp.replace(/m=message \d+/, `m=message ${port}`).replace(/(m=.*\r\nc=).*/, '$1IN IP4 127.0.0.1');

  test.each([
    ['TCP', 'active', false],
    ['TCP', 'passive', false],
    ['TLS', 'active', true],
    ['TLS', 'passive', true],
  ] as const)(
    'that rewrites c- and m-lines is passed through by CEMA, over %s to an %s answerer',
    async (_, setup, isTLS) => {
      let target = 0;
      const box = await openProxy(() => target);
      const { offer, answer } = ends(isTLS);
      const rewrite = (sdp: string): string => {
        target = Number(/m=message (\d+)/.exec(sdp)?.[1]);
        return reroute(box.port)(sdp);
      };
      const made = await connected({
        offer: { ...hidden, cema: true, lookup, connect: { ...hidden.connect, ...offer.connect } },
        answer: { ...hidden, cema: true, lookup, setup, connect: { ...hidden.connect, ...answer.connect } },
        ...(setup === 'active' ? { rewriteOffer: rewrite } : { rewriteAnswer: rewrite }),
      });
      expect(made.offer.sdp).toContain('a=msrp-cema\r\n');
      expect(made.answer.sdp).toContain('a=msrp-cema\r\n');
      expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
      expect([box.connections, made.sessions[0].transport.localUri.host]).toEqual([1, 'hidden.invalid']);
    },
  );

  test('that rewrites c- and m-lines is passed through without CEMA too, on request', async () => {
    let target = 0;
    const box = await openProxy(() => target);
    const made = await connected({
      offer: { ...hidden, connectTo: 'media-line' },
      answer: hidden,
      rewriteAnswer: (sdp) => {
        target = Number(/m=message (\d+)/.exec(sdp)?.[1]);
        return reroute(box.port)(sdp);
      },
    });
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
    expect(box.connections).toBe(1);
  });

  test('before an offerer without CEMA is refused by an answerer with it', async () => {
    await using offer = await createOffer(hidden);
    const error = await rejectionOf(createAnswer(reroute(5)(offer.sdp), { ...hidden, cema: true, lookup }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'unusable' });
  });

  test('before an answerer without CEMA that connects calls for a new offer', async () => {
    const made = await negotiate({
      offer: { ...hidden, cema: true, lookup },
      answer: { ...hidden, setup: 'active' },
      rewriteAnswer: reroute(5),
    });
    expect(made.answer.sdp).not.toContain('msrp-cema');
    expect(await rejectionOf(made.alice)).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'offer-without-cema' });
    await rejectionOf(made.bob);
  });

  test('that rewrites c- and m-lines changes nothing for those who connect by the path', async () => {
    const made = await connected({ rewriteAnswer: reroute(5) });
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('that rewrites the path is passed by matching session-ids alone', async () => {
    const reached: number[] = [];
    const proxies = await Promise.all([0, 1].map((at) => openProxy(() => reached[at] ?? 0)));
    const rewrite =
      (at: number) =>
      (sdp: string): string => {
        reached[at] = Number(/a=path:\S+:(\d+)/.exec(sdp)?.[1]);
        return sdp.replace(/(a=path:\S+:)\d+/, `$1${proxies[at]?.port}`);
      };
    for (const match of ['session-id', 'path'] as const) {
      const connect = { match, timeouts: { bindMs: 1000 } };
      const made = await negotiate({
        offer: { connect },
        answer: { connect },
        rewriteOffer: rewrite(0),
        rewriteAnswer: rewrite(1),
      });
      if (match === 'session-id') {
        expect(await greet(await Promise.all([made.alice, made.bob]))).toEqual(['hello', 'hello back']);
      } else {
        expect(await rejectionOf(made.alice)).toMatchObject({ code: 'MSRP_ERR_BIND_REFUSED', status: 481 });
        await made.answer.cleanup();
        await rejectionOf(made.bob);
      }
    }
  });
});

describe('an odd peer', () => {
  test('is taken when tolerance is asked for', async () => {
    const ports: number[] = [];
    const network = {
      ...nodeNetwork,
      connect: (target: { port: number }) => {
        ports.push(target.port);
        return nodeNetwork.connect({ host: '127.0.0.1', port: real });
      },
    };
    let real = 0;
    const made = await connected({
      offer: { connect: { tolerant: true, match: 'session-id', network } },
      answer: { connect: { match: 'session-id' } },
      rewriteAnswer: (sdp) => {
        real = Number(/a=path:\S+:(\d+)/.exec(sdp)?.[1]);
        return sdp
          .replace(/(a=path:\S+)127.0.0.1:\d+/, '$1odd.example')
          .replace(/m=message \d+ TCP\/MSRP \*/, 'm=message 9 TCP/MSRP text/plain')
          .replaceAll(/c=.*/g, 'c=IN IP4 0.0.0.0')
          .replace(/a=accept-types.*\r\n/, '')
          .replaceAll('\r\n', '\n');
      },
    });
    expect(ports).toEqual([2855]);
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('that offers everything and contradicts itself gets an answer by the scheme of its path', async () => {
    const { offer, answer } = ends(true);
    const rewriteOffer = (sdp: string): string =>
      sdp.replace('TCP/TLS/MSRP', 'TCP/MSRP').replace(/a=accept-types.*\r\n/, '');
    const warnings: string[] = [];
    const logger = { ...console, warn: (message: string) => void warnings.push(message) };
    const made = await connected({
      offer: { connect: { ...offer.connect, tolerant: true } },
      answer: { connect: { ...answer.connect, tolerant: true, logger }, acceptTypes: ['text/plain'] },
      rewriteOffer,
    });
    expect(warnings[0]).toContain('accept-types');
    expect(made.answer.media).toMatchObject({ protocol: 'TCP/MSRP', path: [{ useTLS: true }] });
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
    const strict = createAnswer(rewriteOffer(made.offer.sdp), { localUri: here, ...answer });
    expect(await rejectionOf(strict)).toMatchObject({ reason: 'unusable' });
  });

  test('whose first URI is not for TCP may connect, but cannot be connected to', async () => {
    await using offer = await createOffer({ localUri: here });
    const ws = offer.sdp.replace(';tcp', ';ws');
    expect(await rejectionOf(createAnswer(withSetup('passive')(ws), { localUri: here }))).toMatchObject({
      reason: 'unusable',
    });
    await using answer = await createAnswer(ws, { localUri: here });
    expect(answer.media.setup).toBe('passive');
  });
});
