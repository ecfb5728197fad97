// Processes of a benchmark, so that each end has a core and an account of CPU and memory of its own. One answers calls, one at a time.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a process may cost, since its last call of `usageSince`. */
export interface Usage {
  /** User and system time, in seconds. */
  readonly cpu: number;
  /** The most memory it ever had, in octets. */
  readonly peak: number;
}

export function usageSince(start: NodeJS.CpuUsage): Usage {
  const { user, system } = process.cpuUsage(start);
  return { cpu: (user + system) / 1e6, peak: process.resourceUsage().maxRSS * 1024 };
}

/** In a child: answers calls. Ends when the parent goes. */
export function serve(calls: Readonly<Record<string, (argument: never) => unknown>>): void {
  const answer = async ([name, argument]: [string, never]): Promise<void> => {
    try {
      process.send?.({ result: await calls[name]!(argument) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  process.on('message', (message: [string, never]) => void answer(message));
  process.on('disconnect', () => process.exit());
}

/** In the parent: a child to call. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #gone: Promise<never>;

  constructor(module: URL, execArgv: readonly string[] = []) {
    this.#child = fork(module, [], { execArgv: [...process.execArgv, ...execArgv], serialization: 'advanced' });
    this.#gone = once(this.#child, 'exit').then(([code]): never => {
      throw new Error(`a process of the benchmark ended with ${String(code)}`);
    });
    this.#gone.catch(() => {});
  }

  async call<T>(name: string, argument?: unknown): Promise<T> {
    const answered = new Promise<{ result: T; error?: string }>((resolve) => {
      this.#child.once('message', resolve);
    });
    this.#child.send([name, argument]);
    const { result, error } = await Promise.race([answered, this.#gone]);
    if (error !== undefined) throw new Error(`${name}: ${error}`);
    return result;
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
