import { X509Certificate, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTCP } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { fingerprintOf, formatFingerprint, matchesFingerprint, preferredFingerprints } from '../../net/fingerprint.ts';
import { nodeNetwork } from '../../net/node-network.ts';
import type { ClientTLS, ServerTLS } from '../../net/socket.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { Endpoint } from './endpoint.ts';
import { closeAfterTest, connectTo, openPair, openServer, rejectionOf } from './open.ts';
import { rawClient, rawServer } from './raw-tls.ts';

const yesterday = new Date(Date.now() - 86_400_000);

let authority: Certificate;
let stranger: Certificate;
/** Of `authority`, for alice.example, *.wild.example and 127.0.0.1. */
let good: Certificate;
let selfSigned: Certificate;
let otherSelfSigned: Certificate;
let expired: Certificate;
let client: Certificate;
let strangeClient: Certificate;
let commonNameOnly: Certificate;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([makeAuthority('tests'), makeAuthority('strangers')]);
  const names = ['alice.example', '*.wild.example'];
  const addresses = ['127.0.0.1'];
  [good, selfSigned, otherSelfSigned, expired, client, strangeClient, commonNameOnly] = await Promise.all([
    makeCertificate({ names, addresses, issuer: authority }),
    makeCertificate({ names: ['self.example'] }),
    makeCertificate({ names: ['self.example'] }),
    makeCertificate({ names, addresses, issuer: authority, notAfter: yesterday }),
    makeCertificate({ commonName: 'client', issuer: authority }),
    makeCertificate({ commonName: 'client', issuer: stranger }),
    makeCertificate({ addresses: ['192.0.2.1'], commonName: 'alice.example', issuer: authority }),
  ]);
});

describe('the name and CA check', () => {
  test.each(['alice.example', 'alice.example.', 'ALICE.example', 'x.wild.example', '127.0.0.1'])(
    'accepts a certificate that names %s',
    async (name) => {
      const server = await openServer({ tls: good });
      const one = new Endpoint(await connectTo(server, { tls: { ca: authority.cert }, name }));
      const other = new Endpoint(await server.accepted());
      expect(one.socket).toMatchObject({ encrypted: true, tls: { protocol: 'TLSv1.3', authorized: true } });
      expect(one.socket.tls?.peerFingerprint).toBe(fingerprintText(good));
      expect(other.socket.tls).toMatchObject({ protocol: 'TLSv1.3', authorized: false });
      expect(other.socket.tls).not.toHaveProperty('peerFingerprint');
      await one.write(Buffer.from('secret'));
      await other.untilReceived(6);
    },
  );

  test.each(['bob.example', 'wild.example', 'a.b.wild.example', '127.0.0.2', '::1'])(
    'refuses a certificate that does not name %s',
    async (name) => {
      const error = await refused({ server: good, client: { ca: authority.cert }, name });
      expect(error).toMatch(
        / failed: its certificate for DNS:alice\.example, DNS:\*\.wild\.example, IP Address:127\.0\.0\.1 does not name /,
      );
      expect(error.endsWith(` ${name}`)).toBe(true);
    },
  );

  test('does not look at the common name', async () => {
    const error = await refused({ server: commonNameOnly, client: { ca: authority.cert }, name: 'alice.example' });
    expect(error).toMatch(/its certificate for IP Address:192\.0\.2\.1 does not name alice\.example$/);
  });

  test('takes `servername` before the name of the target', async () => {
    const server = await openServer({ tls: good });
    const tls = { ca: authority.cert, servername: 'alice.example' };
    const socket = await connectTo(server, { tls, name: 'bob.example' });
    expect(socket.tls?.serverName).toBe('alice.example');
  });

  test.each([
    ['from an unknown CA', () => good, () => stranger.cert, 'is from an authority that is not trusted'],
    ['without a CA of ours', () => good, () => undefined, 'is from an authority that is not trusted'],
    ['that is self-signed', () => selfSigned, () => undefined, 'is self-signed and not among the trusted ones'],
    ['that has expired', () => expired, () => authority.cert, 'has expired'],
  ])('refuses a certificate %s', async (_name, certificate, ca, why) => {
    const error = await refused({ server: certificate(), client: { ca: ca() }, name: 'alice.example' });
    expect(error).toMatch(new RegExp(`^TLS with 127\\.0\\.0\\.1:\\d+ failed: its certificate ${why}$`));
  });

  test('is not left out for an empty list of fingerprints', async () => {
    const error = await refused({ server: selfSigned, client: { fingerprints: [] }, name: 'self.example' });
    expect(error).toMatch(/self-signed/);
  });
});

