import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server as RawServer, Socket as RawSocket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listenRaw, nodeNetwork } from '../../net/node-network.ts';
import { NodeSocket } from '../../net/node-socket.ts';
import { Endpoint } from './endpoint.ts';
import { Arrivals, closeAfterTest, connectTo, openServer, rejectionOf, roundTrip } from './open.ts';

describe('connecting', () => {
  test('gives an open socket with its addresses', async () => {
    const server = await openServer();
    const client = await connectTo(server);
    const accepted = await server.accepted();
    expect(client).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: server.listener.port, encrypted: false });
    expect(client.tls).toBeUndefined();
    expect([accepted.remoteAddress, accepted.remotePort]).toEqual([client.localAddress, client.localPort]);
    expect([accepted.localAddress, accepted.localPort]).toEqual(['127.0.0.1', server.listener.port]);
  });

  test('tries each address of a name', async () => {
    const server = await openServer();
    const socket = await nodeNetwork.connect({ host: 'localhost', port: server.listener.port });
    closeAfterTest(() => socket.destroy());
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });

  test('connects from the local address asked for', async () => {
    const { listener } = await openServer();
    const socket = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, localAddress: '127.0.0.2' });
    closeAfterTest(() => socket.destroy());
    expect(socket.localAddress).toBe('127.0.0.2');
  });

  test('to a closed port is refused', async () => {
    const port = await closedPort();
    const error = await rejectionOf(nodeNetwork.connect({ host: '127.0.0.1', port }));
    expect(error).toMatchObject({
      code: 'MSRP_ERR_CONNECT',
      message: `connecting to 127.0.0.1:${port} failed: refused`,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('to a name whose addresses all refuse says so once', async () => {
    const port = await closedPort();
    const error = await rejectionOf(nodeNetwork.connect({ host: 'localhost', port }));
    expect(error).toMatchObject({
      code: 'MSRP_ERR_CONNECT',
      message: `connecting to localhost:${port} failed: refused`,
    });
  });

  test('to a name that does not exist says so', async () => {
    const error = await rejectionOf(nodeNetwork.connect({ host: 'nobody.invalid', port: 2855 }));
    expect(error.code).toBe('MSRP_ERR_CONNECT');
    expect(error.message).toMatch(/^connecting to nobody\.invalid:2855 failed: (no such host|the name cannot be)/);
  });

  test.each([
    ['a port that is none', { host: '127.0.0.1', port: 70_000 }, '127.0.0.1:70000'],
    ['port 0', { host: '::1', port: 0 }, '[::1]:0'],
    ['no host', { host: '', port: 2855 }, ':2855'],
    ['a name as local address', { host: 'h', port: 1, localAddress: 'eth0' }, 'h:1 from eth0'],
  ])('to %s is refused as an argument, and leaves no handle behind', async (_name, target, words) => {
    for (const tls of [undefined, {}]) {
      const error = await rejectionOf(nodeNetwork.connect({ ...target, tls }));
      expect(error).toMatchObject({ code: 'MSRP_ERR_ARGUMENT', message: `${words} is nowhere to connect to` });
    }
  });

  test('with an aborted signal does not begin', async () => {
    const server = await openServer();
    const error = await rejectionOf(connectTo(server, { signal: AbortSignal.abort('no longer') }));
    expect(error).toMatchObject({ code: 'MSRP_ERR_ABORTED', cause: 'no longer' });
  });

  test('can be aborted', async () => {
    const server = await openServer();
    const abort = new AbortController();
    const connecting = rejectionOf(connectTo(server, { signal: abort.signal }));
    abort.abort('enough');
    expect(await connecting).toMatchObject({
      code: 'MSRP_ERR_ABORTED',
      message: `connecting to 127.0.0.1:${server.listener.port} was aborted`,
      cause: 'enough',
    });
  });

  test('is over when the socket is given out: a later abort does nothing to it', async () => {
    const server = await openServer();
    const abort = new AbortController();
    const client = new Endpoint(await connectTo(server, { signal: abort.signal }));
    const peer = new Endpoint(await server.accepted());
    abort.abort();
    await peer.write(Buffer.from('still there'));
    await client.untilReceived(11);
    expect(client.closed).toBe(false);
  });
});

describe('listening', () => {
  test('on an address in use is an error that names it', async () => {
    const { listener } = await openServer();
    const error = await rejectionOf(nodeNetwork.listen({ host: '127.0.0.1', port: listener.port }, () => {}));
    expect(error).toMatchObject({
      code: 'MSRP_ERR_LISTEN',
      message: `listening on 127.0.0.1:${listener.port} failed: the address is in use`,
      cause: { code: 'EADDRINUSE' },
    });
  });

  test('on an address of another machine is an error', async () => {
    const error = await rejectionOf(nodeNetwork.listen({ host: '192.0.2.1' }, () => {}));
    expect(error.message).toBe('listening on 192.0.2.1:0 failed: the address is not one of this machine');
  });

  test('on a port that is none is an error', async () => {
    const error = await rejectionOf(nodeNetwork.listen({ port: 70_000 }, () => {}));
    expect(error.code).toBe('MSRP_ERR_LISTEN');
  });

  test('ends with close, which frees the port at once and leaves the connections alone', async () => {
    const server = await openServer();
    const client = new Endpoint(await connectTo(server));
    const peer = new Endpoint(await server.accepted());
    await server.listener.close();
    await server.listener.close();
    const { listener } = await openServer({ port: server.listener.port });
    expect(listener.port).toBe(server.listener.port);
    await peer.write(Buffer.from('alive'));
    await client.untilReceived(5);
  });

  test('goes on after a connection that could not be accepted', async () => {
    let raw: RawServer | undefined;
    const onSocket = (message: unknown): void => {
      raw = (message as { socket: { server: RawServer } }).socket.server;
    };
    subscribe('net.server.socket', onSocket);
    closeAfterTest(() => void unsubscribe('net.server.socket', onSocket));
    const server = await openServer();
    await connectTo(server);
    await server.accepted();
    acceptFails(raw!, -24 /* EMFILE */);
    expect(await server.reported()).toMatchObject({
      code: 'MSRP_ERR_LISTEN',
      message: 'listening on 127.0.0.1:0 failed: too many open files in this process',
      cause: { code: 'EMFILE' },
    });
    await connectTo(server);
    await server.accepted();
  });

  test('without TLS gives out raw connections unread, to be wrapped elsewhere', async () => {
    const arrivals = new Arrivals<RawSocket>();
    const listener = await listenRaw({ host: '127.0.0.1' }, (raw) => arrivals.add(raw));
    closeAfterTest(() => listener.close());
    const client = new Endpoint(await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port }));
    closeAfterTest(() => client.socket.destroy());
    await client.write(Buffer.from('early'));
    const raw = await arrivals.next();
    await roundTrip();
    expect(raw.bytesRead).toBe(0);
    const peer = new Endpoint(new NodeSocket(raw));
    closeAfterTest(() => peer.socket.destroy());
    await peer.untilReceived(5);
    expect(peer.data.toString()).toBe('early');
  });
});

describe('deferring', () => {
  test('runs the callback when the events at hand have been dealt with, not before it returns', async () => {
    const order: string[] = [];
    const ran = new Promise<void>((resolve) => {
      nodeNetwork.defer(() => {
        order.push('deferred');
        resolve();
      });
    });
    process.nextTick(() => order.push('tick'));
    order.push('returned');
    await ran;
    expect(order).toEqual(['returned', 'tick', 'deferred']);
  });
});

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = await openServer();
  await server.listener.close();
  return server.listener.port;
}

/** As libuv reports it to Node. */
function acceptFails(server: RawServer, code: number): void {
  (server as unknown as { _handle: { onconnection(code: number): void } })._handle.onconnection(code);
}
