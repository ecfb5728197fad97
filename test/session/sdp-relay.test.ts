// Offer and answer where one side or both are behind a relay of ours, on real sockets: what SDP shows, and that a session comes of it.

import { beforeEach, describe, expect, test } from 'vitest';
import {
  createAnswer,
  createOffer,
  type ConnectOptions,
  MSRPRelay,
  MSRPRelaySettings,
  MSRPServer,
  type NegotiationOptions,
  type OfferOptions,
  URI,
} from '../../index.ts';
import { type Certificate, makeCertificate } from '../net/certificates.ts';
import { closeAfterTest, rejectionOf, roundTrip } from '../net/open.ts';
import { connected, greet, here, negotiate } from './sdp-pair.ts';

let certificate: Certificate;
let relay: MSRPRelay;

beforeEach(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
});

/** A relay for Alice and Bob. */
async function openRelay(useTLS = true): Promise<URI> {
  relay = new MSRPRelay({
    credentials: (username) => ({ password: `${username}'s` }),
    tls: { ...certificate, ca: certificate.cert },
    allowPlainAuth: true,
    allowPrivateNextHops: true,
  });
  closeAfterTest(async () => void (await relay.close()));
  return relay.listen(new URI({ host: '127.0.0.1', useTLS }));
}

function behind(username: string, { port, useTLS }: URI, password = `${username}'s`): NegotiationOptions {
  const settings = { domain: '127.0.0.1', port, username, password, useTLS };
  return { relay: new MSRPRelaySettings(settings), ...(useTLS && { connect: trusting() }) };
}

const trusting = (): ConnectOptions => ({ tls: { ca: certificate.cert } });
/** Without a relay, by TLS: who connects trusts the relay, and the relay whom it connects to. */
const direct = (): NegotiationOptions => ({ connect: { tls: { ...certificate, ca: certificate.cert } } });

const pathIn = (sdp: string): string[] => /a=path:(.*)\r\n/.exec(sdp)![1]!.split(' ');
const setups = (...sdps: string[]): (string | undefined)[] => sdps.map((sdp) => /a=setup:(\w+)/.exec(sdp)?.[1]);

describe.each([
  ['TLS', true],
  ['TCP', false],
])('a relay by %s', (_, useTLS) => {
  const protocol = useTLS ? 'TCP/TLS/MSRP' : 'TCP/MSRP';

  test.each<['actpass' | 'active', 'active' | 'passive', string]>([
    ['actpass', 'passive', 'passive'],
    ['actpass', 'active', 'active'],
    ['active', 'passive', 'passive'],
    ['active', 'active', 'passive'],
  ])(
    'both behind it: an offer with setup %s, to one who would be %s, is answered with %s',
    async (ours, wish, theirs) => {
      const uri = await openRelay(useTLS);
      const made = await connected({
        offer: { ...behind('alice', uri), setup: ours },
        answer: { ...behind('bob', uri), setup: wish },
      });
      expect(setups(made.offer.sdp, made.answer.sdp)).toEqual([ours, theirs]);
      for (const { sdp, media } of [made.offer, made.answer]) {
        const [first = '', own = '', ...others] = pathIn(sdp);
        expect(others).toEqual([]);
        expect(URI.parse(first)).toMatchObject({ host: '127.0.0.1', port: uri.port, useTLS });
        expect(sdp).toContain(`m=message ${URI.parse(own).port} ${protocol} *\r\nc=IN IP4 127.0.0.1\r\n`);
        expect(sdp).not.toContain('a=fingerprint');
        expect(media.path.map(String)).toEqual([first, own]);
      }
      expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
      const [alice, bob] = made.sessions;
      expect(alice.transport.fullRemotePath.map(String)).toEqual(pathIn(made.answer.sdp));
      expect(bob.transport.fullRemotePath.map(String)).toEqual(pathIn(made.offer.sdp));
      expect(relay.stats()).toMatchObject({ sessions: 2 });
    },
  );

  test.each<['alice' | 'bob', 'active' | 'passive']>([
    ['alice', 'active'],
    ['alice', 'passive'],
    ['bob', 'active'],
    ['bob', 'passive'],
  ])('only %s behind it, the answer is %s', async (who, setup) => {
    const uri = await openRelay(useTLS);
    const alone = useTLS ? direct() : {};
    const made = await connected({
      offer: who === 'alice' ? behind('alice', uri) : alone,
      answer: { ...(who === 'bob' ? behind('bob', uri) : alone), setup },
    });
    expect([made.offer, made.answer].map(({ media }) => media.path.length)).toEqual(who === 'alice' ? [2, 1] : [1, 2]);
    expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
  });

  test('an answer without setup, or with actpass, makes the offerer connect', async () => {
    const uri = await openRelay(useTLS);
    for (const line of ['', 'a=setup:actpass\r\n']) {
      const made = await connected({
        offer: behind('alice', uri),
        answer: behind('bob', uri),
        rewriteAnswer: (sdp) => sdp.replace(/a=setup:\w+\r\n/, line),
      });
      expect(await greet(made.sessions)).toEqual(['hello', 'hello back']);
    }
  });
});

