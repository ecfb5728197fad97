// What crosses between threads: the tokens that come out are those that a decoder in this thread gives, and no octet is copied twice.

import fc from 'fast-check';
import { createHash, randomBytes } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import { ChunkDecoder, ChunkParseError, type ChunkSink, encodeChunk, MSRPError } from '../../../codec/index.ts';
import { MSRPTransactionError, URI } from '../../../index.ts';
import { errorOf, recordOf } from '../../../net/shards/error-record.ts';
import { Mailbox } from '../../../net/shards/mailbox.ts';
import { Count, creditBytes, type FromShard, type ReadMessage } from '../../../net/shards/protocol.ts';
import { Pump } from '../../../net/shards/pump.ts';
import { TokenPlayer } from '../../../net/shards/token-player.ts';
import type { Socket, SocketHandler } from '../../../net/socket.ts';
import { chunks, places } from '../../support/arbitrary.ts';
import { byteByByte, cut } from '../../support/frames.ts';
import { octetsOf, vectors } from '../../support/vectors.ts';
import { type Certificate, makeCertificate } from '../certificates.ts';
import { standstill } from '../../support/standstill.ts';
import { roundTrip } from '../open.ts';
import { emptySend, rawConnect, textSend } from '../raw-peer.ts';
import { bind, expectOne, kept, serve, session } from '../serve.ts';

let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
});

/** What a sink is given, as text. */
function recorder(): { log: string[]; sink: ChunkSink } {
  const log: string[] = [];
  const sink: ChunkSink = {
    onHead: (head) => {
      const { transactionId, method, code, comment, hasBody, offset, headers, byteRange, toPath } = head;
      const facts = { transactionId, method, code, comment, hasBody, offset, byteRange, messageId: head.messageId };
      log.push(JSON.stringify({ ...facts, headers: [...headers], text: headers.format(), to: toPath.map(String) }));
    },
    onBody: (bytes, more) => log.push(`${bytes.toString('hex')} ${more}`),
    onEnd: (flag) => log.push(flag),
    onInvalid: (error, head) =>
      log.push(
        `invalid ${error.kind} ${error.action} ${error.offset} ${error.status} ${head.transactionId} ${[...head.headers].join('|')}`,
      ),
  };
  return { log, sink };
}

function faultOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    const { code, message, offset } = error as ChunkParseError;
    return `${code} ${message} ${offset}`;
  }
}

/** Decoded in this thread. */
function direct(reads: readonly Buffer[]): string[] {
  const { log, sink } = recorder();
  const decoder = new ChunkDecoder(sink);
  for (const read of reads) {
    const fault = faultOf(() => decoder.write(read));
    log.push(`${decoder.openPart} ${decoder.openOffset}`);
    if (fault !== undefined) return [...log, fault];
  }
  return [...log, faultOf(() => decoder.end()) ?? 'end'];
}

/** A mailbox that clones what is posted. */
function postbox(): { mailbox: Mailbox<FromShard>; posted: FromShard[]; close: () => void } {
  const { port1, port2 } = new MessageChannel();
  const posted: FromShard[] = [];
  const mailbox = new Mailbox<FromShard>(port1);
  mailbox.post = (message, ...transfer) =>
    void posted.push(structuredClone(message, { transfer: [...transfer] as ArrayBuffer[] }));
  return { mailbox, posted, close: () => [port1, port2].map((port) => port.close()) };
}

/** Decoded for another thread, and given out there. */
function crossed(reads: readonly Buffer[]): string[] {
  let handler!: SocketHandler;
  const socket = { attach: (to: SocketHandler) => (handler = to), resume: () => {}, pause: () => {} };
  const { mailbox, posted, close } = postbox();
  const counters = new Float64Array(Count.slots);
  const handed = { listener: 1, connection: 2 };
  const pump = new Pump(handed, socket as unknown as Socket, {}, { mailbox, counters, onClosed: () => {} });
  expect(handler).toBe(pump);
  for (const read of reads) handler.onData(read);
  handler.onEnd();
  close();
  const { log, sink } = recorder();
  const player = new TokenPlayer(sink);
  for (const message of posted) {
    if (message.kind === 'ended') player.expectEnd(message.error);
    if (message.kind !== 'read') continue;
    const fault = faultOf(() => play(player, message));
    log.push(`${player.openPart} ${player.openOffset}`);
    if (fault !== undefined) return [...log, fault];
  }
  const total = reads.reduce((sum, { length }) => sum + length, 0);
  expect([counters[Count.readBytes], counters[Count.copiedBytes]]).toEqual([total, total]);
  return [...log, faultOf(() => player.end()) ?? 'end'];
}

function play(player: TokenPlayer, message: ReadMessage): void {
  player.expect(message);
  player.write(Buffer.from(message.bytes));
}

