import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  AcceptorDirect,
  type ConnectOptions,
  ConnectorDirect,
  MSRPServer,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import { fingerprintOf, formatFingerprint } from '../../net/fingerprint.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { carries, kept } from './serve.ts';

type TLS = NonNullable<ConnectOptions['tls']>;

const here = new URI({ host: '127.0.0.1', useTLS: true });

let authority: Certificate;
let server: Certificate;
let client: Certificate;
let stranger: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('tests');
  [server, client, stranger] = await Promise.all([
    makeCertificate({ addresses: ['127.0.0.1'], issuer: authority }),
    makeCertificate({ commonName: 'client', issuer: authority }),
    makeCertificate({ commonName: 'stranger' }),
  ]);
});

function fingerprint({ cert }: Certificate): string {
  return formatFingerprint(fingerprintOf(new X509Certificate(cert).raw));
}

interface Passive {
  readonly uri: URI;
  complete(): Promise<MSRPTransport>;
  cleanup(): Promise<void>;
}

async function acceptor(tls: TLS): Promise<Passive> {
  const made = new AcceptorDirect({ tls });
  closeAfterTest(() => made.cleanup());
  const [uri] = await made.prepare(here);
  return { uri: uri!, complete: () => made.complete(), cleanup: () => made.cleanup() };
}

async function serverSide(tls: TLS): Promise<Passive> {
  const made = new MSRPServer({ tls });
  closeAfterTest(() => made.close());
  const [uri] = await made.prepare(here);
  return { uri: uri!, complete: () => made.complete(), cleanup: () => made.cleanup(uri!) };
}

async function connect(uri: URI, tls: TLS): Promise<MSRPTransport> {
  const connector = new ConnectorDirect({ tls });
  await connector.prepare(here);
  return connector.complete([uri]);
}

describe.each([
  ['an acceptor', acceptor],
  ['a server', serverSide],
])('%s', (_name, open) => {
  test('that asks for a certificate knows its client by it', async () => {
    const far = await open({ ...server, ca: authority.cert, requestClientCertificate: true });
    const ends = await Promise.all([connect(far.uri, { ...client, ca: authority.cert }), far.complete()]);
    const [near, other] = ends.map(kept) as [MSRPTransport, MSRPTransport];
    expect(other.peer.tls).toMatchObject({ authorized: true, peerFingerprint: fingerprint(client) });
    expect(near.peer.tls).toMatchObject({ authorized: true, peerFingerprint: fingerprint(server) });
    await carries(near, other, 'to the server');
    await carries(other, near, 'to the client');
  });

  // Of a certificate that is not trusted Node says nothing to the client: it only closes.
  test.each<[string, () => Partial<Certificate>, string]>([
    ['none', () => ({}), 'MSRP_ERR_TLS'],
    ['one of nobody that it trusts', () => stranger, 'MSRP_ERR_CLOSED'],
  ])('that asks for a certificate refuses a client with %s, and waits on', async (_which, shown, code) => {
    const far = await open({ ...server, ca: authority.cert, requestClientCertificate: true });
    const complete = far.complete();
    expect(await rejectionOf(connect(far.uri, { ca: authority.cert, ...shown() }))).toMatchObject({ code });
    kept(await connect(far.uri, { ...client, ca: authority.cert }));
    kept(await complete);
  });

  test("and a client that pin each other's self-signed certificates need no authority", async () => {
    const far = await open({ ...stranger, fingerprints: [fingerprint(client)] });
    const tls = { ...client, fingerprints: [fingerprint(stranger)] };
    const ends = await Promise.all([connect(far.uri, tls), far.complete()]);
    const [near, other] = ends.map(kept) as [MSRPTransport, MSRPTransport];
    expect([near, other].map(({ peer }) => [peer.tls?.authorized, peer.tls?.peerFingerprint])).toEqual([
      [true, fingerprint(stranger)],
      [true, fingerprint(client)],
    ]);
    await carries(near, other, 'pinned');
  });

  test.each<[string, () => TLS]>([
    ['another certificate', () => ({ ...server, fingerprints: [fingerprint(stranger)] })],
    ['no certificate', () => ({ fingerprints: [fingerprint(stranger)] })],
    ['the right certificate, but expects another one', () => ({ ...client, fingerprints: [fingerprint(server)] })],
  ])('that pins its client lets nobody in who has %s, and waits on', async (_which, tls) => {
    const far = await open({ ...stranger, fingerprints: [fingerprint(client)] });
    const complete = far.complete();
    expect((await rejectionOf(connect(far.uri, tls()))).code).toMatch(/^MSRP_ERR_(TLS|CLOSED)$/);
    kept(await connect(far.uri, { ...client, fingerprints: [fingerprint(stranger)] }));
    expect(kept(await complete).peer.tls?.peerFingerprint).toBe(fingerprint(client));
  });

  test('that leaves the check for later takes any certificate, not as authorized', async () => {
    const far = await open({ ...server, requestClientCertificate: 'unchecked' });
    const ends = await Promise.all([connect(far.uri, { ...stranger, ca: authority.cert }), far.complete()]);
    expect(ends.map(kept)[1]!.peer.tls).toMatchObject({ authorized: false, peerFingerprint: fingerprint(stranger) });
  });
});
