// The receiving end of a transfer: a bare socket that counts, one that also searches each read once, or a session.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer as createTLSServer } from 'node:tls';
import { URI } from '../../codec/index.ts';
import { MSRPServer } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';
import type { Certificate } from '../../cli/own-certificate.ts';
import { serve, type Usage, usageSince } from '../peer-process.ts';

export type Kind = 'raw' | 'indexOf' | 'session';

export interface Received extends Usage {
  /** Raw: of everything; session: of the body. */
  readonly bytes: number;
  readonly hash: string | undefined;
}

export interface ListenCall {
  readonly kind: Kind;
  readonly tls?: Certificate | undefined;
}

export interface ArmCall {
  readonly hash?: boolean;
  /** Stop reading for so long once so many octets are there. */
  readonly stall?: { readonly ms: number; readonly atBytes: number };
}

interface Receiver {
  readonly path: string;
  /** Takes the next connection, until it ends. */
  receive(call: ArmCall): Promise<Omit<Received, keyof Usage>>;
}

/** The same of each receiver, so that all of them take the same octets. */
const sessionId = 'bench0123456789abcdef';
/** 23 octets that do not occur: seven hyphens and an id. */
const mark = Buffer.from(`-------${'\0'.repeat(16)}`);

async function bareReceiver(kind: Kind, tls: ListenCall['tls']): Promise<Receiver> {
  const server: Server = tls === undefined ? createServer({ allowHalfOpen: true }) : createTLSServer(tls);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  const event = tls === undefined ? 'connection' : 'secureConnection';
  const receive = async ({ stall }: ArmCall): ReturnType<Receiver['receive']> => {
    const [socket] = (await once(server, event)) as [Socket];
    let bytes = 0;
    let toStall = stall?.atBytes ?? Number.POSITIVE_INFINITY;
    socket.on('data', (input: Buffer) => {
      bytes += input.length;
      if (kind === 'indexOf' && input.indexOf(mark) !== -1) throw new Error('the mark was found');
      if (bytes < toStall) return;
      toStall = Number.POSITIVE_INFINITY;
      socket.pause();
      setTimeout(() => socket.resume(), stall?.ms);
    });
    await once(socket, 'end');
    socket.end();
    return { bytes, hash: undefined };
  };
  return { path: `msrp${tls === undefined ? '' : 's'}://127.0.0.1:${address.port}/sink;tcp`, receive };
}

async function sessionReceiver(tls: ListenCall['tls']): Promise<Receiver> {
  const useTLS = tls !== undefined;
  const server = new MSRPServer({ match: 'session-id', ...(tls && { tls }) });
  const [uri] = await server.prepare(new URI({ host: '127.0.0.1', useTLS, sessionId }));
  let isPrepared = true;
  const receive = async ({ hash, stall }: ArmCall): ReturnType<Receiver['receive']> => {
    if (!isPrepared) await server.prepare(uri);
    isPrepared = false;
    const session = new MSRPSession(await server.complete(undefined, { localUri: uri! }));
    const sum = hash === true ? createHash('sha1') : undefined;
    let bytes = 0;
    let toStall = stall?.atBytes ?? Number.POSITIVE_INFINITY;
    for await (const message of session.messages()) {
      for await (const parts of message.batches()) {
        for (const part of parts) {
          bytes += part.length;
          sum?.update(part);
        }
        if (bytes < toStall) continue;
        toStall = Number.POSITIVE_INFINITY;
        await pause(stall?.ms ?? 0);
      }
    }
    return { bytes, hash: sum?.digest('hex') };
  };
  return { path: String(uri), receive };
}

let receiver: Receiver;
let received: Promise<Received>;

serve({
  listen: async ({ kind, tls }: ListenCall) => {
    receiver = await (kind === 'session' ? sessionReceiver(tls) : bareReceiver(kind, tls));
    return receiver.path;
  },
  arm: (call: ArmCall) => {
    const start = process.cpuUsage();
    received = receiver.receive(call).then((counted) => ({ ...counted, ...usageSince(start) }));
    received.catch(() => {});
  },
  result: () => received,
});
