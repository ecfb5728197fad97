// The hash of a file that is being sent or received, made beside that in one of at most two threads, which all files share. They start
// with the first file and end half a second after the last.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Grown, HashTask } from './hash-worker.ts';

/** `sha-1` is what RFC 5547 asks for. */
export type HashAlgorithm = 'sha-1' | 'sha-256';

const platformNames: Readonly<Record<HashAlgorithm, HashTask['algorithm']>> = { 'sha-1': 'sha1', 'sha-256': 'sha256' };

/** From source, as under test, it is the built one that runs. */
const folder = import.meta.url.endsWith('.ts') ? '../../dist/session/files/' : './';
const worker = new URL(`${folder}hash-worker.js`, import.meta.url);

/** Octets that come together before the thread hears of them. */
const stepBytes = 1_048_576;
/** Files that wait for more of themselves take no thread from others. */
const filesPerThread = 64;

let pool: Promise<Piscina> | undefined;

async function startPool(): Promise<Piscina> {
  const { Piscina: Pool } = await import('piscina');
  return new Pool({
    filename: worker.href,
    minThreads: 0,
    maxThreads: 2,
    idleTimeout: 500,
    concurrentTasksPerWorker: filesPerThread,
    atomics: 'disabled',
  });
}

export class FileHash {
  readonly #port: MessagePort;
  readonly #result: Promise<string | undefined>;
  #told = 0;

  /** Of the file at `path`, which must be there. */
  constructor(path: string, algorithm: HashAlgorithm) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#result = run({ path, algorithm: platformNames[algorithm], port: port2 });
    this.#result.catch(() => {});
  }

  /** Its first octets, so many, will not change any more. */
  grown(bytes: number): void {
    if (bytes - this.#told < stepBytes) return;
    this.#told = bytes;
    this.#tell({ bytes, isLast: false });
  }

  /** Resolves with the hash of the first octets, so many, in hexadecimal. Rejects when they cannot be read. */
  async of(bytes: number): Promise<string> {
    this.#tell({ bytes, isLast: true });
    const hash = await this.#result;
    if (hash === undefined) throw new Error('the hash is not wanted any more');
    return hash;
  }

  /** It is not wanted any more. Harmless afterwards. */
  stop(): void {
    this.#port.close();
  }

  #tell(grown: Grown): void {
    this.#port.postMessage(grown);
  }
}

async function run(task: HashTask): Promise<string | undefined> {
  pool ??= startPool();
  return (await pool).run(task, { transferList: [task.port] }) as Promise<string | undefined>;
}

/** Whether two hashes are the same, as hexadecimal digits with or without colons (R5547-6-3). */
export function isSameHash(one: string, other: string): boolean {
  return digitsOf(one) === digitsOf(other);
}

function digitsOf(hash: string): string {
  return hash.replaceAll(':', '').toLowerCase();
}
