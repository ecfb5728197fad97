import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectOptions, ConnectorDirect, MSRPServer, type MSRPTransport, URI } from '../../index.ts';
import { hasEndLine } from '../../codec/index.ts';
import { transports } from '../session/pair.ts';
import { standstill } from '../support/standstill.ts';
import { SimulatedClock } from '../simulation/simulated-clock.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { closeAfterTest, rejectionOf, roundTrip } from './open.ts';
import { emptySend, type RawPeer, rawConnect, rawPath, response, textSend } from './raw-peer.ts';

const here = new URI({ host: '127.0.0.1' });

function text({ data }: { data: Buffer }): string {
  return data.toString('latin1');
}

/** What a transport does must not depend on where its connection is: in this thread, or in a shard. */
describe.each([0, 2])('a transport, with %i shards:', (shards) => {
  let server: MSRPServer;

  /** The sessions of all tests but those with options of their own share threads, which take longer to start than a test. */
  beforeAll(() => {
    server = new MSRPServer({ shards });
  });

  afterAll(() => server.close());

  /** A server for those options; it is gone with the test. */
  function serverFor(options: ConnectOptions): MSRPServer {
    if (Object.keys(options).length === 0) return server;
    const own = new MSRPServer({ ...options, shards });
    closeAfterTest(() => own.close());
    return own;
  }

  async function pair(options: ConnectOptions = {}): Promise<[MSRPTransport, MSRPTransport]> {
    const far = serverFor(options);
    const near = new ConnectorDirect(options);
    const offer = await near.prepare(here);
    const answer = await far.prepare(here);
    const ends = await Promise.all([near.complete(answer), far.complete(offer, { localUri: answer[0]! })]);
    for (const end of ends) closeAfterTest(() => end.destroy());
    return ends;
  }

  /** A transport whose peer speaks octets, and is bound. */
  async function raw(options: ConnectOptions = {}): Promise<{ transport: MSRPTransport; peer: RawPeer; uri: URI }> {
    const far = serverFor(options);
    const [uri] = await far.prepare(here);
    const complete = far.complete(undefined, { localUri: uri! });
    const peer = await rawConnect(uri!);
    peer.send(emptySend('bind', uri!));
    await peer.until('bind$\r\n');
    const transport = await complete;
    closeAfterTest(() => transport.destroy());
    return { transport, peer, uri: uri! };
  }

  describe('reading', () => {
    test('without size gives whole chunks, however they come', async () => {
      const { transport, peer, uri } = await raw();
      const frames = textSend('aaaa', uri, 'one') + textSend('bbbb', uri, 'two') + emptySend('cccc', uri);
      const reading = [transport.readChunk(), transport.readChunk(), transport.readChunk()];
      for (let at = 0; at < frames.length; at += 7) {
        peer.send(frames.slice(at, at + 7));
        await turn();
      }
      const chunks = await Promise.all(reading);
      expect(chunks.map((chunk) => [chunk.transactionId, text(chunk), chunk.hasBody])).toEqual([
        ['aaaa', 'one', true],
        ['bbbb', 'two', true],
        ['cccc', '', false],
      ]);
    });

    test.each([0, 1, 4])('with size %i gives what has come of a chunk once it is that much', async (size) => {
      const { transport, peer, uri } = await raw();
      const [start, end] = textSend('aaaa', uri, 'first|second', 'Byte-Range: 1-12/12\r\n').split('|') as [
        string,
        string,
      ];
      const reading = transport.readChunk({ size });
      peer.send(start);
      const first = await reading;
      expect([text(first), first.continuation]).toEqual(['first', '+']);
      expect(first.byteRange).toMatchObject({ start: 1, end: 5, total: 12 });
      const rest = transport.readChunk();
      peer.send(`X${end}`);
      expect(text(await rest)).toBe('Xsecond');
    });

    test('a chunk above wholeChunkBytes comes in segments that make it up', async () => {
      const [near, far] = await pair({ limits: { wholeChunkBytes: 10_000 } });
      const writing = near.writeChunk(near.makeChunk({ data: Buffer.alloc(100_000, 'x') }));
      let bytes = 0;
      let last = '+';
      while (last === '+') {
        const segment = await far.readChunk();
        expect(segment.byteRange?.start).toBe(bytes + 1);
        bytes += segment.size;
        last = segment.continuation;
      }
      expect([bytes, last]).toEqual([100_000, '$']);
      await writing;
    });

    test('pending reads are served in order, and an aborted one loses nothing', async () => {
      const [near, far] = await pair();
      const abort = new AbortController();
      const [one, two, three] = [far.readChunk(), far.readChunk({ signal: abort.signal }), far.readChunk()];
      abort.abort(new Error('enough'));
      expect(await rejectionOf(two)).toMatchObject({ code: 'MSRP_ERR_ABORTED', cause: { message: 'enough' } });
      await near.writeChunk(near.makeChunk({ data: 'one' }));
      await near.writeChunk(near.makeChunk({ data: 'two' }));
      expect([text(await one), text(await three)]).toEqual(['one', 'two']);
      const late = far.readChunk({ signal: AbortSignal.abort() });
      expect(await rejectionOf(late)).toMatchObject({ code: 'MSRP_ERR_ABORTED' });
    });

    test('after FIN what is whole is read, then chunks() ends and readChunk rejects MSRP_ERR_CLOSED', async () => {
      const { transport, peer, uri } = await raw();
      peer.send(textSend('aaaa', uri, 'one') + textSend('bbbb', uri, 'two'));
      peer.socket.end();
      await peer.untilClosed();
      const seen: string[] = [];
      for await (const chunk of transport.chunks()) seen.push(text(chunk));
      expect(seen).toEqual(['one', 'two']);
      expect((await rejectionOf(transport.readChunk())).code).toBe('MSRP_ERR_CLOSED');
      expect((await rejectionOf(transport.write(Buffer.from('x')))).code).toBe('MSRP_ERR_CLOSED');
    });

    test('FIN in the middle of a chunk is truncated, for chunks() too', async () => {
      const { transport, peer, uri } = await raw();
      peer.send(textSend('aaaa', uri, 'one') + textSend('bbbb', uri, 'tw').slice(0, -10));
      peer.socket.end();
      await peer.untilClosed();
      const seen: string[] = [];
      const reading = (async () => {
        for await (const chunk of transport.chunks()) seen.push(text(chunk));
      })();
      expect(await rejectionOf(reading)).toMatchObject({ kind: 'truncated' });
      expect(seen).toEqual(['one']);
    });

    test('a lost connection is not the end of chunks() but an error', async () => {
      const { transport, peer } = await raw();
      const reading = transport.chunks().next();
      peer.socket.resetAndDestroy();
      expect((await rejectionOf(reading)).code).toBe('MSRP_ERR_CLOSED');
    });

    test('a peer that sends without end is stopped while nobody reads, and goes on when somebody does', async () => {
      const [near, far] = await pair({ limits: { unreadBytes: 10_000 } });
      let sent = 0;
      const data = Buffer.alloc(60_000, 'x');
      const writing = (async () => {
        for (; sent < 300; sent++) await near.writeChunk(near.makeChunk({ data, failureReport: 'no' }));
      })();
      await standstill(() => sent, 30, roundTrip);
      expect(sent).toBeLessThan(300);
      for (let count = 0; count < 300; count++) expect((await far.readChunk()).size).toBe(60_000);
      await writing;
    });
  });

  test('a session that is not read fails alone, after stallMs, while others share its connection', async () => {
    const clock = new SimulatedClock();
    const own = new MSRPServer({ clock, shards, limits: { unreadBytes: 1000, stallMs: 5000 } });
    closeAfterTest(() => own.close());
    const [[slow], [other]] = [await own.prepare(here), await own.prepare(here)];
    const completes = [slow!, other!].map((localUri) => own.complete(undefined, { localUri }));
    const peer = await rawConnect(slow!);
    peer.send(emptySend('aaaa', slow!) + emptySend('bbbb', other!));
    const [one, two] = await Promise.all(completes);
    for (const transport of [one!, two!]) closeAfterTest(() => transport.destroy());
    peer.send(textSend('cccc', other!, 'before') + textSend('dddd', slow!, 'x'.repeat(2000)));
    expect(text(await two!.readChunk())).toBe('before');
    // The long one has come in the same read or the next.
    for (let turns = 0; turns < 50; turns++) await turn();
    clock.advance(4999);
    peer.send(textSend('eeee', other!, 'after'));
    const after = two!.readChunk();
    clock.advance(300);
    expect(text(await after)).toBe('after');
    expect((await one!.readChunk()).size).toBe(2000);
    expect(await rejectionOf(one!.readChunk())).toMatchObject({ code: 'MSRP_ERR_NOT_READ' });
    peer.send(emptySend('ffff', slow!));
    expect(await peer.until('ffff$\r\n')).toContain('MSRP ffff 481');
  });

  test('a session alone on its connection may be left unread for as long as its reader likes', async () => {
    const clock = new SimulatedClock();
    const { transport, peer, uri } = await raw({ clock, limits: { unreadBytes: 1000, stallMs: 5000 } });
    peer.send(textSend('aaaa', uri, 'x'.repeat(2000)));
    for (let turns = 0; turns < 50; turns++) await turn();
    clock.advance(60_000);
    peer.send(textSend('bbbb', uri, 'more'));
    expect((await transport.readChunk()).size).toBe(2000);
    expect(text(await transport.readChunk())).toBe('more');
  });

  describe('writing', () => {
    test('resolves, and what was written before close() arrives and is not reported as lost', async () => {
      const [near, far] = await pair();
      const data = Buffer.alloc(5_000_000, 'x');
      const written = near.writeChunk(near.makeChunk({ data }));
      const closed = turn().then(() => near.close());
      expect((await far.readChunk()).size).toBe(5_000_000);
      await Promise.all([written, closed]);
      expect((await rejectionOf(near.writeChunk(near.makeChunk()))).code).toBe('MSRP_ERR_CLOSED');
      expect((await rejectionOf(far.readChunk())).code).toBe('MSRP_ERR_CLOSED');
    });

    test('of responses to a peer that does not read them stops the reading of what it sends', async () => {
      const { transport, peer, uri } = await raw({ limits: { unsentBytes: 1000 } });
      const total = 150_000;
      peer.socket.pause();
      peer.send(emptySend('aaaa', uri).repeat(total));
      let answered = 0;
      const answering = (async () => {
        for await (const chunk of transport.chunks()) {
          transport.respond(chunk, 200);
          if (++answered === total) return;
        }
      })();
      await standstill(() => answered, 30, roundTrip);
      expect(answered).toBeLessThan(total);
      peer.socket.removeAllListeners('data').resume();
      await answering;
    });

    test('that waits is rejected with the reason of destroy()', async () => {
      const { transport } = await raw();
      const writes = [1, 2].map(() => transport.write(Buffer.alloc(50_000_000)));
      const reading = transport.readChunk();
      const reason = new Error('no more');
      transport.destroy(reason);
      for (const promise of [...writes, reading, transport.readChunk()]) await expect(promise).rejects.toBe(reason);
      await transport.close();
    });
  });

  describe('makeChunk', () => {
    test.each([
      [2048, {}, '1-2048/2048', '$'],
      [2049, {}, '1-*/2049', '$'],
      [5, { length: 10 }, '1-5/10', '+'],
      [5, { start: 6, length: 10 }, '6-10/10', '$'],
      [5, { length: null }, '1-5/*', '+'],
      [5, { end: null, length: 5 }, '1-*/5', '$'],
      [5, { continuation: '#' as const }, '1-5/5', '#'],
      [0, {}, '1-0/0', '$'],
    ])('of %i octets with %j has the range and flag %s %s', async (size, o, range, flag) => {
      const [near] = await pair();
      const chunk = near.makeChunk({ data: Buffer.alloc(size), ...o });
      expect([chunk.headers.get('Byte-Range'), chunk.continuation]).toEqual([range, flag]);
    });

    test('orders the fields: the paths first, Content-Type last', async () => {
      const [near, far] = await pair();
      const chunk = near.makeChunk({
        data: 'x',
        messageId: 'mmmm',
        successReport: 'yes',
        failureReport: 'partial',
        headers: [['Expires', '5']],
      });
      expect(chunk.headers.format()).toBe(
        `To-Path: ${String(far.localUri)}\r\nFrom-Path: ${String(near.localUri)}\r\nMessage-ID: mmmm\r\nByte-Range: 1-1/1\r\n` +
          'Success-Report: yes\r\nFailure-Report: partial\r\nExpires: 5\r\nContent-Type: text/plain\r\n',
      );
    });

    test('never takes a transaction id that ends the body early', async () => {
      // The first id that the random source gives stands in the body.
      const [probe] = await pair();
      const ids = Array.from({ length: 50 }, () => probe.makeChunk().transactionId);
      expect(new Set(ids).size).toBe(50);
      const data = Buffer.from(ids.map((id) => `\r\n-------${id}$\r\n`).join(''));
      const chunk = probe.makeChunk({ data });
      expect(hasEndLine([data], chunk.transactionId)).toBe(false);
      expect(hasEndLine([data], ids[0]!)).toBe(true);
    });
  });

  describe('makeResponse and makeReport', () => {
    const yes = 'Failure-Report: yes\r\n';
    const partial = 'Failure-Report: partial\r\n';
    const no = 'Failure-Report: no\r\n';
    const success = 'Success-Report: yes\r\n';
    test.each([
      ['', true, true, false, true],
      [yes, true, true, false, true],
      [yes + success, true, true, true, true],
      [partial, false, true, false, true],
      [partial + success, false, true, true, true],
      [no, false, false, false, false],
      [no + success, false, false, true, false],
    ])('follow the table for "%s"', async (fields, ok, failed, successReport, failureReport) => {
      const { transport, peer, uri } = await raw();
      peer.send(textSend('aaaa', uri, 'hello', `Byte-Range: 3-7/9\r\n${fields}`));
      const chunk = await transport.readChunk();
      expect(transport.makeResponse(chunk, 200) !== undefined).toBe(ok);
      expect(transport.makeResponse(chunk, 413) !== undefined).toBe(failed);
      const report = transport.makeReport(chunk, 200);
      expect([report !== undefined, transport.makeReport(chunk, 408) !== undefined]).toEqual([
        successReport,
        failureReport,
      ]);
      if (report === undefined) return;
      expect([report.method, report.headers.format()]).toEqual([
        'REPORT',
        `To-Path: ${rawPath}\r\nFrom-Path: ${String(uri)}\r\nMessage-ID: m-aaaa\r\nByte-Range: 3-7/9\r\nStatus: 000 200 OK\r\n`,
      ]);
    });

    test('a REPORT and a response are never answered, other methods always', async () => {
      const { transport, peer, uri } = await raw();
      const head = `To-Path: ${String(uri)}\r\nFrom-Path: ${rawPath}\r\n`;
      peer.send(
        `MSRP aaaa REPORT\r\n${head}Message-ID: mmmm\r\nByte-Range: 1-1/1\r\nStatus: 000 200 OK\r\n-------aaaa$\r\n` +
          `MSRP bbbb 200 OK\r\n${head}-------bbbb$\r\nMSRP cccc WHATEVER\r\n${head}-------cccc$\r\n`,
      );
      const chunks = [await transport.readChunk(), await transport.readChunk(), await transport.readChunk()];
      expect(chunks.map((chunk) => transport.makeResponse(chunk, 501)?.code)).toEqual([undefined, undefined, 501]);
      expect(chunks.map((chunk) => transport.makeReport(chunk, 200))).toEqual([undefined, undefined, undefined]);
      await transport.writeChunk(transport.makeResponse(chunks[2]!, 501)!);
      expect(await peer.until('cccc$\r\n')).toBe(response('cccc', '501 Unknown method', rawPath, uri));
    });
  });

  describe('malformed frames', () => {
    test('are answered with 400 or 424 where they may be, and the stream goes on', async () => {
      const { transport, peer, uri } = await raw();
      const head = `To-Path: ${String(uri)}\r\nFrom-Path: ${rawPath}\r\n`;
      peer.send(`MSRP aaaa SEND\r\n${head}Message-ID: mmmm\r\nByte-Range: x\r\n-------aaaa$\r\n`);
      expect(await peer.until('aaaa$\r\n')).toBe(response('aaaa', '400 Bad request', rawPath, uri));
      peer.send(`MSRP bbbb NICKNAME\r\n${head}Use-Nickname: alice\r\n-------bbbb$\r\n`);
      expect(await peer.until('bbbb$\r\n')).toBe(response('bbbb', '424 Malformed nickname', rawPath, uri));
      peer.send(`MSRP cccc SEND\r\n${head}Message-ID: mmmm\r\nFailure-Report: no\r\nByte-Range: x\r\n-------cccc$\r\n`);
      peer.send(`MSRP dddd REPORT\r\n${head}Byte-Range: x\r\n-------dddd$\r\n`);
      peer.send(textSend('eeee', uri, 'good'));
      expect(text(await transport.readChunk())).toBe('good');
      await transport.writeChunk(transport.makeChunk({ transactionId: 'ours' }));
      expect(await peer.until('ours$\r\n')).toMatch(/^MSRP ours SEND/);
    });

    test('of the kind that loses the frame border close the connection, and chunks() fails', async () => {
      const { transport, peer } = await raw();
      peer.send('no MSRP at all\r\n');
      await peer.untilClosed();
      expect(await rejectionOf(transport.chunks().next())).toMatchObject({ action: 'close' });
    });

    test('too many close the connection, and chunks() fails', async () => {
      const { transport, peer, uri } = await raw({ limits: { badRequests: 2 } });
      const guess = String(uri).replace(uri.sessionId!, 'guess');
      peer.send(emptySend('aaaa', guess) + emptySend('bbbb', guess));
      await peer.until('bbbb$\r\n');
      peer.send(emptySend('cccc', guess) + textSend('dddd', uri, 'behind'));
      await peer.untilClosed();
      expect(await rejectionOf(transport.chunks().next())).toMatchObject({
        code: 'MSRP_ERR_CLOSED',
        message: expect.stringContaining('too many bad requests'),
      });
    });
  });

  describe('checkIncomingSendChunk', () => {
    test.each([
      ['another sender', (uri: URI) => [String(uri), 'msrp://127.0.0.1:9/other;tcp'], 481],
      ['two senders', (uri: URI) => [String(uri), `${rawPath} ${rawPath}`], 481],
      ['the peer', (uri: URI) => [String(uri), rawPath], undefined],
    ])('of %s', async (_name, paths, status) => {
      const { transport, peer, uri } = await raw();
      const [to, from] = paths(uri) as [string, string];
      peer.send(textSend('aaaa', to, 'x', '', from));
      expect(transport.checkIncomingSendChunk(await transport.readChunk())?.status).toBe(status);
    });
  });
});

test('close() waits for what the system does not have yet', async () => {
  const network = new SimulatedNetwork({
    seed: 1,
    faults: () => ({ toServer: { capacityBytes: 100, delayMs: 20 } }),
  });
  const { clock, random } = network;
  const [near, far] = await network.settle(transports({ network, clock, random }));
  const written = near.writeChunk(near.makeChunk({ data: Buffer.alloc(20_000, 'x') }));
  await network.run(clock.now() + 50);
  const closed = near.close();
  expect((await network.settle(far.readChunk())).size).toBe(20_000);
  await network.settle(Promise.all([written, closed]));
  await network.run();
  expect(clock.pending).toBe(0);
});
