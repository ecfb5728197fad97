// An end of a session, or a relay, in a process of its own.

import { parsePath, URI } from '../../codec/index.ts';
import {
  AcceptorDirect,
  AcceptorRelay,
  ConnectorDirect,
  ConnectorRelay,
  MSRPRelay,
  MSRPRelaySettings,
} from '../../net/index.ts';
import { type IncomingMessage, MSRPSession } from '../../session/index.ts';
import { serve, usageSince } from '../peer-process.ts';
import { median } from '../row.ts';
import { type SendCall, sendAll, type Sent } from '../send-all.ts';

export interface ConnectCall {
  /** The path of the other end. */
  readonly path: string;
  /** The ports of the relays on the way, the nearest first. */
  readonly relays: readonly number[];
  readonly chunkSize?: number | undefined;
}

export interface Timed extends Sent {
  /** How long a message took to be delivered, in milliseconds: the median. */
  readonly p50: number;
}

const here = '127.0.0.1';
const user = { username: 'alice', password: 'wonderland' };

let session: MSRPSession;
let taken = 0;
let from = process.cpuUsage();

async function read(message: IncomingMessage): Promise<void> {
  for await (const pieces of message.batches()) for (const piece of pieces) taken += piece.length;
}

async function take(acceptor: AcceptorDirect | AcceptorRelay): Promise<void> {
  const own = new MSRPSession(await acceptor.complete());
  // All at a time: one that is not read may not keep others waiting.
  for await (const message of own.messages()) void read(message);
}

function chainOf([port, ...others]: readonly number[]): MSRPRelaySettings | undefined {
  if (port === undefined) return undefined;
  return new MSRPRelaySettings({ domain: here, port, useTLS: false, ...user, outer: chainOf(others) });
}

async function send(call: SendCall): Promise<Timed> {
  const start = process.cpuUsage();
  const started = performance.now();
  const latencies = await sendAll(session, call, { successReport: 'yes' });
  return { seconds: (performance.now() - started) / 1000, p50: median(latencies), ...usageSince(start) };
}

serve({
  relay: async (shards: number): Promise<number> => {
    const relay = new MSRPRelay({
      shards,
      credentials: () => ({ password: user.password }),
      allowPlainAuth: true,
      allowPrivateNextHops: true,
    });
    return (await relay.listen(new URI({ host: here }))).port!;
  },
  /** `relays`: as in a {@link ConnectCall}. Gives the path to reach it by. */
  accept: async (relays: readonly number[]): Promise<string> => {
    const chain = chainOf(relays);
    const acceptor = chain === undefined ? new AcceptorDirect() : new AcceptorRelay(chain);
    const path = await acceptor.prepare(chain === undefined ? new URI({ host: here }) : undefined);
    void take(acceptor);
    return path.join(' ');
  },
  connect: async ({ path, relays, chunkSize }: ConnectCall): Promise<void> => {
    const chain = chainOf(relays);
    const connector = chain === undefined ? new ConnectorDirect() : new ConnectorRelay(chain);
    await connector.prepare();
    const transport = await connector.complete(parsePath(path));
    session = new MSRPSession(transport, chunkSize === undefined ? {} : { chunkSize, windowBytes: 4 * chunkSize });
  },
  send,
  close: () => session.shutdown(),
  begin: () => {
    from = process.cpuUsage();
  },
  usage: () => usageSince(from),
  /** Octets that came: relays do not tell that a session is over. */
  taken: () => taken,
});
