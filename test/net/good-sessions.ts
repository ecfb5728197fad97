// Sessions that do nothing wrong, on one server, and show that whatever others do to it is not felt by them.

import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  ConnectionPool,
  type ConnectOptions,
  ConnectorDirect,
  type IncomingMessage,
  type MSRPServer,
  MSRPSession,
  type MSRPTransport,
  URI,
} from '../../index.ts';
import type { ClientTLS } from '../../net/socket.ts';

/** A session between a client and the server, as both of them see it. */
interface BoundPair {
  readonly near: MSRPTransport;
  readonly far: MSRPTransport;
}

class GoodSession {
  readonly #ends: readonly MSRPSession[];
  readonly #incoming: AsyncIterator<IncomingMessage>[];
  readonly #name: string;
  #round = 0;

  constructor(name: string, { near, far }: BoundPair) {
    this.#name = name;
    this.#ends = [new MSRPSession(near), new MSRPSession(far)];
    this.#incoming = this.#ends.map((end) => end.messages());
  }

  /** A message each way, of several chunks now and then, which must arrive in the right session and as it was. */
  async exchange(): Promise<void> {
    const round = this.#round++;
    await Promise.all(
      this.#ends.map(async (end, side) => {
        const text = `${this.#name}, round ${round}, side ${side}. `.repeat(1 + (round % 3) * 300);
        const { delivered } = end.send(text, { successReport: round % 2 === 0 ? 'yes' : 'no' });
        const { value } = await this.#incoming[1 - side]!.next();
        expect(await (value as IncomingMessage).text()).toBe(text);
        await delivered;
      }),
    );
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end.shutdown()));
  }
}

export class GoodSessions {
  readonly #sessions: readonly GoodSession[];
  readonly #pool: ConnectionPool;
  #running: Promise<void> | undefined;
  #isStopping = false;
  rounds = 0;

  private constructor(sessions: readonly GoodSession[], pool: ConnectionPool) {
    this.#sessions = sessions;
    this.#pool = pool;
  }

  /** `count` sessions on connections of their own, and as many on one. */
  static async open(server: MSRPServer, count: number, tls?: ClientTLS): Promise<GoodSessions> {
    const pool = new ConnectionPool({ idleMs: 0 });
    const sessions = await Promise.all(
      Array.from({ length: 2 * count }, async (_, index) => {
        const shared = index < count ? {} : { pool };
        const pair = await bindPair(server, tls === undefined ? shared : { ...shared, tls });
        return new GoodSession(`session ${index}`, pair);
      }),
    );
    return new GoodSessions(sessions, pool);
  }

  /** All of them exchange messages, again and again, until `stop`. */
  start(): void {
    this.#isStopping = false;
    this.#running = this.#run();
    // Thrown by `stop`.
    this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await Promise.all(this.#sessions.map((session) => session.exchange()));
      this.rounds++;
    }
  }

  /** Ends with a whole round that begins now. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    await Promise.all(this.#sessions.map((session) => session.exchange()));
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.shutdown()));
    await this.#pool.close();
  }
}

async function bindPair(server: MSRPServer, options: ConnectOptions): Promise<BoundPair> {
  const here = new URI({ host: '127.0.0.1', useTLS: options.tls !== undefined });
  const [uri] = await server.prepare(here);
  const connector = new ConnectorDirect(options);
  await connector.prepare(here);
  const [near, far] = await Promise.all([connector.complete([uri!]), server.complete(undefined, { localUri: uri! })]);
  return { near, far };
}

/** Turns of the event loop until `isMet`. The test's own time limit ends it otherwise. */
export async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await turn();
}