describe('SNI', () => {
  test.each([
    ['alice.example', 'alice.example'],
    ['x.wild.example.', 'x.wild.example'],
    ['127.0.0.1', undefined],
  ])('for the host %s is %s', async (name, expected) => {
    const server = await openServer({ tls: good });
    await connectTo(server, { tls: { ca: authority.cert }, name });
    expect((await server.accepted()).tls?.serverName).toBe(expected);
  });
});

describe('fingerprints', () => {
  test.each([
    ['SHA-256', () => fingerprintText(selfSigned)],
    ['lower case', () => fingerprintText(selfSigned).toLowerCase()],
    ['digits only', () => fingerprintOf(der(selfSigned)).digest.toString('hex')],
    ['SHA-512', () => formatFingerprint(fingerprintOf(der(selfSigned), 'sha-512'))],
  ])('(%s) stand instead of CA and name', async (_name, fingerprint) => {
    const server = await openServer({ tls: selfSigned });
    const socket = await connectTo(server, { tls: { fingerprints: [fingerprint()] }, name: 'whoever.example' });
    expect(socket.tls).toMatchObject({ authorized: true, peerFingerprint: fingerprintText(selfSigned) });
  });

  test('stand instead of the dates', async () => {
    const server = await openServer({ tls: expired });
    await connectTo(server, { tls: { fingerprints: [fingerprintText(expired)] } });
  });

  test('that do not match refuse even a certificate that the CA vouches for, with both in the error', async () => {
    const expected = fingerprintText(otherSelfSigned);
    const error = await refused({
      server: good,
      client: { ca: authority.cert, fingerprints: [expected] },
      name: 'alice.example',
    });
    expect(error).toMatch(
      new RegExp(`its certificate has the fingerprint ${fingerprintText(good)}, expected ${expected}$`),
    );
  });

  test('that do not match end the connection before any data', async () => {
    const server = await openServer({ tls: selfSigned });
    await rejectionOf(connectTo(server, { tls: { fingerprints: [fingerprintText(otherSelfSigned)] } }));
    // The client may be gone before the server has its last flight.
    const outcome = await Promise.race([server.accepted(), server.reported()]);
    if (outcome instanceof Error) return;
    const accepted = new Endpoint(outcome);
    await accepted.until(() => accepted.ended || accepted.closed);
    expect(accepted.received).toBe(0);
  });

  test('that cannot be used are refused before connecting', async () => {
    const error = await rejectionOf(
      nodeNetwork.connect({ host: '127.0.0.1', port: 1, tls: { fingerprints: ['MD5 00'] } }),
    );
    expect(error.code).toBe('MSRP_ERR_ARGUMENT');
    const at = { host: '127.0.0.1', tls: { ...good, fingerprints: ['SHA-256 00'] } };
    expect((await rejectionOf(nodeNetwork.listen(at, () => {}))).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('client certificates', () => {
  test('of a trusted CA let the client in', async () => {
    const server = await openServer({ tls: asking() });
    await connectTo(server, { tls: { ca: authority.cert, ...client } });
    expect((await server.accepted()).tls).toMatchObject({ authorized: true, peerFingerprint: fingerprintText(client) });
  });

  test.each([
    ['missing', () => ({}), 'it shows no certificate'],
    ['of another CA', () => strangeClient, 'its certificate is from an authority that is not trusted'],
  ])('%s keep the client out, are reported, and do not stop the listener', async (_name, credentials, why) => {
    const server = await openServer({ tls: asking() });
    // In TLS 1.3 a client has finished before the server judges it.
    const raw = rawClient(server, { ...credentials(), maxVersion: 'TLSv1.2' });
    const error = await server.reported();
    expect(error).toMatchObject({ code: 'MSRP_ERR_TLS' });
    expect(error.message).toMatch(new RegExp(`^TLS with (a client|127\\.0\\.0\\.1:\\d+) failed: ${why}$`));
    await raw;
    await connectTo(server, { tls: { ca: authority.cert, ...client } });
    await server.accepted();
    expect(server.errors).toHaveLength(1);
  });

  test('missing close a TLS 1.3 connection with an error that says so', async () => {
    const server = await openServer({ tls: asking() });
    const one = new Endpoint(await connectTo(server, { tls: { ca: authority.cert } }));
    await one.untilClosed();
    expect(one.error).toMatchObject({ code: 'MSRP_ERR_TLS' });
    expect(one.error?.message).toMatch(/it refuses the handshake, maybe for want of a certificate of ours$/);
    expect(one.received).toBe(0);
  });

  test('with an expected fingerprint let the client in without a CA', async () => {
    const server = await openServer({ tls: { ...good, fingerprints: [fingerprintText(selfSigned)] } });
    await connectTo(server, { tls: { ca: authority.cert, ...selfSigned } });
    expect((await server.accepted()).tls).toMatchObject({
      authorized: true,
      peerFingerprint: fingerprintText(selfSigned),
    });
  });

  test.each([
    [
      'another',
      () => otherSelfSigned,
      /^TLS with 127\.0\.0\.1:\d+ failed: its certificate has the fingerprint SHA-256 /,
    ],
    ['no', () => ({}), /it shows no certificate$/],
  ])('with %s fingerprint keep the client out', async (_name, credentials, why) => {
    const server = await openServer({ tls: { ...good, fingerprints: [fingerprintText(selfSigned)] } });
    const one = new Endpoint(await connectTo(server, { tls: { ca: authority.cert, ...credentials() } }));
    expect((await server.reported()).message).toMatch(why);
    await one.until(() => one.ended || one.closed);
    expect(one.received).toBe(0);
  });

  test('can be left for later: any is let in, and none, but not as authorized', async () => {
    const server = await openServer({ tls: { ...good, requestClientCertificate: 'unchecked' } });
    await connectTo(server, { tls: { ca: authority.cert, ...selfSigned } });
    const { tls } = await server.accepted();
    expect(tls?.authorized).toBe(false);
    expect(matchesFingerprint(tls!.peerCertificate!, preferredFingerprints([fingerprintText(selfSigned)]))).toBe(true);
    await connectTo(server, { tls: { ca: authority.cert } });
    expect((await server.accepted()).tls).not.toHaveProperty('peerCertificate');
  });
});

describe('the handshake', () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;

  test('is refused to a client of TLS 1.1', async () => {
    const server = await openServer({ tls: good });
    const alert = await rawClient(server, old);
    expect(alert).toMatch(/PROTOCOL_VERSION/);
    expect((await server.reported()).message).toMatch(
      / failed: it has no TLS version in common with us \(1\.2 at least\)$/,
    );
  });

  test('is refused with a server of TLS 1.1', async () => {
    const port = await rawServer({ ...good, ...old });
    const error = await rejectionOf(nodeNetwork.connect({ host: '127.0.0.1', port, tls: { ca: authority.cert } }));
    expect(error.code).toBe('MSRP_ERR_TLS');
    expect(error.message).toMatch(/ failed: it has no TLS version in common with us \(1\.2 at least\)$/);
  });

  test('works with a server of TLS 1.2', async () => {
    const port = await rawServer({ ...good, maxVersion: 'TLSv1.2' });
    const socket = await nodeNetwork.connect({ host: '127.0.0.1', port, tls: { ca: authority.cert } });
    closeAfterTest(() => socket.destroy());
    expect(socket.tls?.protocol).toBe('TLSv1.2');
  });

  test('with a server that speaks no TLS fails in plain words', async () => {
    const server = await openServer();
    const connecting = rejectionOf(connectTo(server, { tls: {} }));
    const peer = new Endpoint(await server.accepted());
    await peer.write(Buffer.from('MSRP d93kswow 400 Bad\r\n-------d93kswow$\r\n'));
    expect((await connecting).message).toMatch(/ failed: it does not speak TLS$/);
  });

  test.each(['end', 'destroy'] as const)('that the server breaks off with %s fails as TLS', async (how) => {
    const server = await openServer();
    const connecting = rejectionOf(connectTo(server, { tls: {} }));
    const peer = new Endpoint(await server.accepted());
    await peer.untilReceived(1);
    peer.socket[how]();
    expect(await connecting).toMatchObject({ code: 'MSRP_ERR_TLS', cause: { code: 'ECONNRESET' } });
  });

  test('can be aborted', async () => {
    const server = await openServer();
    const abort = new AbortController();
    const connecting = rejectionOf(connectTo(server, { tls: {}, signal: abort.signal }));
    const peer = new Endpoint(await server.accepted());
    await peer.untilReceived(1);
    abort.abort();
    expect((await connecting).code).toBe('MSRP_ERR_ABORTED');
    await peer.until(() => peer.ended || peer.closed);
  });

  test.each([
    [
      'garbage',
      (raw: ReturnType<typeof connectTCP>) => void raw.write('MSRP a786hjs2 SEND\r\n'),
      'it does not speak TLS',
    ],
    [
      'nothing and leaves',
      (raw: ReturnType<typeof connectTCP>) => void raw.end(),
      'it closed the connection during the handshake',
    ],
    [
      'nothing and resets',
      (raw: ReturnType<typeof connectTCP>) => void raw.resetAndDestroy(),
      'it closed the connection during the handshake',
    ],
  ])('of a client that sends %s is reported and hurts nobody', async (_name, misbehave, why) => {
    const server = await openServer({ tls: good });
    const raw = connectTCP(server.listener.port, '127.0.0.1', () => misbehave(raw));
    raw.on('error', () => {});
    raw.resume();
    closeAfterTest(() => void raw.destroy());
    expect((await server.reported()).message).toMatch(new RegExp(` failed: ${why}$`));
    await connectTo(server, { tls: { ca: authority.cert } });
    await server.accepted();
  });

  test('has a time limit', async () => {
    const server = await openServer({ tls: { ...good, handshakeTimeout: 1 } });
    const raw = connectTCP(server.listener.port, '127.0.0.1');
    closeAfterTest(() => void raw.destroy());
    expect((await server.reported()).message).toMatch(/ failed: it did not finish the handshake in time$/);
    await once(raw.resume(), 'close');
  });

  test('under way when the listener closes is dropped', async () => {
    const server = await openServer({ tls: good });
    const raw = connectTCP(server.listener.port, '127.0.0.1');
    closeAfterTest(() => void raw.destroy());
    await connectTo(server, { tls: { ca: authority.cert } });
    const established = new Endpoint(await server.accepted());
    await server.listener.close();
    await once(raw.on('error', () => {}).resume(), 'close');
    expect(established.closed).toBe(false);
  });

  test.each([
    ['certificate', { cert: 'none', key: 'none' }],
    ['key', () => ({ cert: good.cert, key: client.key })],
  ])('with an unusable %s of ours is refused from the start', async (_name, credentials) => {
    const tls: ServerTLS = typeof credentials === 'function' ? credentials() : credentials;
    const words = /^the certificate, key or CA cannot be used: /;
    const listening = await rejectionOf(nodeNetwork.listen({ host: '127.0.0.1', tls }, () => {}));
    expect(listening).toMatchObject({ code: 'MSRP_ERR_TLS', message: expect.stringMatching(words) });
    const connecting = await rejectionOf(nodeNetwork.connect({ host: '127.0.0.1', port: 1, tls }));
    expect(connecting).toMatchObject({ code: 'MSRP_ERR_TLS', message: expect.stringMatching(words) });
  });
});

describe('data over TLS', () => {
  test('arrives unchanged, with back-pressure, and the end after it', async () => {
    const [one, other] = await openPair({ at: { tls: good }, tls: { ca: authority.cert } });
    other.socket.pause();
    const pieces = Array.from({ length: 64 }, () => [randomBytes(250), randomBytes(131_072), randomBytes(26)]);
    const full = pieces.map((piece) => one.socket.write(piece)).includes(false);
    expect(full).toBe(true);
    one.socket.end();
    other.socket.resume();
    await other.until(() => other.ended);
    expect(other.data.equals(Buffer.concat(pieces.flat()))).toBe(true);
    await other.write(Buffer.from('thanks'));
    await one.untilReceived(6);
    other.socket.end();
    await Promise.all([one.untilClosed(), other.untilClosed()]);
    expect([one.error, other.error]).toEqual([undefined, undefined]);
  });
});

/** Asks for certificates of `authority`. */
function asking(): ServerTLS {
  return { ...good, ca: authority.cert, requestClientCertificate: true };
}

function der(certificate: Certificate): Buffer {
  return new X509Certificate(certificate.cert).raw;
}

function fingerprintText(certificate: Certificate): string {
  return formatFingerprint(fingerprintOf(der(certificate)));
}

/** The message with which the client refuses to connect. */
async function refused(o: { server: Certificate; client: ClientTLS; name: string }): Promise<string> {
  const server = await openServer({ tls: o.server });
  const error = await rejectionOf(connectTo(server, { tls: o.client, name: o.name }));
  expect(error.code).toBe('MSRP_ERR_TLS');
  return error.message;
}
