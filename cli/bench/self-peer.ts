// --self: the peer is a process of ours, so that it has a core, and an account of messages and memory, of its own.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Counted } from '../bench-result.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';

export type ToPeer =
  | { readonly kind: 'listen'; readonly sessions: number; readonly useTLS: boolean }
  | { readonly kind: 'count' };

export type FromPeer =
  | { readonly kind: 'listening'; readonly paths: readonly string[]; readonly fingerprint?: string }
  | { readonly kind: 'memory'; readonly rssBytes: number }
  | ({ readonly kind: 'counted' } & Counted)
  | { readonly kind: 'failed'; readonly reason: string };

export class SelfPeer {
  readonly #child: ChildProcess;
  readonly #gone: Promise<never>;
  paths: readonly string[] = [];
  fingerprint: string | undefined;
  /** Memory of the process, as it was told last. */
  rssBytes = 0;

  private constructor() {
    const module = fileURLToPath(new URL('self-peer-process.js', import.meta.url));
    this.#child = fork(module, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#gone = once(this.#child, 'exit').then((): never => {
      throw new CommandFailure('the process of the peer has ended', ExitCode.fault);
    });
    this.#gone.catch(() => {});
    this.#child.on('message', (message: FromPeer) => {
      if (message.kind === 'memory') this.rssBytes = message.rssBytes;
    });
  }

  static async start(sessions: number, useTLS: boolean): Promise<SelfPeer> {
    const peer = new SelfPeer();
    try {
      const { paths, fingerprint } = await peer.#ask({ kind: 'listen', sessions, useTLS }, 'listening');
      peer.paths = paths;
      peer.fingerprint = fingerprint;
      return peer;
    } catch (error) {
      peer[Symbol.dispose]();
      throw error;
    }
  }

  /** What it has received until now. */
  async count(): Promise<Counted> {
    const { messages, bytes } = await this.#ask({ kind: 'count' }, 'counted');
    return { messages, bytes };
  }

  #ask<K extends FromPeer['kind']>(question: ToPeer, kind: K): Promise<Extract<FromPeer, { kind: K }>> {
    const child = this.#child;
    const answer = new Promise<Extract<FromPeer, { kind: K }>>((resolve, reject) => {
      const onMessage = (message: FromPeer): void => {
        if (message.kind === kind) resolve(message as Extract<FromPeer, { kind: K }>);
        else if (message.kind === 'failed') reject(new CommandFailure(`the peer cannot start: ${message.reason}`));
        else return;
        child.off('message', onMessage);
      };
      child.on('message', onMessage);
    });
    // Where it has gone nobody hears this, and `gone` says it.
    child.send(question, () => {});
    return Promise.race([answer, this.#gone]);
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
