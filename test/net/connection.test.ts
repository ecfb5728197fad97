import { describe, expect, test } from 'vitest';
import {
  ConnectionPool,
  type ConnectOptions,
  ConnectorDirect,
  MSRPServer,
  type MSRPTransport,
  type URI,
} from '../../index.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { Endpoint } from './endpoint.ts';
import { rejectionOf } from './open.ts';
import { emptySend, textSend } from './raw-peer.ts';
import { here } from './serve.ts';

/** A server on a simulated network, which keeps no idle connection. */
function simulated(faults: LinkFaults = {}, more: ConnectOptions = {}) {
  const network = new SimulatedNetwork({ seed: 1, faults: () => faults });
  const { clock, random } = network;
  const options: ConnectOptions = { network, clock, random, timeouts: { idleMs: 0 }, ...more };
  const server = new MSRPServer(options);
  /** Sessions that a peer has bound, which speaks octets on one connection. */
  const rawSessions = async (count: number) => {
    const uris: URI[] = [];
    for (let at = 0; at < count; at++) uris.push((await server.prepare(here))[0]!);
    const completes = uris.map((localUri) => server.complete(undefined, { localUri }));
    const socket = await network.settle(network.connect({ host: '127.0.0.1', port: uris[0]!.port! }));
    const peer = new Endpoint(socket);
    peer.socket.write([Buffer.from(uris.map((uri, at) => emptySend(`bind${at}`, uri)).join(''))]);
    const transports = await network.settle(Promise.all(completes));
    await network.run(clock.now() + 100);
    peer.reads.splice(0);
    return { uris, peer, transports };
  };
  return { network, clock, options, server, rawSessions };
}

function send({ socket }: Endpoint, text: string): void {
  socket.write([Buffer.from(text)]);
}

