// The far end: decodes what comes, answers each chunk, reports on it where that is asked for, and counts.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTLSServer } from 'node:tls';
import { ChunkDecoder, type Head } from '../../codec/index.ts';
import type { Certificate } from '../../cli/own-certificate.ts';
import { serve } from '../peer-process.ts';

export interface Arrived {
  readonly bodyBytes: number;
  readonly chunks: number;
  /** In milliseconds since the epoch. */
  readonly at: number;
}

/** Stop reading for so long once so many octets of body are there. */
export interface Stall {
  readonly ms: number;
  readonly atBytes: number;
}

let bodyBytes = 0;
let chunks = 0;
let wanted = 0;
let stall: Stall | undefined;
/** What is lost does not come later. */
const silenceMs = 3000;
let done: ((arrived: Arrived) => void) | undefined;

function take(socket: Socket): void {
  let current: Head | undefined;
  let answers = '';
  let paths = '';
  let reportPaths = '';
  let received = 0;
  let lastFrom: unknown;
  const decoder = new ChunkDecoder({
    onHead: (head) => {
      current = head;
      received = 0;
      if (head.fromPath === lastFrom) return;
      lastFrom = head.fromPath;
      paths = `To-Path: ${String(head.fromPath[0])}\r\nFrom-Path: ${String(head.toPath[0])}\r\n`;
      reportPaths = `To-Path: ${head.fromPath.join(' ')}\r\nFrom-Path: ${String(head.toPath[0])}\r\n`;
    },
    onBody: (bytes) => {
      bodyBytes += bytes.length;
      received += bytes.length;
    },
    onEnd: () => {
      const id = current!.transactionId;
      chunks++;
      answers += `MSRP ${id} 200 OK\r\n${paths}-------${id}$\r\n`;
      if (current!.successReport === 'yes') answers += reportOn(current!, received, reportPaths);
    },
  });
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (input: Buffer) => {
    decoder.write(input);
    if (answers !== '') socket.write(answers, 'latin1');
    answers = '';
    if (stall !== undefined && bodyBytes >= stall.atBytes) {
      socket.pause();
      setTimeout(() => socket.resume(), stall.ms);
      stall = undefined;
    }
    if (bodyBytes >= wanted) finish();
  });
}

function finish(): void {
  done?.({ bodyBytes, chunks, at: performance.timeOrigin + performance.now() });
  done = undefined;
}

function watch(): void {
  let seen = 0;
  const timer = setInterval(() => {
    if (seen === bodyBytes) finish();
    if (done === undefined) clearInterval(timer);
    seen = bodyBytes;
  }, silenceMs);
}

/** On a message of one chunk. */
function reportOn({ transactionId, messageId }: Head, bytes: number, paths: string): string {
  const id = `r${transactionId}`;
  const fields = `Message-ID: ${String(messageId)}\r\nByte-Range: 1-${bytes}/${bytes}\r\nStatus: 000 200 OK\r\n`;
  return `MSRP ${id} REPORT\r\n${paths}${fields}-------${id}$\r\n`;
}

serve({
  listen: async (tls: Certificate | undefined) => {
    const server: Server = tls === undefined ? createServer(take) : createTLSServer(tls, take);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as { port: number }).port;
  },
  /** Resolves when so many octets of body have come, or no more come. */
  expect: ([bytes, stalled]: [number, Stall?]) => {
    if (stalled === undefined) watch();
    stall = stalled;
    bodyBytes = 0;
    chunks = 0;
    wanted = bytes;
    return new Promise<Arrived>((resolve) => {
      done = resolve;
    });
  },
});