describe('tokens that have crossed are those of the decoder', () => {
  const files = [...vectors.valid, ...vectors.malformed, ...vectors.lenient];
  test.each(files.map(({ id, file }) => [id, file]))('for %s', (_id, file) => {
    const octets = octetsOf(file);
    const middle = Math.floor(octets.length / 2);
    const ways = [[octets], cut(octets, [middle]), ...(octets.length < 5000 ? [[...byteByByte(octets)]] : [])];
    for (const reads of ways) expect(crossed(reads)).toEqual(direct(reads));
  });

  test('for any chunks, cut anywhere', () => {
    fc.assert(
      fc.property(
        chunks.chain((made) => {
          const octets = Buffer.concat(made.flatMap((chunk) => encodeChunk(chunk)));
          return places(octets.length).map((where) => cut(octets, where));
        }),
        (reads) => {
          expect(crossed(reads)).toEqual(direct(reads));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe.each([false, true])('with TLS %s, a connection in a shard', (isTLS) => {
  const tls = () => ({ cert: certificate.cert, key: certificate.key });

  async function open() {
    const server = serve({ shards: 2, ...(isTLS && { tls: tls() }) });
    const [uri] = await server.prepare(new URI({ host: '127.0.0.1', useTLS: isTLS }));
    const complete = server.complete();
    const near = await bind(uri!, isTLS ? { tls: { ca: certificate.cert } } : {});
    return { server, near, far: kept(await complete) };
  }

  test('copies no octet more than once on its way, in either direction', { timeout: 30_000 }, async () => {
    const { server, near, far } = await open();
    const data = randomBytes(12_000_000);
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const before = server.stats().shards[0]!;
      const writing = from.writeChunk(from.makeChunk({ data, failureReport: 'no' }));
      expect(hash((await to.readChunk()).data)).toBe(hash(data));
      await writing;
      const { copiedBytes } = server.stats().shards[0]!;
      const copied = copiedBytes - before.copiedBytes;
      expect(copied).toBeGreaterThanOrEqual(data.length);
      expect(copied).toBeLessThan(data.length + 1000);
    }
  });

  test('gives its facts', async () => {
    const { near, far } = await open();
    expect([far.peer.address, far.peer.tls !== undefined]).toEqual(['127.0.0.1', isTLS]);
    expect(far.peer.tls?.protocol).toBe(near.peer.tls?.protocol);
  });
});

test('no more than the credit of a connection comes from a shard while nobody reads', async () => {
  const server = serve({ shards: 1 });
  const uri = await expectOne(server);
  const complete = server.complete();
  const peer = await rawConnect(uri);
  peer.send(emptySend('aaaa', uri));
  const far = kept(await complete);
  peer.send(textSend('bbbb', uri, 'x'.repeat(20_000_000), 'Failure-Report: no\r\n'));
  const read = (): number => server.stats().shards[0]!.readBytes;
  await standstill(read, 30, roundTrip);
  expect(read()).toBeGreaterThan(creditBytes);
  expect(read()).toBeLessThan(2 * creditBytes);
  let bytes = 0;
  while (bytes < 20_000_000) bytes += (await far.readChunk({ size: 0 })).size;
});

test('each shard has its share of the connections', async () => {
  const server = serve({ shards: 2 });
  await Promise.all(Array.from({ length: 20 }, () => session(server)));
  expect(server.stats().shards.map(({ connections }) => connections)).toEqual([10, 10]);
});

describe('an error that has crossed', () => {
  test.each<[string, Error]>([
    [
      'of the package',
      new MSRPError('MSRP_ERR_STATE', 'no', { scope: 'session', status: 481, cause: new Error('why') }),
    ],
    ['of a frame', new ChunkParseError('bad-uri', 'no', { action: 'respond', offset: 7, status: 424 })],
    ['that closes', new ChunkParseError('bad-start-line', 'no', { offset: 9 })],
    ['of a transaction', new MSRPTransactionError(413, 'Stop')],
    ['of somebody else', new TypeError('no')],
  ])('%s says what it said', (_name, error) => {
    const { code, scope, status, kind, action, offset } = error as ChunkParseError;
    const again = errorOf(structuredClone(recordOf(error)));
    expect(again).toMatchObject({ message: error.message });
    expect(again).toEqual(
      expect.objectContaining(
        Object.fromEntries(
          Object.entries({ code, scope, status, kind, action, offset }).filter(([, value]) => value !== undefined),
        ),
      ),
    );
    expect(again instanceof ChunkParseError).toBe(error instanceof ChunkParseError);
    expect((again.cause as Error | undefined)?.message).toBe((error.cause as Error | undefined)?.message);
  });
});
