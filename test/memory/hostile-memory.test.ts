// What a peer can make a process hold: its session with one server is in a process of its own, whose memory is measured.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { URI } from '../../index.ts';
import { emptySend, rawPath } from '../net/raw-peer.ts';

const program = fileURLToPath(new URL('../../dist/test/memory/hostile-server.js', import.meta.url));
const mebibyte = 1_048_576;
const large = 'x'.repeat(131_072);

/** A message, or a chunk of one. */
function tinySend(to: string, id: string, messageId: string, range: string, flag: string, body = 'x'): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${to}\r\nFrom-Path: ${rawPath}\r\nMessage-ID: ${messageId}\r\nByte-Range: ${range}\r\nFailure-Report: no\r\nContent-Type: text/plain\r\n\r\n${body}\r\n-------${id}${flag}\r\n`;
}

const idOf = (index: number): string => `t${String(index).padStart(9, '0')}`;

interface Attack {
  name: string;
  deed: 'nothing' | 'takes' | 'reads' | 'reads all but the first';
  frames: number;
  /** How many frames are written at once. Default 500. */
  batch?: number;
  frame: (to: string, index: number) => string;
  /** Whether it costs the connection. */
  closes?: boolean;
}

const attacks: Attack[] = [
  {
    name: 'a head of a gibibyte',
    deed: 'nothing',
    frames: 8192,
    batch: 8,
    frame: (_, index) => (index === 0 ? `MSRP abcd SEND\r\nX-More: ${large}` : large),
    closes: true,
  },
  {
    name: 'requests whose responses are not read',
    deed: 'nothing',
    frames: 1_000_000,
    frame: (to, index) => emptySend(idOf(index), to),
  },
  {
    name: 'one message in chunks of an octet, which nobody reads',
    deed: 'takes',
    frames: 400_000,
    frame: (to, index) => tinySend(to, idOf(index), 'mmmm', `${index + 1}-${index + 1}/*`, '+'),
  },
  {
    name: 'octets ahead of a gap that is never filled',
    deed: 'reads',
    frames: 100_000,
    frame: (to, index) => tinySend(to, idOf(index), 'mmmm', `${2 * index + 2}-${2 * index + 2}/*`, '+'),
  },
  {
    name: 'whole messages of an octet, which nobody takes',
    deed: 'nothing',
    frames: 100_000,
    frame: (to, index) => tinySend(to, idOf(index), idOf(index), '1-1/1', '$'),
  },
  {
    name: 'whole messages of 128 KiB, which nobody takes',
    deed: 'nothing',
    frames: 800,
    batch: 8,
    frame: (to, index) => tinySend(to, idOf(index), idOf(index), '1-*/131072', '$', large),
  },
  {
    name: 'one chunk of a gibibyte, which nobody reads',
    deed: 'takes',
    frames: 8192,
    batch: 8,
    frame: (to, index) => (index === 0 ? tinySend(to, idOf(0), 'mmmm', '1-*/*', '$').slice(0, -22) : large),
  },
  {
    name: 'a message that nobody reads, among others that are read',
    deed: 'reads all but the first',
    frames: 2000,
    batch: 8,
    frame: (to, index) =>
      index % 2 === 0
        ? tinySend(to, idOf(index), 'mmmm', `${65_536 * index + 1}-*/*`, '+', large)
        : tinySend(to, idOf(index), idOf(index), '1-1/1', '$'),
  },
  {
    name: 'whole messages of an octet, which are read',
    deed: 'reads',
    frames: 100_000,
    frame: (to, index) => tinySend(to, idOf(index), idOf(index), '1-1/1', '$'),
  },
  {
    name: 'messages that are begun and not ended, though their octets are read',
    deed: 'reads',
    frames: 100_000,
    frame: (to, index) => tinySend(to, idOf(index), idOf(index), '1-1/2', '+'),
  },
];

describe('a peer makes a process hold no more than 32 MiB by', () => {
  for (const { name, deed, frames, batch = 500, frame, closes } of attacks) {
    test(`sending ${name}`, { timeout: 120_000 }, async () => {
      await withServer(deed, async (server, to) => {
        const socket = await bindRaw(to);
        const before = await heldBy(server);
        for (let first = 0; first < frames; first += batch) {
          const length = Math.min(batch, frames - first);
          const octets = Array.from({ length }, (_, index) => frame(to, first + index)).join('');
          socket.write(octets, 'latin1');
          if (!(await hasRoom(socket, server))) break;
        }
        const held = (await leastHeldBy(server)) - before;
        expect(socket.destroyed).toBe(closes ?? false);
        socket.destroy();
        expect(held / mebibyte).toBeLessThan(32);
      });
    });
  }
});

async function withServer(deed: string, use: (server: ChildProcess, uri: string) => Promise<void>): Promise<void> {
  const server = fork(program, [deed], { execArgv: ['--expose-gc'] });
  try {
    const [{ uri }] = (await once(server, 'message')) as [{ uri: string }];
    await use(server, uri);
  } finally {
    const exited = once(server, 'exit');
    server.kill();
    await exited;
  }
}

async function bindRaw(to: string): Promise<Socket> {
  const socket = connect(URI.parse(to).port!, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(emptySend('bind', to));
  await once(socket, 'data');
  socket.pause();
  return socket;
}

async function heldBy(server: ChildProcess): Promise<number> {
  const answer = once(server, 'message') as Promise<[{ held: number }]>;
  server.send('measure');
  return (await answer)[0].held;
}

/** What waits to be freed is not held: the least of some answers, each after a collection, which frees some things only later. */
async function leastHeldBy(server: ChildProcess): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let asked = 0; asked < 10; asked++) least = Math.min(least, await heldBy(server));
  return least;
}

/** Waits for the server to read on; false when it does not, though it has answered ten other questions meanwhile. */
async function hasRoom(socket: Socket, server: ChildProcess): Promise<boolean> {
  for (let asked = 0; socket.writableNeedDrain && !socket.destroyed; asked++) {
    if (asked === 10) return false;
    const before = socket.writableLength;
    await heldBy(server);
    if (socket.writableLength !== before) asked = 0;
  }
  return !socket.destroyed;
}
