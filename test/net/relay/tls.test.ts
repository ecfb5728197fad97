// The relay on real sockets: certificates on both sides.

import { beforeAll, describe, expect, test } from 'vitest';
import { Chunk, ChunkAssembler, ChunkDecoder, encodeChunk, type HeaderEntry, URI } from '../../../codec/index.ts';
import { chooseChallenge, DigestClient } from '../../../net/digest.ts';
import { nodeNetwork } from '../../../net/node-network.ts';
import { MSRPRelay, type RelayOptions } from '../../../net/relay/index.ts';
import type { ClientTLS, Socket, SocketHandler, TLSFacts } from '../../../net/socket.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../certificates.ts';
import { Arrivals, closeAfterTest } from '../open.ts';

let authority: Certificate;
let ours: Certificate;
let others: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('authority');
  ours = await makeCertificate({ addresses: ['127.0.0.1'], names: ['localhost'], issuer: authority });
  others = await makeCertificate({ names: ['other.example.com'], issuer: authority });
});

/** Takes frames as they come. */
class Frames implements SocketHandler {
  readonly socket: Socket;
  readonly #frames = new Arrivals<Chunk>();
  readonly #decoder = new ChunkDecoder(new ChunkAssembler({ onChunk: (chunk) => this.#frames.add(chunk) }));

  constructor(socket: Socket) {
    this.socket = socket;
    socket.attach(this);
    socket.resume();
    closeAfterTest(() => socket.destroy());
  }

  next(): Promise<Chunk> {
    return this.#frames.next();
  }

  onData(input: Buffer): void {
    this.#decoder.write(input);
  }

  onDrain(): void {}
  onEnd(): void {}
  onClose(): void {}
}

async function openRelay(options: Partial<RelayOptions> = {}): Promise<{ relay: MSRPRelay; uri: URI }> {
  const tls = { ...ours, ca: authority.cert };
  const relay = new MSRPRelay({ credentials: () => ({ password: 'wonderland' }), tls, ...options });
  closeAfterTest(async () => void (await relay.close()));
  return { relay, uri: await relay.listen(new URI({ host: '127.0.0.1', useTLS: true })) };
}

async function connect(uri: URI, tls: ClientTLS = { ca: authority.cert }): Promise<Frames> {
  return new Frames(await nodeNetwork.connect({ host: uri.host, port: uri.port!, tls }));
}

async function ask(client: Frames, uri: URI, from: string, fields: HeaderEntry[]): Promise<Chunk> {
  const headers: HeaderEntry[] = [['To-Path', String(uri)], ['From-Path', from], ...fields];
  client.socket.write(encodeChunk(new Chunk({ transactionId: 'auth0001', method: 'AUTH', headers })));
  return client.next();
}

const aliceUri = 'msrps://127.0.0.1:9/alice98cjs;tcp';

async function authenticate(client: Frames, uri: URI): Promise<string> {
  const digest = new DigestClient('alice', 'wonderland', () => 'c0ffee');
  digest.take(chooseChallenge((await ask(client, uri, aliceUri, [])).headers.wwwAuthenticate)!);
  const answer = await ask(client, uri, aliceUri, [['Authorization', digest.authorize(String(uri))!]]);
  return answer.headers.get('Use-Path')!;
}

function sendTo(client: Frames, path: string): void {
  const headers: HeaderEntry[] = [
    ['To-Path', path],
    ['From-Path', aliceUri],
    ['Message-ID', 'message1'],
    ['Byte-Range', '1-5/5'],
    ['Content-Type', 'text/plain'],
  ];
  client.socket.write(encodeChunk(new Chunk({ transactionId: 'send0001', method: 'SEND', headers, data: 'hello' })));
}

