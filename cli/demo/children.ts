// The processes of npm start: what they print, and that none is left.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A line of JSON that a process prints. */
export type Event = Record<string, string | number>;

/** What a process prints, in order. */
export type Events = AsyncGenerator<Event, void>;

export class Children {
  readonly #running = new Set<ChildProcess>();
  readonly #signal: AbortSignal;

  /** With `signal` all of them end, and none starts any more. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => void this.end());
  }

  /** Another one; `args` are those of node. */
  start(...args: readonly string[]): Events {
    this.#signal.throwIfAborted();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return eventsOf(child);
  }

  /** Ends those that there are. */
  async end(): Promise<void> {
    await Promise.all(
      [...this.#running].map(async (child) => {
        const exit = once(child, 'exit');
        child.kill();
        await exit;
      }),
    );
  }
}

/** Fails with what the child says on stderr when it ends badly. */
async function* eventsOf(child: ChildProcess): Events {
  let stderr = '';
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const exit = once(child, 'close');
  if (child.stdout !== null) for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as Event;
  const [code] = (await exit) as [number | null];
  if (code !== 0) throw new Error(`a process ended with ${code ?? 'a signal'}: ${stderr.trim()}`);
}

export async function next(events: Events): Promise<Event> {
  const result = await events.next();
  if (result.done === true) throw new Error('a process ended too early');
  return result.value;
}
