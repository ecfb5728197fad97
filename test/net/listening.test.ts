import { once } from 'node:events';
import { connect as connectTCP, type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { AcceptorDirect, type ConnectOptions, ConnectorDirect, type Logger, MSRPServer, URI } from '../../index.ts';
import { nodeNetwork } from '../../net/node-network.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { Arrivals, closeAfterTest, rejectionOf } from './open.ts';
import { rawConnect } from './raw-peer.ts';
import { bind, carries, here, kept, serve, session } from './serve.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

let authority: Certificate;
let good: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('tests');
  good = await makeCertificate({ addresses: ['127.0.0.1', '::1'], issuer: authority });
});

/** The first of two neighbouring ports; `isTaken`: somebody listens on the first one. */
async function twoPorts(isTaken: boolean): Promise<number> {
  for (;;) {
    const servers = [createServer(), createServer()];
    await once(servers[0]!.listen(0, '127.0.0.1'), 'listening');
    const { port } = servers[0]!.address() as AddressInfo;
    const isFree = await new Promise<boolean>((resolve) => {
      servers[1]!.once('error', () => resolve(false));
      servers[1]!.listen(port + 1, '127.0.0.1', () => resolve(true));
    });
    servers[1]!.close();
    if (isFree && isTaken) closeAfterTest(() => void servers[0]!.close());
    else servers[0]!.close();
    if (isFree) return port;
  }
}

async function acceptor(options: ConnectOptions, uri = here): Promise<URI> {
  const made = new AcceptorDirect(options);
  closeAfterTest(() => made.cleanup());
  return (await made.prepare(uri))[0]!;
}

describe('portRange', () => {
  test('is tried from its first port on', async () => {
    const first = await twoPorts(false);
    expect((await acceptor({ portRange: [first, first + 1] })).port).toBe(first);
    expect((await acceptor({ portRange: [first, first + 1] })).port).toBe(first + 1);
    const none = await rejectionOf(acceptor({ portRange: [first, first + 1] }));
    expect(none).toMatchObject({ code: 'MSRP_ERR_LISTEN', message: expect.stringContaining('in use') });
  });

  test('gives the next port when the first one is taken by somebody else, to a server as well', async () => {
    const first = await twoPorts(true);
    const server = serve({ portRange: [first, first + 1] });
    const [uri] = await server.prepare(here);
    expect(uri!.port).toBe(first + 1);
    // A second URI shares that listener.
    expect((await server.prepare(here))[0]!.port).toBe(first + 1);
  });

  test('does not count for a URI with a port', async () => {
    const first = await twoPorts(false);
    const uri = await acceptor({ portRange: [1, 1] }, new URI({ host: '127.0.0.1', port: first }));
    expect(uri.port).toBe(first);
  });

  test('is not gone through for a certificate that no port makes good', async () => {
    let tries = 0;
    const listen: typeof nodeNetwork.listen = (...o) => {
      tries++;
      return nodeNetwork.listen(...o);
    };
    const options = { network: { ...nodeNetwork, listen }, tls: { cert: 'none', key: 'none' } };
    const error = await rejectionOf(
      acceptor({ ...options, portRange: [20_000, 30_000] }, new URI({ host: '127.0.0.1', useTLS: true })),
    );
    expect([error.code, tries]).toEqual(['MSRP_ERR_TLS', 1]);
  });
});

describe('listenHost', () => {
  test('is where we listen, whatever the URI names', async () => {
    const options = { listenHost: '127.0.0.1', host: 'gateway.example' };
    const far = new AcceptorDirect(options);
    closeAfterTest(() => far.cleanup());
    const [uri] = await far.prepare(new URI({ host: 'gateway.example' }));
    expect(uri!.host).toBe('gateway.example');
    const peer = await rawConnect(uri!);
    expect(peer.socket.remoteAddress).toBe('127.0.0.1');
  });

  test('that is not ours is MSRP_ERR_LISTEN', async () => {
    const error = await rejectionOf(acceptor({ listenHost: '192.0.2.1' }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_LISTEN', message: expect.stringContaining('192.0.2.1') });
  });

  test('left out: an address in the URI is listened on, a name is not looked up and leaves every address', async () => {
    const uri = await acceptor({}, new URI({ host: 'gateway.example' }));
    expect(uri.host).toBe('gateway.example');
    expect((await rawConnect(uri)).socket.remoteAddress).toBe('127.0.0.1');
  });
});

describe.skipIf(!hasIPv6)('on ::1 (skipped where this machine has no IPv6 loopback)', () => {
  test.each([false, true])('a session is set up and carries chunks, TLS: %s', async (useTLS) => {
    const six = new URI({ host: '::1', useTLS });
    const far = new AcceptorDirect({ ...(useTLS && { tls: { ...good } }) });
    const near = new ConnectorDirect({ tls: { ca: authority.cert } });
    const [answer] = await far.prepare(six);
    const [offer] = await near.prepare(six);
    expect(String(answer)).toMatch(/^msrps?:\/\/\[::1\]:\d+\//);
    const ends = await Promise.all([near.complete([URI.parse(String(answer))]), far.complete([offer!])]);
    const [one, other] = [kept(ends[0]), kept(ends[1])];
    expect([one.peer.address, other.peer.address]).toEqual(['::1', '::1']);
    await carries(one, other, 'there');
    await carries(other, one, 'and back');
  });

  test('a server has listeners for both families', async () => {
    const server = serve();
    const [near, far] = await session(server);
    const [uri] = await server.prepare(new URI({ host: '::1' }));
    const [six, other] = await Promise.all([bind(uri!), server.complete(undefined, { localUri: uri! })]);
    await carries(near, far, 'four');
    await carries(six, kept(other), 'six');
    expect(server.stats().listeners).toBe(2);
  });

  test('whoever cannot be reached is named with brackets', async () => {
    const uri = await acceptor({}, new URI({ host: '::1' }));
    await expect(acceptor({}, new URI({ host: '::1', port: uri.port! }))).rejects.toThrow(`[::1]:${uri.port}`);
  });
});

describe('a TLS handshake', () => {
  const secure = new URI({ host: '127.0.0.1', useTLS: true });

  /** Warnings of an acceptor or server. */
  function warnings(): { logger: Logger; next: () => Promise<string> } {
    const warned = new Arrivals<string>();
    const none = (): void => {};
    return {
      logger: { debug: none, info: none, error: none, warn: (message) => warned.add(message) },
      next: () => warned.next(),
    };
  }

  test('that a client does not finish is given up after bindMs, and the acceptor waits on', async () => {
    const { logger, next } = warnings();
    const far = new AcceptorDirect({ logger, tls: { ...good }, timeouts: { bindMs: 20 } });
    const [uri] = await far.prepare(secure);
    const complete = far.complete();
    const raw = connectTCP(uri!.port!, '127.0.0.1');
    closeAfterTest(() => void raw.destroy());
    const closed = once(raw.on('error', () => {}).resume(), 'close');
    expect(await next()).toContain('did not finish the handshake in time');
    await closed;
    await far.cleanup();
    expect((await rejectionOf(complete)).code).toBe('MSRP_ERR_ABORTED');
  });

  test.each([Number.POSITIVE_INFINITY, 2 ** 31])('has any time with bindMs %d', async (bindMs) => {
    const far = new MSRPServer({ tls: { ...good }, timeouts: { bindMs } });
    closeAfterTest(() => far.close());
    const [uri] = await far.prepare(secure);
    const [near, other] = await Promise.all([bind(uri!, { tls: { ca: authority.cert } }), far.complete()]);
    await carries(near, kept(other), 'hello');
  });
});
