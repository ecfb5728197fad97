import { describe, expect, test } from 'vitest';
import type { Network, Socket } from '../../net/socket.ts';
import { Endpoint } from '../net/endpoint.ts';
import { SeededRandom } from './seeded-random.ts';
import { type LinkFaults, SimulatedNetwork } from './simulated-network.ts';
import type { PipeFaults } from './simulated-pipe.ts';

interface Pair {
  readonly network: SimulatedNetwork;
  readonly client: Endpoint;
  readonly server: Endpoint;
}

async function connectPair(o: LinkFaults & { seed?: number } = {}): Promise<Pair> {
  const { seed = 1, ...faults } = o;
  const network = new SimulatedNetwork({ seed, faults: () => faults });
  const accepted: Socket[] = [];
  await network.listen({ port: 2855 }, (socket) => accepted.push(socket));
  const client = await network.settle(network.connect({ host: '127.0.0.1', port: 2855 }));
  await network.run(() => accepted.length > 0);
  return { network, client: new Endpoint(client), server: new Endpoint(accepted[0]!) };
}

function bytesOf(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new SeededRandom(seed).fill(bytes);
  return bytes;
}

/** Writes `body` in pieces of 1 to `most` bytes, waiting for drain. */
function stream(from: Endpoint, body: Buffer, random: SeededRandom, most: number): void {
  let at = 0;
  const onDrain = (): void => {
    let more = true;
    while (more && at < body.length) {
      const end = Math.min(at + random.between(1, most), body.length);
      more = from.socket.write([body.subarray(at, (at + end) >>> 1), body.subarray((at + end) >>> 1, end)]);
      at = end;
    }
    if (at === body.length) from.socket.end();
  };
  from.onDrain = onDrain;
  onDrain();
}

function randomPipe(random: SeededRandom): PipeFaults {
  return {
    readBytes: random.between(1, 3000),
    capacityBytes: random.between(1, 5000),
    highWaterBytes: random.between(1, 8000),
    delayMs: random.between(0, 50),
    stall: { afterBytes: random.between(1, 20_000), ms: random.between(1, 5000) },
  };
}

/** Both ends stream to each other under faults drawn from the seed. */
async function exchange(seed: number): Promise<{ pair: Pair; sent: Buffer[] }> {
  const random = new SeededRandom(seed);
  const pair = await connectPair({ seed, toServer: randomPipe(random), toClient: randomPipe(random) });
  const sent = [bytesOf(seed, random.between(0, 30_000)), bytesOf(seed + 1, random.between(0, 30_000))];
  stream(pair.client, sent[0]!, random, 2000);
  stream(pair.server, sent[1]!, random, 2000);
  await pair.network.run();
  return { pair, sent };
}

