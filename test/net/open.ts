// Opens listeners and connections on 127.0.0.1 and closes all of them after each test.

import { afterEach } from 'vitest';
import { MSRPError } from '../../codec/index.ts';
import { nodeNetwork } from '../../net/node-network.ts';
import type { ClientTLS, ConnectTarget, ListenAddress, Listener, Socket } from '../../net/socket.ts';
import { Endpoint } from './endpoint.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** `close` runs after the test. */
export function closeAfterTest(close: () => Promise<void> | void): void {
  closers.push(close);
}

/** A listener, what it accepted and what it reported. */
export interface Server {
  readonly listener: Listener;
  readonly errors: Error[];
  /** The next accepted socket, in order. */
  accepted(): Promise<Socket>;
  /** The next reported error, in order. */
  reported(): Promise<Error>;
}

export async function openServer(at: ListenAddress = {}): Promise<Server> {
  const sockets = new Arrivals<Socket>();
  const reports = new Arrivals<Error>();
  const errors: Error[] = [];
  const listener = await nodeNetwork.listen(
    { host: '127.0.0.1', ...at },
    (socket) => {
      destroyAfterTest(socket);
      sockets.add(socket);
    },
    (error) => {
      errors.push(error);
      reports.add(error);
    },
  );
  closeAfterTest(() => listener.close());
  return { listener, errors, accepted: () => sockets.next(), reported: () => reports.next() };
}

/** Connects to `server`. */
export async function connectTo(
  server: Server,
  o: { tls?: ClientTLS; name?: string; signal?: AbortSignal } = {},
): Promise<Socket> {
  const { tls, name, signal } = o;
  const target: ConnectTarget = { host: '127.0.0.1', port: server.listener.port, tls, name };
  const socket = await nodeNetwork.connect(target, signal);
  destroyAfterTest(socket);
  return socket;
}

/** Both ends of one connection. */
export async function openPair(
  o: { at?: ListenAddress; tls?: ClientTLS; paused?: boolean } = {},
): Promise<[Endpoint, Endpoint]> {
  const server = await openServer(o.at);
  const client = await connectTo(server, o.tls ? { tls: o.tls } : {});
  return [new Endpoint(client, o.paused), new Endpoint(await server.accepted(), o.paused)];
}

/** No socket outlives its test. */
function destroyAfterTest(socket: Socket): void {
  closeAfterTest(() => socket.destroy());
}

/** The error with which `promise` rejects. That it resolves, or rejects with something else, fails the test. */
export async function rejectionOf(promise: Promise<unknown>): Promise<MSRPError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MSRPError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** What comes, to be taken in order, before or after it came. */
export class Arrivals<T> {
  readonly #waiting: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  add(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.push(item);
    else taker(item);
  }

  next(): Promise<T> {
    const item = this.#waiting.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }
}

/** Long enough for what another connection has under way: a whole exchange on a new one. */
export async function roundTrip(): Promise<void> {
  const [one, other] = await openPair();
  await one.write(Buffer.from('?'));
  await other.untilReceived(1);
  await other.write(Buffer.from('!'));
  await one.untilReceived(1);
}
