// The sending end of a transfer: octets made before the clock starts and written to a bare socket, or a stream that a session sends.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';
import { URI } from '../../codec/index.ts';
import { ConnectorDirect } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';
import { serve, type Usage, usageSince } from '../peer-process.ts';
import { headOf, Seeded } from '../streams.ts';

export interface MakeCall {
  /** The path of the receiver. */
  readonly path: string;
  readonly chunkBytes: number;
  readonly totalBytes: number;
  /** How much is given to the socket at a time. */
  readonly writeBytes: number;
}

export interface Made {
  readonly bytes: number;
  readonly bodyBytes: number;
  readonly bodyHash: string;
  readonly chunks: number;
}

export interface Sent extends Usage {
  /** From the first octet until the peer had the last and ended the connection. */
  readonly seconds: number;
}

const randomBytes = 1_048_576;
let made: Buffer[] = [];

/** One message in chunks of equal size, as one stream in large pieces. */
function make({ path, chunkBytes, totalBytes, writeBytes }: MakeCall): Made {
  const seeded = new Seeded();
  const random = seeded.bytes(2 * randomBytes);
  const paths = `To-Path: ${path}\r\nFrom-Path: ${path.replace(/\/[^/]*;/, `/${seeded.id()};`)}\r\nSuccess-Report: yes\r\n`;
  const messageId = seeded.id();
  const hash = createHash('sha1');
  const pieces: Buffer[] = [];
  const chunks = Math.ceil(totalBytes / chunkBytes);
  for (let chunk = 0; chunk < chunks; chunk++) {
    const id = seeded.id();
    const from = seeded.next() % randomBytes;
    const body = random.subarray(from, from + chunkBytes);
    hash.update(body);
    const range = `${chunk * chunkBytes + 1}-*/${chunks * chunkBytes}`;
    const flag = chunk === chunks - 1 ? '$' : '+';
    pieces.push(
      Buffer.from(headOf(id, paths, messageId, range)),
      body,
      Buffer.from(`\r\n-------${id}${flag}\r\n`, 'latin1'),
    );
  }
  const octets = Buffer.concat(pieces);
  made = [];
  for (let at = 0; at < octets.length; at += writeBytes) made.push(octets.subarray(at, at + writeBytes));
  return { bytes: octets.length, bodyBytes: chunks * chunkBytes, bodyHash: hash.digest('hex'), chunks };
}

async function open(path: string): Promise<Socket> {
  const { host, port, useTLS } = URI.parse(path);
  const socket = useTLS ? connectTLS({ host, port: port!, rejectUnauthorized: false }) : connect(port!, host);
  await once(socket, useTLS ? 'secureConnect' : 'connect');
  return socket;
}

/** Writes `pieces`, reads what is answered, ends with the peer. */
async function write(path: string, pieces: Iterable<Buffer>): Promise<Sent> {
  const socket = await open(path);
  socket.resume();
  const start = process.cpuUsage();
  const started = performance.now();
  for (const piece of pieces) if (!socket.write(piece)) await once(socket, 'drain');
  socket.end();
  if (!socket.readableEnded) await once(socket, 'end');
  return { seconds: (performance.now() - started) / 1000, ...usageSince(start) };
}

function* stream(totalBytes: number): Generator<Buffer> {
  const random = new Seeded().bytes(2 * randomBytes);
  for (let sent = 0; sent < totalBytes; sent += 65_536) {
    const from = (sent / 65_536) % randomBytes;
    yield random.subarray(from, from + 65_536);
  }
}

async function* asyncStream(totalBytes: number): AsyncGenerator<Buffer> {
  yield* stream(totalBytes);
}

export interface StreamCall {
  readonly path: string;
  readonly totalBytes: number;
  readonly chunkBytes: number;
}

async function sendMessage({ path, totalBytes, chunkBytes }: StreamCall): Promise<Sent> {
  const connector = new ConnectorDirect();
  await connector.prepare();
  const session = new MSRPSession(await connector.complete([URI.parse(path)]), { chunkSize: chunkBytes });
  const start = process.cpuUsage();
  const started = performance.now();
  await session.send(asyncStream(totalBytes), { size: totalBytes }).delivered;
  await session.shutdown();
  return { seconds: (performance.now() - started) / 1000, ...usageSince(start) };
}

serve({
  make,
  write: (path: string) => write(path, made),
  writeStream: ({ path, totalBytes }: StreamCall) => write(path, stream(totalBytes)),
  sendMessage,
});