describe('a run', () => {
  test('delivers both streams unchanged and closes both ends, under 200 seeds', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const { pair, sent } = await exchange(seed);
      expect(pair.server.data.equals(sent[0]!), `to the server, seed ${seed}`).toBe(true);
      expect(pair.client.data.equals(sent[1]!), `to the client, seed ${seed}`).toBe(true);
      expect([pair.client.error, pair.server.error]).toEqual([undefined, undefined]);
      for (const one of [pair.client, pair.server]) {
        expect(one.events.filter((event) => event !== 'data' && event !== 'drain')).toEqual(['end', 'close']);
      }
    }
  });

  test('has the same trace for the same seed, and another one for another', async () => {
    const [one, again, other] = [await exchange(7), await exchange(7), await exchange(8)];
    expect(one.pair.network.trace.lines.length).toBeGreaterThan(20);
    expect(again.pair.network.trace.lines).toEqual(one.pair.network.trace.lines);
    expect(again.pair.network.trace.hash).toBe(one.pair.network.trace.hash);
    expect(other.pair.network.trace.hash).not.toBe(one.pair.network.trace.hash);
  });

  test('has another trace when other bytes are sent', async () => {
    const hashes = ['a', 'b'].map(async (text) => {
      const { network, client } = await connectPair();
      client.socket.write([Buffer.from(text)]);
      await network.run();
      return network.trace.hash;
    });
    expect(new Set(await Promise.all(hashes)).size).toBe(2);
  });

  test('ends at the time it is given, and goes on from there', async () => {
    const { network, client, server } = await connectPair({ toServer: { delayMs: 100 } });
    const start = network.clock.now();
    client.socket.write([Buffer.from('slow')]);
    await network.run(start + 99);
    expect([network.clock.now(), server.received]).toEqual([start + 99, 0]);
    await network.run(start + 100);
    expect(server.received).toBe(4);
  });

  test('lets promises settle between events', async () => {
    const { network, client, server } = await connectPair();
    const order: string[] = [];
    client.socket.write([Buffer.from('x')], () => {
      void (async () => {
        for (let turn = 0; turn < 50; turn++) await Promise.resolve();
        order.push('promises');
      })();
    });
    server.onData = () => order.push('next event');
    await network.run();
    expect(order).toEqual(['promises', 'next event']);
  });

  test('fails to settle a promise that nothing will settle', async () => {
    const network = new SimulatedNetwork({ seed: 1 });
    await expect(network.settle(new Promise(() => {}))).rejects.toThrow('nothing is left to happen');
  });

  test('throws what a handler throws', async () => {
    const { network, client, server } = await connectPair();
    server.onData = () => {
      throw new Error('handler');
    };
    client.socket.write([Buffer.from('x')]);
    await expect(network.run()).rejects.toThrow('handler');
  });
});

describe('a sender', () => {
  test('that changes a buffer before it is written is caught', async () => {
    const { network, client } = await connectPair();
    const buffer = Buffer.from('promised');
    client.socket.write([buffer]);
    buffer[3] = 0;
    await expect(network.run()).rejects.toThrow('a buffer was changed between write and written');
  });

  test('may change a buffer once it is written, without changing what arrives', async () => {
    const { network, client, server } = await connectPair();
    const buffer = Buffer.from('promised');
    client.socket.write([buffer], () => buffer.fill(0));
    await network.run();
    expect(server.data.toString()).toBe('promised');
  });

  test('is told false at the high-water mark, and once when all has left', async () => {
    const { network, client, server } = await connectPair({ toServer: { highWaterBytes: 10, capacityBytes: 1 } });
    expect(client.socket.write([Buffer.from('nine by 9')])).toBe(true);
    expect(client.socket.write([Buffer.from('!')])).toBe(false);
    expect(client.socket.bufferedBytes).toBe(10);
    server.socket.pause();
    await network.run();
    expect([client.socket.bufferedBytes, client.drains]).toEqual([9, 0]);
    server.socket.resume();
    await network.run();
    expect([client.socket.bufferedBytes, client.drains, server.received]).toEqual([0, 1, 10]);
  });

  test('is confirmed in order, and never within the call', async () => {
    const { network, client } = await connectPair();
    const order: string[] = [];
    client.socket.write([Buffer.from('a')], () => order.push('a'));
    client.socket.write([], () => order.push('b'));
    expect(order).toEqual([]);
    await network.run();
    expect([order, client.drains]).toEqual([['a', 'b'], 0]);
  });

  test('that has ended or is destroyed writes nothing', async () => {
    const { network, client, server } = await connectPair();
    client.socket.end();
    expect(client.socket.write([Buffer.from('late')], () => expect.unreachable())).toBe(false);
    server.socket.destroy();
    expect(server.socket.write([Buffer.from('late')], () => expect.unreachable())).toBe(false);
    await network.run();
    expect([client.received, server.received]).toEqual([0, 0]);
  });
});

