// Setting a session up, the same for all kinds: prepare() gives the path for our SDP, complete() takes the path of the peer's SDP and
// gives the bound session, cleanup() is for when complete() will not come.

import { MSRPError, type URI } from '../codec/index.ts';
import type { MSRPTransport } from './msrp-transport.ts';

export interface CompleteOptions {
  /** Gives up: `complete` rejects with `MSRP_ERR_ABORTED` and has cleaned up. */
  signal?: AbortSignal;
}

export interface Connector {
  /**
   * The full local path, for `a=path`; its last URI is the local URI with its real host, port and session-id. `localUri` says what it
   * should be like and is not changed. Once only, else `MSRP_ERR_STATE`.
   */
  prepare(localUri?: URI): Promise<URI[]>;
  /** Once, after `prepare`, else `MSRP_ERR_STATE`. When it rejects it has cleaned up. */
  complete(fullRemotePath?: readonly URI[], o?: CompleteOptions): Promise<MSRPTransport>;
  /** Leaves nothing behind, and rejects a `complete` that waits. Does not touch a session that is there. May be repeated. */
  cleanup(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The life of a connector: new, prepared, completing, over. */
export class Stages {
  #stage: 'new' | 'prepared' | 'completing' | 'over' = 'new';
  readonly #abort = new AbortController();

  /** Aborted when the connector is cleaned up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  prepare(): void {
    this.#go('new', 'prepared', 'prepare() comes once, and first');
  }

  /** `isReady`: `prepare` has done its work. */
  complete(isReady = true): void {
    if (!isReady && this.#stage === 'prepared') this.#refuse('complete() comes when prepare() has resolved');
    this.#go('prepared', 'completing', 'complete() comes once, after prepare()');
  }

  over(): void {
    this.#stage = 'over';
    this.#abort.abort();
  }

  #go(from: string, to: 'prepared' | 'completing', rule: string): void {
    if (this.#stage !== from) this.#refuse(rule);
    this.#stage = to;
  }

  #refuse(rule: string): never {
    throw new MSRPError('MSRP_ERR_STATE', rule, { scope: 'session' });
  }
}

export function abortedError(what: string, signal: AbortSignal): MSRPError {
  return new MSRPError('MSRP_ERR_ABORTED', `${what} was aborted`, { scope: 'session', cause: signal.reason });
}
