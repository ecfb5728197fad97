// The clients of a benchmark, in a process of their own.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { URI } from '../../codec/index.ts';
import { ConnectorDirect } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';
import { serve, usageSince } from '../peer-process.ts';
import { type SendCall, sendAll, type Sent } from '../send-all.ts';

export interface BindCall {
  readonly uris: readonly string[];
  readonly ca?: string | undefined;
}

export interface RateCall {
  /** Of all sessions together. */
  readonly perSecond: number;
  readonly messages: number;
}

/** Connections that are opened at the same time. */
const atOnce = 100;

const sessions: MSRPSession[] = [];
const sockets: Socket[] = [];

async function inTurn(count: number, use: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await use(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function bindOne(uri: string, ca: string | undefined): Promise<MSRPSession> {
  const timeouts = { bindMs: 300_000, connectMs: 300_000 };
  const connector = new ConnectorDirect({ timeouts, ...(ca !== undefined && { tls: { ca } }) });
  await connector.prepare(new URI({ host: '127.0.0.1' }));
  return new MSRPSession(await connector.complete([URI.parse(uri)]));
}

/** Messages at a steady rate, in the sessions in turn; gives how long each took to be answered, in milliseconds, sorted. */
async function latencies({ perSecond, messages }: RateCall): Promise<number[]> {
  const data = Buffer.alloc(100, 'x');
  const taken: number[] = [];
  const started = performance.now();
  const answers: Promise<void>[] = [];
  for (let sent = 0; sent < messages; ) {
    const due = Math.min(messages, Math.floor(((performance.now() - started) / 1000) * perSecond));
    for (; sent < due; sent++) {
      const at = performance.now();
      const session = sessions[sent % sessions.length]!;
      answers.push(session.send(data).delivered.then(() => void taken.push(performance.now() - at)));
    }
    await pause(1);
  }
  await Promise.all(answers);
  return taken.toSorted((a, b) => a - b);
}

serve({
  bind: async ({ uris, ca }: BindCall) => {
    const made: MSRPSession[] = [];
    await inTurn(uris.length, async (at) => {
      made[at] = await bindOne(uris[at]!, ca);
    });
    sessions.push(...made);
  },
  /** Bare sockets. */
  connect: async ({ path, count }: { path: string; count: number }) => {
    const { host, port, useTLS } = URI.parse(path);
    await inTurn(count, async () => {
      const at = { host, port: port!, rejectUnauthorized: false };
      const socket = useTLS ? connectTLS(at) : connect(at);
      sockets.push(socket);
      await once(socket, useTLS ? 'secureConnect' : 'connect');
    });
  },
  /** In each session. */
  send: async (call: SendCall): Promise<Sent> => {
    const from = process.cpuUsage();
    const started = performance.now();
    await Promise.all(sessions.map((session) => sendAll(session, call)));
    return { seconds: (performance.now() - started) / 1000, ...usageSince(from) };
  },
  latencies,
  close: async () => {
    await Promise.all(sessions.splice(0).map((session) => session.shutdown()));
    for (const socket of sockets.splice(0)) socket.destroy();
  },
});