test('both sides that believe to be the one who connects get a session', async () => {
  const uri = await openRelay();
  const made = await negotiate({
    offer: behind('alice', uri),
    answer: { ...behind('bob', uri), setup: 'active' },
    rewriteAnswer: (sdp) => sdp.replace('a=setup:active', 'a=setup:passive'),
  });
  const [alice, bob] = await Promise.all([made.alice, made.bob]);
  expect(await greet([alice, bob])).toEqual(['hello', 'hello back']);
});

test('a peer that has connected although we are to connect has its session with us', async () => {
  const uri = await openRelay();
  const offer = await createOffer({ localUri: here, ...behind('alice', uri) });
  const answer = await createAnswer(offer.sdp, { localUri: here, ...behind('bob', uri), setup: 'active' });
  const bob = await answer.connect();
  await roundTrip();
  const alice = await offer.applyAnswer(answer.sdp.replace('a=setup:active', 'a=setup:passive'));
  expect(await greet([alice, bob])).toEqual(['hello', 'hello back']);
  await Promise.all([alice.shutdown(), bob.shutdown()]);
});

test('cleanup gives the path at the relay back, and ends who waits', async () => {
  const uri = await openRelay();
  const offer = await createOffer({ localUri: here, ...behind('alice', uri) });
  const answer = await createAnswer(offer.sdp, { localUri: here, ...behind('bob', uri) });
  expect(relay.stats()).toMatchObject({ sessions: 2 });
  const waiting = answer.connect();
  await answer.cleanup();
  expect((await rejectionOf(waiting)).code).toBe('MSRP_ERR_ABORTED');
  await offer.cleanup();
  expect((await rejectionOf(offer.applyAnswer(answer.sdp))).code).toBe('MSRP_ERR_STATE');
});

test('a relay that refuses us is told as it is', async () => {
  const uri = await openRelay();
  const offer = createOffer({ localUri: here, ...behind('alice', uri, 'guessed') });
  expect(await rejectionOf(offer)).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH' });
});

test('the relay that works is taken', async () => {
  const uri = await openRelay();
  const { relay: good, connect } = behind('alice', uri);
  const bad = new MSRPRelaySettings({ domain: '127.0.0.1', port: 9, username: 'alice', password: 'x' });
  await using offer = await createOffer({ localUri: here, relay: [bad, good as MSRPRelaySettings], connect: connect! });
  expect(offer.media.path).toHaveLength(2);
});

test.each([true, false])('an offer whose TLS (%s) is not that of our relay cannot be answered', async (offersTLS) => {
  const uri = await openRelay(!offersTLS);
  await using offer = await createOffer({ localUri: here, ...(offersTLS && direct()) });
  const answer = createAnswer(offer.sdp, { localUri: here, ...behind('bob', uri) });
  expect(await rejectionOf(answer)).toMatchObject({ code: 'MSRP_ERR_SDP', reason: 'unusable' });
});

const bare = new URI({ host: '127.0.0.1', port: 9 });

test.each<[string, OfferOptions]>([
  ['a server', { server: new MSRPServer() }],
  ['CEMA', { cema: true }],
  ['the m-line', { connectTo: 'media-line' }],
  ['TLS, which it has not', { requireTLS: true }],
  ['none', { relay: [] }],
])('a relay and %s is MSRP_ERR_ARGUMENT', async (_, options) => {
  expect((await rejectionOf(createOffer({ ...behind('alice', bare), ...options }))).code).toBe('MSRP_ERR_ARGUMENT');
});