describe('a closing connection', () => {
  test('sends what it has and its end, then waits 5 s for the end of the peer, and no longer', async () => {
    const { network, clock, server, rawSessions } = simulated();
    const { peer, uris, transports } = await rawSessions(1);
    const [transport] = transports;
    const written = transport!.writeChunk(transport!.makeChunk({ data: 'last' }));
    await network.settle(Promise.all([written, transport!.close()]));
    const begun = clock.now();
    await network.run(begun + 100);
    expect([peer.ended, peer.data.toString()]).toEqual([true, expect.stringContaining('\r\n\r\nlast\r\n')]);
    peer.reads.splice(0);
    send(peer, emptySend('late', uris[0]!));
    await network.run(begun + 4999);
    expect([peer.data.toString(), server.stats().connections]).toEqual(['', 1]);
    await network.run(begun + 5250);
    expect(server.stats().connections).toBe(0);
    peer.socket.end();
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('is gone at once when the peer ends as well', async () => {
    const { network, clock, server, rawSessions } = simulated();
    const { peer, transports } = await rawSessions(1);
    await network.settle(transports[0]!.close());
    await network.run(clock.now() + 100);
    peer.socket.end();
    await network.run(clock.now() + 100);
    expect([peer.closed, peer.error, server.stats().connections]).toEqual([true, undefined, 0]);
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });

  test('does not wait longer for a peer that ends and does not take what we have to send', async () => {
    const { network, clock, server, rawSessions } = simulated({ toClient: { capacityBytes: 500 } });
    const { peer, transports } = await rawSessions(1);
    peer.socket.pause();
    const lost = transports[0]!.writeChunk(transports[0]!.makeChunk({ data: Buffer.alloc(5000) }));
    lost.catch(() => {});
    await network.run(clock.now() + 100);
    peer.socket.end();
    const begun = clock.now();
    expect(await rejectionOf(network.settle(lost))).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    await network.run(begun + 4999);
    expect(server.stats().connections).toBe(1);
    await network.run(begun + 5260);
    expect(server.stats().connections).toBe(0);
    peer.socket.destroy();
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });
});

describe('sessions on one connection', () => {
  const data = Buffer.alloc(8192, 'x');

  function frame(transport: MSRPTransport, body: Buffer | string = data): Promise<void> {
    return transport.writeChunk(transport.makeChunk({ data: body, failureReport: 'no' }));
  }

  /** For each frame that came, in order, the index of the session that sent it. */
  function senders(peer: Endpoint, uris: readonly URI[]): number[] {
    const paths = peer.data.toString('latin1').matchAll(/\r\nFrom-Path: (.*)\r\n/g);
    return Array.from(paths, ([, path]) => uris.findIndex((uri) => String(uri) === path));
  }

  test('that write at the same time take turns, frame by frame', async () => {
    const { network, server, rawSessions } = simulated();
    const { peer, uris, transports } = await rawSessions(3);
    const writes = transports.flatMap((transport, at) => Array.from({ length: 40 - at }, () => frame(transport)));
    await network.settle(Promise.all(writes));
    await network.run(network.clock.now() + 1000);
    const order = senders(peer, uris);
    expect(order).toHaveLength(40 + 39 + 38);
    expect(order.slice(0, 3 * 38)).toEqual(Array.from({ length: 3 * 38 }, (_, at) => at % 3));
    for (const transport of transports) transport.destroy();
    await server.close();
    await network.run();
  });

  test('do not wait for what another one has queued: not a message, nor a response', async () => {
    const { network, clock, server, rawSessions } = simulated({ toClient: { capacityBytes: 65_536, readBytes: 8192 } });
    const { peer, uris, transports } = await rawSessions(2);
    const [bulk, small] = transports as [MSRPTransport, MSRPTransport];
    const writes = Array.from({ length: 300 }, () => frame(bulk));
    await network.run(() => senders(peer, uris).length >= 100);
    send(peer, textSend('aaaa', uris[1]!, 'question'));
    const question = await network.settle(small.readChunk());
    const before = senders(peer, uris).length;
    small.respond(question, 200);
    await network.settle(Promise.all([frame(small, 'answer'), ...writes]));
    await network.run(clock.now() + 1000);
    const text = peer.data.toString('latin1');
    const answers = [text.indexOf('MSRP aaaa 200 OK'), text.indexOf('answer')].map(
      (at) => text.slice(0, at).split('\r\n-------').length - 1,
    );
    // What the socket and the system hold already: 64 KiB each, and a frame.
    for (const frames of answers) expect(frames - before).toBeLessThanOrEqual(18);
    expect(senders(peer, uris)).toHaveLength(302);
    for (const transport of transports) transport.destroy();
    await server.close();
    await network.run();
  });

  test('go on when one of them is not read: it alone fails, after stallMs', async () => {
    const { network, clock, options, server } = simulated({}, { limits: { unreadBytes: 10_000, stallMs: 5000 } });
    const pool = new ConnectionPool({ idleMs: 0 });
    const session = async (): Promise<[MSRPTransport, MSRPTransport]> => {
      const [uri] = await server.prepare(here);
      const near = new ConnectorDirect({ ...options, pool });
      await near.prepare(here);
      return network.settle(Promise.all([near.complete([uri!]), server.complete(undefined, { localUri: uri! })]));
    };
    const [slow, one, two] = [await session(), await session(), await session()];
    const carries = async ([near, far]: [MSRPTransport, MSRPTransport]): Promise<string> => {
      const [chunk] = await network.settle(Promise.all([far.readChunk(), frame(near, 'hello')]));
      return chunk.data.toString();
    };
    expect([await carries(one), await carries(two)]).toEqual(['hello', 'hello']);
    const stalled = Array.from({ length: 4 }, () => frame(slow[0]));
    await network.settle(Promise.all(stalled));
    await network.run(clock.now() + 100);
    const begun = clock.now();
    expect([await carries(one), await carries(two)]).toEqual(['hello', 'hello']);
    expect(clock.now() - begun).toBeGreaterThanOrEqual(4800);
    expect(clock.now() - begun).toBeLessThanOrEqual(5250);
    const left = (async () => {
      for (;;) await slow[1].readChunk();
    })();
    expect(await rejectionOf(network.settle(left))).toMatchObject({ code: 'MSRP_ERR_NOT_READ' });
    // Its reader is told, its peer by 481 when it sends again; the connection stays for the others.
    await network.settle(frame(slow[0]));
    expect([await carries(one), await carries(two), server.stats().connections]).toEqual(['hello', 'hello', 1]);
    for (const [near] of [slow, one, two]) near.destroy();
    await server.close();
    await network.run();
    expect(clock.pending).toBe(0);
  });
});
