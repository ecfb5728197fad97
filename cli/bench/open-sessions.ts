// The sessions of a thread: opened before anything is measured, some at a time, so that no peer takes them for an attack.

import { ConnectionPool, getConnector, MSRPRelaySettings, MSRPSession, parsePath, URI } from '../../index.ts';
import { rememberedMessages, type SessionPlan, type ThreadPlan } from './plan.ts';

const atOnce = 64;

/** Rejects with what the first one that failed said; then none is left open. */
export async function openSessions(plan: ThreadPlan, onOpened: (count: number) => void): Promise<MSRPSession[]> {
  const opener = new Opener(plan);
  const sessions: MSRPSession[] = [];
  let next = 0;
  let opened = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < plan.sessions.length; at = next++) {
      const session = plan.sessions[at];
      if (session !== undefined) sessions[at] = await opener.open(session);
      onOpened(++opened);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } catch (error) {
    next = plan.sessions.length;
    for (const session of sessions) session?.transport.destroy();
    throw error;
  }
  return sessions;
}

class Opener {
  readonly #plan: ThreadPlan;
  readonly #relay: MSRPRelaySettings | undefined;
  /** Ours, by name: asked for once, since finding it out takes as long as the rest. */
  #host: string | undefined;
  readonly #pools = new Map<number, ConnectionPool>();

  constructor(plan: ThreadPlan) {
    this.#plan = plan;
    const { relay } = plan.load;
    this.#relay = relay && new MSRPRelaySettings(relay);
  }

  async open({ path, pool }: SessionPlan): Promise<MSRPSession> {
    const { tls, chunkSize } = this.#plan.load;
    const connector = getConnector({
      relay: this.#relay,
      tls,
      ...(pool !== undefined && { pool: this.#poolOf(pool) }),
    });
    try {
      const own = await connector.prepare(this.#host === undefined ? undefined : new URI({ host: this.#host }));
      this.#host ??= own.at(-1)?.host;
      const transport = await connector.complete(parsePath(path, undefined, true));
      // What an echo sends back is answered and dropped.
      return new MSRPSession(transport, { chunkSize, rememberedMessages, onIncoming: () => {} });
    } catch (error) {
      await connector.cleanup();
      throw error;
    }
  }

  #poolOf(number: number): ConnectionPool {
    const pool = this.#pools.get(number) ?? new ConnectionPool({ idleMs: 0 });
    this.#pools.set(number, pool);
    return pool;
  }
}
