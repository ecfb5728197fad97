// The near end: chunks made before the clock starts, written as fast as they are taken, or as a window allows.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';
import { Chunk, ChunkAssembler, ChunkDecoder, encodeChunk, type Head, type HeaderEntry } from '../../codec/index.ts';
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
  /** Default: all that the socket takes. */
  readonly window?: Window;
}

/** So many chunks at most have not been answered, or reported on by the receiver. */
export interface Window {
  readonly chunks: number;
  readonly until: 'response' | 'report';
}

const randomBytes = 1_048_576;
const silenceMs = 10_000;
const own = 'msrps://127.0.0.1:9/alice98cjs;tcp';
let socket: Socket;
let toPath = '';
let made: Buffer[] = [];
let windowed: Windowed | undefined;
/** Gets what the other side says, once there is a path. */
let onHead: ((head: Head) => void) | undefined;

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
  const decoder = new ChunkDecoder({ onHead: (head) => onHead?.(head), onBody: () => {}, onEnd: () => {} });
  socket.on('data', (input: Buffer) => onHead && decoder.write(input));
  socket.resume();
  if (isRelay) await bind();
}

/** The first message, and the REPORT on it: the relay is connected to the receiver. */
async function bind(): Promise<void> {
  const reported = new Promise<void>((resolve) => {
    onHead = ({ method }) => method === 'REPORT' && resolve();
  });
  const paths = `To-Path: ${toPath}\r\nFrom-Path: ${own}\r\nSuccess-Report: yes\r\n`;
  socket.write(`${headOf('bind0001', paths, 'binding', '1-1/1')}!\r\n-------bind0001$\r\n`);
  await reported;
  onHead = undefined;
}

function make({ chunkBytes, totalBytes, eachItsMessage, window }: MakeCall): {
  bytes: number;
  bodyBytes: number;
  chunks: number;
} {
  const seeded = new Seeded();
  const random = seeded.bytes(2 * randomBytes);
  const report = window?.until === 'report' ? 'Success-Report: yes\r\n' : '';
  const paths = `To-Path: ${toPath}\r\nFrom-Path: ${own}\r\n${report}`;
  let messageId = seeded.id();
  const pieces: Buffer[] = [];
  const ends: number[] = [];
  let bytes = 0;
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
    const head = Buffer.from(headOf(id, paths, messageId, range));
    pieces.push(head, random.subarray(from, from + chunkBytes), end);
    ends.push((bytes += head.length + chunkBytes + end.length));
  }
  const octets = Buffer.concat(pieces);
  windowed = window && new Windowed(octets, ends, window);
  made = [];
  for (let at = 0; at < octets.length; at += 65_536) made.push(octets.subarray(at, at + 65_536));
  return { bytes: octets.length, bodyBytes: chunks * chunkBytes, chunks };
}

/** Writes its octets as the window allows. */
class Windowed {
  readonly #octets: Buffer;
  readonly #ends: readonly number[];
  readonly #window: Window;
  #acknowledged = 0;
  #onMore: () => void = () => {};
  #onSilence: () => void = () => {};

  /** `ends`: where each chunk ends. */
  constructor(octets: Buffer, ends: readonly number[], window: Window) {
    this.#octets = octets;
    this.#ends = ends;
    this.#window = window;
    onHead = (head) => this.#take(head);
  }

  #take({ code, method, transactionId }: Head): void {
    if (code !== undefined && code !== 200) throw new Error(`${transactionId} was answered with ${code}`);
    if (this.#window.until === 'report' ? method !== 'REPORT' : code === undefined) return;
    this.#acknowledged++;
    this.#onMore();
  }

  /** Resolves when all has been acknowledged. */
  async write(): Promise<void> {
    const chunks = this.#ends.length;
    this.#acknowledged = 0;
    let seen = 0;
    const watch = setInterval(() => {
      if (seen === this.#acknowledged) this.#onSilence();
      seen = this.#acknowledged;
    }, silenceMs);
    try {
      for (let sent = 0; this.#acknowledged < chunks; ) {
        const next = Math.min(this.#acknowledged + this.#window.chunks, chunks);
        if (next > sent) socket.write(this.#octets.subarray(this.#ends[sent - 1] ?? 0, this.#ends[next - 1]));
        sent = next;
        await this.#more();
      }
    } finally {
      clearInterval(watch);
    }
  }

  /** A relay that drops what it was given is not waited for for ever. */
  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onMore = resolve;
      this.#onSilence = () =>
        reject(new Error(`${this.#acknowledged} of ${this.#ends.length} chunks were acknowledged`));
    });
  }
}

/** Writes it all so many times. Returns when it began, in milliseconds since the epoch. */
async function write(times: number): Promise<number> {
  const at = performance.timeOrigin + performance.now();
  for (let time = 0; time < times; time++) {
    if (windowed !== undefined) await windowed.write();
    else for (const piece of made) if (!socket.write(piece)) await once(socket, 'drain');
  }
  return at;
}

serve({ open, make, write });
