import { randomBytes } from 'node:crypto';
import { connect as connectTCP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { highWaterBytes } from '../../net/socket.ts';
import { Endpoint } from './endpoint.ts';
import { closeAfterTest, connectTo, openPair, openServer, roundTrip } from './open.ts';

/** More than the system buffers of both ends take. */
const largeBytes = 16 * 1024 * 1024;

describe('reading', () => {
  test('loses nothing that comes before a handler is attached, the end included', async () => {
    const server = await openServer();
    const client = new Endpoint(await connectTo(server));
    const accepted = await server.accepted();
    await client.write(Buffer.from('first words'));
    client.socket.end();
    accepted.resume();
    await roundTrip();
    const peer = new Endpoint(accepted, true);
    await peer.until(() => peer.ended);
    expect(peer.data.toString()).toBe('first words');
    expect(peer.events).toEqual(['data', 'end']);
  });

  test('loses nothing of a server that speaks first', async () => {
    const server = await openServer();
    const client = await connectTo(server);
    const peer = new Endpoint(await server.accepted());
    await peer.write(Buffer.from('welcome'));
    await roundTrip();
    const late = new Endpoint(client);
    await late.untilReceived(7);
    expect(late.data.toString()).toBe('welcome');
  });

  test('gives the close to a handler that comes later', async () => {
    const server = await openServer();
    const client = await connectTo(server);
    client.destroy(new Error('gone before'));
    await roundTrip();
    const late = new Endpoint(client);
    expect(late.events).toEqual([]);
    await late.untilClosed();
    expect(late.error?.message).toBe('gone before');
  });

  test('gives nothing while paused', async () => {
    const [client, peer] = await openPair();
    peer.socket.pause();
    await client.write(Buffer.from('wait'));
    await roundTrip();
    expect(peer.received).toBe(0);
    peer.socket.resume();
    await peer.untilReceived(4);
  });

  test('goes to the handler attached last', async () => {
    const [client, first] = await openPair();
    await client.write(Buffer.from('one'));
    await first.untilReceived(3);
    const second = new Endpoint(first.socket);
    await client.write(Buffer.from('two'));
    await second.untilReceived(3);
    expect([first.data.toString(), second.data.toString()]).toEqual(['one', 'two']);
  });

  test('holds the peer back while paused', async () => {
    const [client, peer] = await openPair();
    peer.socket.pause();
    let written = 0;
    const piece = randomBytes(65_536);
    for (let at = 0; at < largeBytes; at += piece.length) client.socket.write([piece], () => written++);
    await roundTrip();
    expect(client.socket.bufferedBytes).toBeGreaterThan(0);
    expect(written * piece.length).toBeLessThan(largeBytes);
    peer.socket.resume();
    await peer.untilReceived(largeBytes);
    await client.until(() => client.socket.bufferedBytes === 0);
    expect(written * piece.length).toBe(largeBytes);
  });
});

describe('writing', () => {
  test.each([
    ['one buffer', [5]],
    ['many small ones, which are copied into one', Array.from({ length: 300 }, (_, at) => at)],
    ['small and large ones mixed', [250, 65_536, 26, 250, 65_536, 26]],
    ['more than one writev can take', Array.from({ length: 3000 }, () => 1000)],
    ['an empty one', [0]],
  ])('sends %s in order and confirms it', async (_name, sizes) => {
    const [client, peer] = await openPair();
    const buffers = sizes.map((size) => randomBytes(size));
    await client.write(...buffers);
    const sent = Buffer.concat(buffers);
    await peer.untilReceived(sent.length);
    expect(peer.data.equals(sent)).toBe(true);
  });

  test('of no buffer at all is confirmed as well', async () => {
    const [client] = await openPair();
    await client.write();
  });

  test('confirms in the order of the writes, and never before it returns', async () => {
    const [client] = await openPair();
    const order: string[] = [];
    client.socket.write([Buffer.from('a')], () => order.push('a'));
    client.socket.write([Buffer.from('b'), Buffer.alloc(5000)], () => order.push('b'));
    expect(order).toEqual([]);
    await client.write(Buffer.from('c'));
    expect(order).toEqual(['a', 'b']);
  });

  test('gives false at the high-water mark, takes the bytes all the same, and tells once when they have left', async () => {
    const [client, peer] = await openPair({ paused: true });
    const piece = randomBytes(highWaterBytes / 4);
    let bytes = 0;
    let more = true;
    while (more) {
      more = client.socket.write([piece]);
      bytes += piece.length;
    }
    expect(client.socket.bufferedBytes).toBeGreaterThanOrEqual(highWaterBytes);
    client.socket.write([piece]);
    bytes += piece.length;
    expect(client.drains).toBe(0);
    peer.socket.resume();
    await client.until(() => client.drains > 0);
    expect(client.socket.bufferedBytes).toBe(0);
    await peer.untilReceived(bytes);
    expect(client.drains).toBe(1);
  });

  test('gives true when the system has taken all of a write beyond the high-water mark', async () => {
    const [client, peer] = await openPair();
    const half = randomBytes(highWaterBytes);
    expect(client.socket.write([half, half])).toBe(true);
    await peer.untilReceived(2 * highWaterBytes);
    expect(client.drains).toBe(0);
  });
});

describe('ending', () => {
  test('ends our direction after what is queued, and the other one goes on', async () => {
    const [client, peer] = await openPair();
    const body = randomBytes(largeBytes);
    client.socket.write([body]);
    client.socket.end();
    await peer.until(() => peer.ended);
    expect(peer.data.equals(body)).toBe(true);
    expect(client.closed).toBe(false);
    await peer.write(Buffer.from('still open'));
    await client.untilReceived(10);
    peer.socket.end();
    await Promise.all([client.untilClosed(), peer.untilClosed()]);
    expect(client.events.slice(-3)).toEqual(['data', 'end', 'close']);
    expect([client.error, peer.error]).toEqual([undefined, undefined]);
  });

  test.each(['client', 'server'] as const)('by one side lets the other one write on: the %s ends', async (side) => {
    const pair = await openPair();
    const [first, second] = side === 'client' ? pair : pair.toReversed();
    first!.socket.end();
    await second!.until(() => second!.ended);
    await second!.write(Buffer.from('one more'));
    await first!.untilReceived(8);
    second!.socket.end();
    await Promise.all([first!.untilClosed(), second!.untilClosed()]);
    expect([first!.error, second!.error]).toEqual([undefined, undefined]);
  });

  test('stops writing: nothing is taken after end or destroy', async () => {
    const [client, peer] = await openPair();
    client.socket.end();
    expect(client.socket.write([Buffer.from('late')], () => expect.unreachable())).toBe(false);
    await peer.until(() => peer.ended);
    peer.socket.destroy();
    expect(peer.socket.write([Buffer.from('late')], () => expect.unreachable())).toBe(false);
    await Promise.all([client.untilClosed(), peer.untilClosed()]);
    expect(peer.received).toBe(0);
  });

  test('by destroy closes with the error that was given, once', async () => {
    const [client, peer] = await openPair();
    const reason = new Error('no more');
    client.socket.destroy(reason);
    client.socket.destroy(new Error('second'));
    expect(client.closed).toBe(false);
    await client.untilClosed();
    expect(client.error).toBe(reason);
    await peer.until(() => peer.ended);
    peer.socket.end();
    await peer.untilClosed();
    expect(client.events).toEqual(['close']);
  });

  test('by destroy never confirms what is still queued', async () => {
    const [client] = await openPair({ paused: true });
    let confirmed = false;
    client.socket.write([randomBytes(largeBytes)], () => {
      confirmed = true;
    });
    client.socket.destroy();
    await client.untilClosed();
    await roundTrip();
    expect(confirmed).toBe(false);
  });

  test('by a reset of the peer is an error that says so', async () => {
    const server = await openServer();
    const raw = connectTCP(server.listener.port, '127.0.0.1');
    closeAfterTest(() => void raw.destroy());
    const peer = new Endpoint(await server.accepted());
    raw.resetAndDestroy();
    await peer.untilClosed();
    expect(peer.error).toMatchObject({ code: 'MSRP_ERR_CLOSED', cause: { code: 'ECONNRESET' } });
    expect(peer.error?.message).toMatch(/^the connection with 127\.0\.0\.1:\d+ was lost: /);
    expect(peer.events).toEqual(['close']);
  });
});
