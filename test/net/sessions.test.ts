import { once } from 'node:events';
import { connect, type Socket as RawSocket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { AcceptorDirect, ConnectionPool, ConnectorDirect, MSRPServer, type MSRPTransport, URI } from '../../index.ts';
import { standstill } from '../support/standstill.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';

const here = new URI({ host: '127.0.0.1' });

async function pair(): Promise<[MSRPTransport, MSRPTransport]> {
  const connector = new ConnectorDirect();
  const acceptor = new AcceptorDirect();
  const offer = await connector.prepare(here);
  const answer = await acceptor.prepare(here);
  return Promise.all([connector.complete(answer), acceptor.complete(offer)]);
}

function request(id: string, to: URI, from: string, rest = `Message-ID: m-${id}\r\n-------${id}$\r\n`): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${String(to)}\r\nFrom-Path: ${from}\r\n${rest}`;
}

/** What a raw peer gets up to and with `end`. */
async function until(socket: RawSocket, end: string): Promise<string> {
  let text = '';
  while (!text.includes(end)) text += String((await once(socket, 'data'))[0]);
  return text;
}

describe('connector and acceptor', () => {
  test('give a session that both ends can use, and closing ends both', async () => {
    const [near, far] = await pair();
    await near.writeChunk(near.makeChunk({ data: 'hello' }));
    const chunk = await far.readChunk();
    expect([chunk.data.toString(), chunk.headers.get('byte-range'), chunk.contentType]).toEqual([
      'hello',
      '1-5/5',
      'text/plain',
    ]);
    expect(far.checkIncomingSendChunk(chunk)).toBeUndefined();
    await far.writeChunk(far.makeResponse(chunk, 200)!);
    expect(await near.readChunk()).toMatchObject({ code: 200, transactionId: chunk.transactionId });
    await near.close();
    await expect(far.readChunk()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
    for await (const _ of far.chunks()) expect.unreachable();
  });

  test('go by their stages', async () => {
    const connector = new ConnectorDirect();
    await expect(connector.complete([])).rejects.toMatchObject({ code: 'MSRP_ERR_STATE' });
    await connector.prepare();
    await expect(connector.prepare()).rejects.toMatchObject({ code: 'MSRP_ERR_STATE' });
    await using acceptor = new AcceptorDirect();
    const given = new URI({ host: '127.0.0.1', sessionId: 'abcdefghijklmnop' });
    const [uri] = await acceptor.prepare(given);
    expect([given.port, uri?.sessionId]).toEqual([undefined, 'abcdefghijklmnop']);
    expect(uri?.port).toBeGreaterThan(0);
  });

  test('a refused binding raises with the code of the peer', async () => {
    await using server = new MSRPServer();
    const [uri] = await server.prepare(here);
    await server.cleanup(uri!);
    const connector = new ConnectorDirect();
    await connector.prepare(here);
    await expect(connector.complete([uri!])).rejects.toMatchObject({ code: 'MSRP_ERR_BIND_REFUSED', status: 481 });
  });

  test('nobody there is MSRP_ERR_CONNECT', async () => {
    const acceptor = new AcceptorDirect();
    const path = await acceptor.prepare(here);
    await acceptor.cleanup();
    const connector = new ConnectorDirect();
    await connector.prepare(here);
    await expect(connector.complete(path)).rejects.toMatchObject({ code: 'MSRP_ERR_CONNECT' });
  });

  test('cleanup and a signal end a complete that waits', async () => {
    const acceptor = new AcceptorDirect();
    await acceptor.prepare(here);
    const waiting = acceptor.complete();
    await acceptor.cleanup();
    await expect(waiting).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    const other = new AcceptorDirect();
    await other.prepare(here);
    const abort = new AbortController();
    const aborted = other.complete(undefined, { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
  });

  test('nobody comes in time: never before 30 s, and at most 250 ms late', async () => {
    const clock = new SimulatedClock();
    const acceptor = new AcceptorDirect({ clock });
    await acceptor.prepare(here);
    const waiting = acceptor.complete();
    let settled = false;
    waiting.catch(() => (settled = true));
    clock.advance(29_999);
    await Promise.resolve();
    expect(settled).toBe(false);
    clock.advance(251);
    await expect(waiting).rejects.toMatchObject({ name: 'MSRPIncomingConnectTimeout', code: 'MSRP_ERR_TIMEOUT' });
  });
});

describe('an acceptor and a raw peer', () => {
  test('strangers do not use it up; data in the binding request is delivered and left to the reader to answer', async () => {
    const acceptor = new AcceptorDirect();
    const [uri] = await acceptor.prepare(here);
    const peer = 'msrp://127.0.0.1:9/peer;tcp';
    const complete = acceptor.complete([URI.parse(peer)]);

    const garbage = connect(uri!.port!, '127.0.0.1', () => garbage.write('GET / HTTP/1.1\r\n\r\n'));
    await once(garbage, 'close');
    const stranger = connect(uri!.port!, '127.0.0.1');
    stranger.write(request('aaaa', URI.parse(`msrp://127.0.0.1:${uri!.port}/guess;tcp`), peer));
    expect(await until(stranger, 'aaaa$')).toContain('MSRP aaaa 481');
    stranger.write(request('bbbb', uri!, 'msrp://127.0.0.1:9/other;tcp'));
    expect(await until(stranger, 'bbbb$')).toContain('MSRP bbbb 481');

    const rest = 'Message-ID: mmmm\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------cccc$\r\n';
    stranger.write(request('cccc', uri!, peer, rest));
    const transport = await complete;
    const chunk = await transport.readChunk();
    expect([chunk.data.toString(), chunk.transactionId]).toEqual(['hi', 'cccc']);
    await transport.writeChunk(transport.makeResponse(chunk, 200)!);
    const response = `MSRP cccc 200 OK\r\nTo-Path: ${peer}\r\nFrom-Path: ${String(uri)}\r\n-------cccc$\r\n`;
    expect(await until(stranger, 'cccc$')).toBe(response);
    stranger.destroy();
    await expect(transport.readChunk()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test('malformed frames are answered or ignored, and too many close the connection', async () => {
    const acceptor = new AcceptorDirect();
    const [uri] = await acceptor.prepare(here);
    const peer = 'msrp://127.0.0.1:9/peer;tcp';
    const complete = acceptor.complete();
    const socket = connect(uri!.port!, '127.0.0.1');
    socket.write(request('aaaa', uri!, peer));
    expect(await until(socket, 'aaaa$')).toContain('MSRP aaaa 200 OK');
    const transport = await complete;
    socket.write(request('bbbb', uri!, peer, 'Byte-Range: x\r\n-------bbbb$\r\n'));
    expect(await until(socket, 'bbbb$')).toBe(
      `MSRP bbbb 400 Bad request\r\nTo-Path: ${peer}\r\nFrom-Path: ${String(uri)}\r\n-------bbbb$\r\n`,
    );
    socket.on('data', () => {});
    for (let count = 0; count < 10; count++) {
      socket.write(request('dddd', uri!, peer, 'Byte-Range: x\r\n-------dddd$\r\n'));
    }
    await once(socket, 'close');
    await expect(transport.readChunk()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
  });

  test('a reader that does not read stops the peer, whose octets all arrive in the end', async () => {
    const [near, far] = await pair();
    const body = Buffer.alloc(65_536, 'x');
    let written = 0;
    const writing = (async () => {
      for (; written < 400; written++) await near.writeChunk(near.makeChunk({ data: body, failureReport: 'no' }));
    })();
    await standstill(() => written);
    expect(written).toBeLessThan(400);
    for (let count = 0; count < 400; count++) expect((await far.readChunk()).size).toBe(65_536);
    await writing;
    await near.close();
    await far.close();
  });

  test('reads are served in order, by size, and an abort loses nothing', async () => {
    const [near, far] = await pair();
    const abort = new AbortController();
    const first = far.readChunk({ signal: abort.signal });
    const second = far.readChunk();
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    await near.writeChunk(near.makeChunk({ data: 'one' }));
    expect((await second).data.toString()).toBe('one');
    await near.writeChunk(near.makeChunk({ data: Buffer.alloc(300_000, 1) }));
    let octets = 0;
    for (let segment = 1; octets < 300_000; segment++) {
      const chunk = await far.readChunk({ size: 0 });
      octets += chunk.size;
      expect(chunk.byteRange?.end).toBe(octets);
      if (octets < 300_000) expect([chunk.segment, chunk.continuation]).toEqual([segment, '+']);
    }
    await near.close();
    await far.close();
  });
});

describe('MSRPServer', () => {
  test('serves many sessions on one port; each URI once, then 506 while bound and 481 after; and again when prepared again', async () => {
    await using server = new MSRPServer();
    const [uri] = await server.prepare(here);
    const bind = async (): Promise<MSRPTransport> => {
      const connector = new ConnectorDirect();
      await connector.prepare(here);
      return connector.complete([uri!]);
    };
    for (let round = 0; round < 2; round++) {
      const complete = server.complete(undefined, { localUri: uri! });
      const [near, far] = await Promise.all([bind(), complete]);
      await expect(bind()).rejects.toMatchObject({ status: 506 });
      await near.close();
      await expect(far.readChunk()).rejects.toMatchObject({ code: 'MSRP_ERR_CLOSED' });
      await expect(bind()).rejects.toMatchObject({ status: 481 });
      await server.prepare(uri);
    }
  });

  test('a peer that binds before complete() waits for it', async () => {
    await using server = new MSRPServer();
    const [uri] = await server.prepare(here);
    const connector = new ConnectorDirect();
    await connector.prepare(here);
    const near = connector.complete([uri!]);
    const witness = new ConnectorDirect();
    await witness.prepare(here);
    // Answered on the same port after the first one arrived: by now that one waits.
    await expect(witness.complete([uri!])).rejects.toMatchObject({ status: 506 });
    const far = await server.complete();
    await (await near).close();
    await far.close();
  });

  test.each([
    [1000, 1000],
    [1000, 10],
  ])(
    '%i sessions on %i connections: no octet in a wrong session',
    { timeout: 60_000 },
    async (sessions, connections) => {
      await using server = new MSRPServer();
      const pools = Array.from({ length: connections }, () => new ConnectionPool({ idleMs: 0 }));
      const serve = async (index: number): Promise<void> => {
        const [uri] = await server.prepare(here);
        const connector = new ConnectorDirect({ pool: pools[index % connections]! });
        await connector.prepare(here);
        const [near, far] = await Promise.all([
          connector.complete([uri!]),
          server.complete(undefined, { localUri: uri! }),
        ]);
        for (const [from, to] of [
          [near, far],
          [far, near],
        ]) {
          await from!.writeChunk(from!.makeChunk({ data: `session ${index}`, failureReport: 'no' }));
          expect((await to!.readChunk()).data.toString()).toBe(`session ${index}`);
        }
        await near.close();
        await far.close();
      };
      await Promise.all(Array.from({ length: sessions }, (_, index) => serve(index)));
      expect(server.stats().expected).toBe(0);
    },
  );
});