describe('a next hop', () => {
  async function listen(certificate: Certificate): Promise<{ uri: string; accepted: Promise<[Frames, TLSFacts]> }> {
    const sockets = new Arrivals<Socket>();
    const tls = { ...certificate, ca: authority.cert, requestClientCertificate: 'unchecked' } as const;
    const listener = await nodeNetwork.listen({ host: '127.0.0.1', tls }, (socket) => sockets.add(socket));
    closeAfterTest(() => listener.close());
    const accepted = sockets.next().then((socket): [Frames, TLSFacts] => [new Frames(socket), socket.tls!]);
    return { uri: `msrps://127.0.0.1:${listener.port}/bob98cjs;tcp`, accepted };
  }

  test('with a certificate for its name gets the message, and sees that of the relay', async () => {
    const { uri } = await openRelay();
    const client = await connect(uri);
    const hop = await listen(ours);
    sendTo(client, `${await authenticate(client, uri)} ${hop.uri}`);
    expect((await client.next()).code).toBe(200);
    const [bob, facts] = await hop.accepted;
    expect((await bob.next()).data.toString()).toBe('hello');
    expect(facts).toMatchObject({ authorized: true, peerCertificate: expect.any(Buffer) });
  });

  test('with a certificate for another name gets nothing, and the sender is told', async () => {
    const { relay, uri } = await openRelay();
    const client = await connect(uri);
    const hop = await listen(others);
    sendTo(client, `${await authenticate(client, uri)} ${hop.uri}`);
    expect((await client.next()).code).toBe(200);
    expect((await client.next()).status).toMatchObject({ code: 408 });
    expect(relay.stats().connectFailures).toBe(1);
    void hop.accepted;
  });

  test('on loopback is refused where the relay listens elsewhere', async () => {
    const { relay, uri } = await openRelay();
    expect(relay.stats().connectFailures).toBe(0);
    const client = await connect(uri);
    const token = await authenticate(client, uri);
    sendTo(client, `${token} msrps://10.255.255.1:9/x;tcp`);
    expect((await client.next()).code).toBe(200);
    expect((await client.next()).status).toMatchObject({ code: 408, comment: 'Next hop cannot be reached' });
  });
});

describe('a client', () => {
  test('that checks the name finds the relay’s certificate good, and another name bad', async () => {
    const { uri } = await openRelay();
    await expect(connect(uri)).resolves.toBeDefined();
    await expect(connect(uri, { ca: authority.cert, servername: 'other.example.com' })).rejects.toMatchObject({
      code: 'MSRP_ERR_TLS',
    });
  });

  test('with a trusted certificate is taken for a relay, and must speak for its own host', async () => {
    const { uri } = await openRelay();
    const relay = await connect(uri, { ...ours, ca: authority.cert });
    const other = await connect(uri, { ...others, ca: authority.cert });
    expect((await ask(relay, uri, aliceUri, [])).code).toBe(401);
    expect((await ask(other, uri, aliceUri, [])).code).toBe(403);
  });

  test('with a certificate that nobody vouches for is a client like any other', async () => {
    const { uri } = await openRelay();
    const stray = await makeCertificate({ names: ['other.example.com'] });
    const client = await connect(uri, { ...stray, ca: authority.cert });
    expect((await ask(client, uri, aliceUri, [])).code).toBe(401);
  });

  test('sees a new certificate from the next connection on', async () => {
    const { relay, uri } = await openRelay();
    const before = await connect(uri);
    const again = await makeCertificate({ addresses: ['127.0.0.1'], issuer: authority });
    relay.reload({ credentials: () => ({ password: 'wonderland' }), tls: { ...again, ca: authority.cert } });
    const after = await connect(uri);
    expect(before.socket.tls!.peerFingerprint).not.toBe(after.socket.tls!.peerFingerprint);
    expect(() => relay.reload({ credentials: () => undefined, tls: { cert: 'no', key: 'no' } })).toThrow(
      /cannot be used/,
    );
    expect((await ask(before, uri, aliceUri, [])).code).toBe(401);
  });

  test.each([
    [{ expires: { min: 0 } }, /tokens cannot be good for/],
    [{ expires: { min: 100, max: 50 } }, /tokens cannot be good for/],
    [{ algorithms: [] }, /needs a digest algorithm/],
    [{ limits: { sessionsPerUser: 0 } }, /the limit sessionsPerUser cannot be 0/],
    [{ nonceMs: -1 }, /the time nonceMs cannot be -1/],
  ])('cannot be served with the options %j', (options, message) => {
    expect(() => new MSRPRelay({ credentials: () => undefined, ...options })).toThrow(message);
  });

  test('cannot be served on msrps without a certificate', async () => {
    const relay = new MSRPRelay({ credentials: () => undefined });
    await expect(relay.listen(new URI({ host: '127.0.0.1', useTLS: true }))).rejects.toMatchObject({
      code: 'MSRP_ERR_ARGUMENT',
    });
  });
});
