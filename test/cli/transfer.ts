// `msrp send` and `msrp receive` as processes, and a folder for their files.

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { ConnectorDirect, MSRPSession, parsePath } from '../../index.ts';
import { ended, type Ended, said, start } from './msrp.ts';

export type Event = Record<string, unknown>;

export const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The lines of `--json`; throws where one is none. */
export function eventsOf(stdout: string): Event[] {
  const lines = stdout.split('\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((line) => JSON.parse(line) as Event);
}

export class Receiver {
  readonly child: ChildProcessWithoutNullStreams;
  readonly listening: Event;
  readonly #end: Promise<Ended>;

  constructor(child: ChildProcessWithoutNullStreams, listening: Event, end: Promise<Ended>) {
    this.child = child;
    this.listening = listening;
    this.#end = end;
  }

  get path(): string {
    return this.listening['path'] as string;
  }

  /** How it ended, and its events but the first. */
  async ended(): Promise<Ended & { events: Event[] }> {
    const end = await this.#end;
    return { ...end, events: eventsOf(end.stdout).slice(1) };
  }

  /** Ended by a signal. */
  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended & { events: Event[] }> {
    this.child.kill(signal);
    return this.ended();
  }
}

/** A folder for each test. */
export class Workplace {
  folder = '';
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor() {
    beforeEach(() => {
      this.folder = mkdtempSync(join(tmpdir(), 'msrp-transfer-'));
      mkdirSync(this.inbox);
    });
    afterEach(() => {
      for (const child of this.#children) child.kill('SIGKILL');
      rmSync(this.folder, { recursive: true });
    });
  }

  get inbox(): string {
    return join(this.folder, 'inbox');
  }

  file(name: string, content: Buffer | string): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** What has been received, by name. */
  get received(): string[] {
    return readdirSync(this.inbox).toSorted();
  }

  /** A receiver that is ready. */
  async receive(...args: string[]): Promise<Receiver> {
    return this.receiveIn(start(['receive', '--json', '--dir', this.inbox, ...args]));
  }

  async receiveIn(child: ChildProcessWithoutNullStreams): Promise<Receiver> {
    this.#keep(child);
    const end = ended(child);
    const line = await said(child, '\n');
    return new Receiver(child, JSON.parse(line) as Event, end);
  }

  /** A sender of `-`, which has sent the first octets of half.bin and waits for more. */
  async sendHalf(path: string, ...args: string[]): Promise<ChildProcessWithoutNullStreams> {
    const child = this.#keep(start(['send', path, '-', '--name', 'half.bin', ...args]));
    child.stdin.write(randomBytes(200_000));
    await this.present('half.bin.part');
    return child;
  }

  async present(name: string): Promise<void> {
    while (!existsSync(join(this.inbox, name))) await turn();
  }

  /** Resolves when so many octets of it are there. */
  async filled(name: string, bytes: number): Promise<void> {
    while (this.#sizeOf(name) < bytes) await turn();
  }

  #sizeOf(name: string): number {
    return statSync(join(this.inbox, name), { throwIfNoEntry: false })?.size ?? 0;
  }

  #keep(child: ChildProcessWithoutNullStreams): ChildProcessWithoutNullStreams {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }
}

/** Runs `use` with a session of our own with the receiver at `path`, then ends it. */
export async function withSender(path: string, use: (session: MSRPSession) => Promise<void>): Promise<void> {
  const connector = new ConnectorDirect();
  await connector.prepare();
  const session = new MSRPSession(await connector.complete(parsePath(path, undefined, true)));
  try {
    await use(session);
  } finally {
    await session.shutdown();
  }
}

export const closed = (child: ChildProcessWithoutNullStreams): Promise<unknown> => once(child, 'close');
