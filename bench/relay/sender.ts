// The near end: chunks made before the clock starts, written as fast as they are taken.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';
import { Chunk, ChunkAssembler, ChunkDecoder, encodeChunk, type HeaderEntry } from '../../codec/index.ts';
import { chooseChallenge, DigestClient } from '../../net/digest.ts';
import { serve } from '../peer-process.ts';
import { headOf, Seeded } from '../streams.ts';
import { user } from './user.ts';

export interface ConnectCall {
  readonly port: number;
  readonly isTLS: boolean;
  /** Of the receiver. */
  readonly path: string;
  readonly isRelay: boolean;
}

export interface MakeCall {
  readonly chunkBytes: number;
  readonly totalBytes: number;
  /** Each chunk is a message of its own. */
  readonly eachItsMessage: boolean;
}

const randomBytes = 1_048_576;
const own = 'msrps://127.0.0.1:9/alice98cjs;tcp';
let socket: Socket;
let toPath = '';
let made: Buffer[] = [];

/** AUTH, until there is a token. */
async function authenticate(relayUri: string): Promise<string> {
  const frames: Chunk[] = [];
  let onFrame: (() => void) | undefined;
  const assembler = new ChunkAssembler({
    onChunk: (chunk) => {
      frames.push(chunk);
      onFrame?.();
    },
  });
  const decoder = new ChunkDecoder(assembler);
  const onData = (input: Buffer): void => decoder.write(input);
  socket.on('data', onData);
  const ask = async (fields: HeaderEntry[]): Promise<Chunk> => {
    const headers: HeaderEntry[] = [['To-Path', relayUri], ['From-Path', own], ...fields];
    const came = new Promise<void>((resolve) => {
      onFrame = resolve;
    });
    for (const buffer of encodeChunk(new Chunk({ transactionId: 'auth0001', method: 'AUTH', headers }))) {
      socket.write(buffer);
    }
    await came;
    return frames.at(-1)!;
  };
  const digest = new DigestClient(user.name, user.password, () => 'c0ffee');
  digest.take(chooseChallenge((await ask([])).headers.wwwAuthenticate)!);
  const answer = await ask([['Authorization', digest.authorize(relayUri)!]]);
  socket.off('data', onData);
  const usePath = answer.headers.get('Use-Path');
  if (usePath === undefined) throw new Error(`the relay answered ${String(answer.code)}`);
  return usePath;
}

async function open({ port, isTLS, path, isRelay }: ConnectCall): Promise<void> {
  const options = { host: '127.0.0.1', port };
  socket = isTLS ? connectTLS({ ...options, rejectUnauthorized: false }) : connect(options);
  socket.setNoDelay(true);
  await once(socket, isTLS ? 'secureConnect' : 'connect');
  const uri = `msrp${isTLS ? 's' : ''}://127.0.0.1:${port};tcp`;
  toPath = isRelay ? `${await authenticate(uri)} ${path}` : path;
  socket.resume();
  socket.on('data', () => {});
}

function make({ chunkBytes, totalBytes, eachItsMessage }: MakeCall): {
  bytes: number;
  bodyBytes: number;
  chunks: number;
} {
  const seeded = new Seeded();
  const random = seeded.bytes(2 * randomBytes);
  const paths = `To-Path: ${toPath}\r\nFrom-Path: ${own}\r\n`;
  let messageId = seeded.id();
  const pieces: Buffer[] = [];
  const chunks = Math.ceil(totalBytes / chunkBytes);
  for (let chunk = 0; chunk < chunks; chunk++) {
    const id = seeded.id();
    const from = seeded.next() % randomBytes;
    if (eachItsMessage) messageId = seeded.id();
    const range = eachItsMessage
      ? `1-${chunkBytes}/${chunkBytes}`
      : `${chunk * chunkBytes + 1}-*/${chunks * chunkBytes}`;
    const flag = eachItsMessage || chunk === chunks - 1 ? '$' : '+';
    const end = Buffer.from(`\r\n-------${id}${flag}\r\n`, 'latin1');
    pieces.push(Buffer.from(headOf(id, paths, messageId, range)), random.subarray(from, from + chunkBytes), end);
  }
  const octets = Buffer.concat(pieces);
  made = [];
  for (let at = 0; at < octets.length; at += 65_536) made.push(octets.subarray(at, at + 65_536));
  return { bytes: octets.length, bodyBytes: chunks * chunkBytes, chunks };
}

/** Writes it all so many times. Returns when it began, in milliseconds since the epoch. */
async function write(times: number): Promise<number> {
  const at = performance.timeOrigin + performance.now();
  for (let time = 0; time < times; time++) {
    for (const piece of made) if (!socket.write(piece)) await once(socket, 'drain');
  }
  return at;
}

serve({ open, make, write });