describe('a receiver', () => {
  test('gets fresh buffers, which share nothing', async () => {
    const { network, client, server } = await connectPair({ toServer: { readBytes: 2 } });
    client.socket.write([Buffer.from('abcdefgh')]);
    await network.run();
    expect(new Set(server.reads.map((read) => read.buffer)).size).toBe(server.reads.length);
    expect(server.reads.every((read) => read.length === read.buffer.byteLength)).toBe(true);
  });

  test('that is paused gets nothing, and the sender has to wait', async () => {
    const { network, client, server } = await connectPair({ toServer: { capacityBytes: 1000 } });
    server.socket.pause();
    client.socket.write([bytesOf(1, 100_000)]);
    await network.run();
    expect([server.received, client.socket.bufferedBytes]).toEqual([0, 99_000]);
    server.socket.resume();
    expect(server.received).toBe(0);
    await network.run();
    expect(server.data.equals(bytesOf(1, 100_000))).toBe(true);
  });

  test('that comes late has lost nothing', async () => {
    const network = new SimulatedNetwork({ seed: 1 });
    const accepted: Socket[] = [];
    await network.listen({ port: 1 }, (socket) => accepted.push(socket));
    const client = new Endpoint(await network.settle(network.connect({ host: '127.0.0.1', port: 1 })));
    client.socket.write([Buffer.from('early')]);
    client.socket.end();
    await network.run();
    const late = new Endpoint(accepted[0]!);
    expect(late.events).toEqual([]);
    late.socket.end();
    await network.run();
    expect(late.events).toEqual(['data', 'end', 'close']);
    expect(late.data.toString()).toBe('early');
  });

  test('that comes after a reset is told', async () => {
    const network = new SimulatedNetwork({ seed: 1, faults: () => ({ toServer: { resetAfterBytes: 0 } }) });
    await network.listen({ port: 1 }, (socket) => new Endpoint(socket));
    const client = await network.settle(network.connect({ host: '127.0.0.1', port: 1 }));
    client.write([Buffer.from('x')]);
    await network.run();
    const late = new Endpoint(client);
    await network.run();
    expect(late.error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });
});

describe('faults', () => {
  test('readBytes cuts the stream into reads of 1 to n bytes', async () => {
    const { network, client, server } = await connectPair({ toServer: { readBytes: 7 } });
    client.socket.write([bytesOf(3, 1000)]);
    await network.run();
    const sizes = new Set(server.reads.map((read) => read.length));
    expect([...sizes].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(server.data.equals(bytesOf(3, 1000))).toBe(true);
  });

  test('stall holds the rest back for its time', async () => {
    const stall = { afterBytes: 5, ms: 20_000 };
    const { network, client, server } = await connectPair({ toServer: { stall } });
    client.socket.write([Buffer.from('12345678')]);
    const start = network.clock.now();
    await network.run(start + 20_000);
    expect(server.data.toString()).toBe('12345');
    await network.run();
    expect([server.data.toString(), network.clock.now()]).toEqual(['12345678', start + 20_001]);
  });

  test('resetAfterBytes breaks both ends when the receiver has so many', async () => {
    const { network, client, server } = await connectPair({ toServer: { resetAfterBytes: 5 } });
    client.socket.write([Buffer.from('12345678')]);
    await network.run();
    expect(server.data.toString()).toBe('12345');
    for (const one of [client, server]) {
      expect(one.error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
      expect(one.events.at(-1)).toBe('close');
    }
  });

  test('endAfterBytes half-closes: the receiver sees the end, the rest vanishes, the other direction goes on', async () => {
    const { network, client, server } = await connectPair({ toServer: { endAfterBytes: 5, capacityBytes: 10 } });
    let written = false;
    client.socket.write([Buffer.from('12345678')]);
    await network.run();
    client.socket.write([bytesOf(1, 1000)], () => {
      written = true;
    });
    await network.run();
    expect([server.data.toString(), server.ended, server.closed, written]).toEqual(['12345', true, false, true]);
    server.socket.write([Buffer.from('still here')]);
    await network.run();
    expect(client.data.toString()).toBe('still here');
    server.socket.end();
    client.socket.end();
    await network.run();
    expect([client.closed, client.error, server.closed, server.error]).toEqual([true, undefined, true, undefined]);
  });

  test('refuse refuses, though somebody listens', async () => {
    const network = new SimulatedNetwork({ seed: 1, faults: ({ index }) => ({ refuse: index === 0 }) });
    await network.listen({ port: 1 }, () => {});
    const connecting = (): Promise<Socket> => network.settle(network.connect({ host: '127.0.0.1', port: 1 }));
    await expect(connecting()).rejects.toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    await connecting();
  });

  test('connectMs Infinity connects never, until it is aborted', async () => {
    const network = new SimulatedNetwork({ seed: 1, faults: () => ({ connectMs: Number.POSITIVE_INFINITY }) });
    const abort = new AbortController();
    network.clock.setTimer(() => abort.abort('late'), 30_000);
    const connecting = network.settle(network.connect({ host: 'h', port: 1 }, abort.signal));
    await expect(connecting).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED', cause: 'late' });
    expect(network.clock.now()).toBe(30_000);
  });
});

describe('closing', () => {
  test('by destroy gives the peer what was under way, and then the end', async () => {
    const { network, client, server } = await connectPair({ toServer: { delayMs: 10 } });
    client.socket.write([Buffer.from('last words')], () => client.socket.destroy(new Error('mine')));
    await network.run();
    expect(client.error?.message).toBe('mine');
    expect(server.events).toEqual(['data', 'end']);
    server.socket.write([Buffer.from('anybody there?')]);
    await network.run();
    expect(server.error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test('by destroy drops what is queued and never confirms it', async () => {
    const { network, client, server } = await connectPair();
    client.socket.write([Buffer.from('lost')], () => expect.unreachable());
    client.socket.destroy();
    await network.run();
    expect([server.events, client.events]).toEqual([['end'], ['close']]);
  });

  test('by destroy with something unread resets the peer', async () => {
    const { network, client, server } = await connectPair();
    server.socket.pause();
    client.socket.write([Buffer.from('unread')]);
    await network.run();
    server.socket.destroy();
    await network.run();
    expect(client.error).toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    expect(server.error).toBeUndefined();
  });
});

describe('hosts', () => {
  test('have their own addresses and ports, and names lead to them', async () => {
    const network = new SimulatedNetwork({ seed: 1 });
    network.names.set('relay.example', '10.0.0.2');
    const relay: Network = network.host('10.0.0.2');
    const accepted: Socket[] = [];
    const { address, port } = await relay.listen({}, (socket) => accepted.push(socket));
    await network.host('10.0.0.3').listen({ port }, () => expect.unreachable());
    const socket = await network.settle(network.host('10.0.0.1').connect({ host: 'relay.example', port }));
    await network.run();
    expect(address).toBe('10.0.0.2');
    expect([socket.localAddress, socket.remoteAddress, socket.remotePort]).toEqual(['10.0.0.1', '10.0.0.2', port]);
    expect([accepted[0]?.remoteAddress, accepted[0]?.remotePort]).toEqual(['10.0.0.1', socket.localPort]);
  });

  test('refuse where nobody listens, also after a close, and an address can be used once', async () => {
    const network = new SimulatedNetwork({ seed: 1 });
    const listener = await network.listen({ port: 9 }, () => {});
    await expect(network.listen({ port: 9 }, () => {})).rejects.toMatchObject({ code: 'MSRP_ERR_LISTEN' });
    await listener.close();
    const connecting = network.settle(network.connect({ host: '127.0.0.1', port: 9 }));
    await expect(connecting).rejects.toMatchObject({ code: 'MSRP_ERR_CONNECT' });
    await network.listen({ port: 9 }, () => {});
  });
});
