// Where a receiver waits for senders, one after the other: on a port of its own, or behind a relay.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  AcceptorRelay,
  type ConnectOptions,
  formatPath,
  type MSRPRelaySettings,
  MSRPServer,
  type MSRPTransport,
  type ServerOptions,
  type URI,
} from '../index.ts';

export interface MeetingPlace {
  /** Ready for one sender. Gives the path for it. */
  prepare(): Promise<string>;
  /** The sender. Rejects with `MSRPBindSessionTimeout` when one came and did not bind, which the place is then no longer ready for. */
  next(signal: AbortSignal): Promise<MSRPTransport>;
  close(): Promise<void>;
}

/** The same path for all. */
export class PortPlace implements MeetingPlace {
  readonly #server: MSRPServer;
  #uri: URI;

  constructor(uri: URI, options: ServerOptions) {
    this.#server = new MSRPServer(options);
    this.#uri = uri;
  }

  async prepare(): Promise<string> {
    [this.#uri = this.#uri] = await this.#server.prepare(this.#uri);
    return String(this.#uri);
  }

  next(signal: AbortSignal): Promise<MSRPTransport> {
    return this.#server.complete(undefined, { localUri: this.#uri, signal });
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

export interface RelayPlaceOptions extends ConnectOptions {
  /** Of the two paths that the relay gave, the earlier one will not do for long. */
  onNewPath: (path: string) => void;
  /** MSRP has no word for goodbye, and behind a relay no connection ends with a sender: one that is silent for so long has gone. */
  silenceMs: number;
}

/** Another path for each: a relay gives one for one session (R4976-3.1-1), and may give another one while it waits. */
export class RelayPlace implements MeetingPlace {
  readonly #relay: MSRPRelaySettings;
  readonly #options: ConnectOptions;
  readonly #silenceMs: number;
  #acceptor: AcceptorRelay;

  constructor(relay: MSRPRelaySettings, { onNewPath, silenceMs, ...options }: RelayPlaceOptions) {
    const timeouts = { bindMs: Number.POSITIVE_INFINITY };
    this.#relay = relay;
    this.#silenceMs = silenceMs;
    this.#options = { ...options, timeouts, onPathChange: (path) => onNewPath(formatPath(path)) };
    this.#acceptor = new AcceptorRelay(relay, this.#options);
  }

  async prepare(): Promise<string> {
    this.#acceptor = new AcceptorRelay(this.#relay, this.#options);
    return formatPath(await this.#acceptor.prepare());
  }

  async next(signal: AbortSignal): Promise<MSRPTransport> {
    const transport = await this.#acceptor.complete(undefined, { signal });
    endWhenSilent(transport, this.#silenceMs);
    return transport;
  }

  async close(): Promise<void> {
    await this.#acceptor.cleanup();
  }
}

function endWhenSilent(transport: MSRPTransport, silenceMs: number): void {
  const timer = setTimeout(() => void transport.close(), silenceMs);
  const onReceived = (event: unknown): void => {
    if ((event as { connection: unknown }).connection === transport.connection) timer.refresh();
  };
  const onEnded = (event: unknown): void => {
    if ((event as { transport: unknown }).transport !== transport) return;
    clearTimeout(timer);
    unsubscribe('msrp.chunk.received', onReceived);
    unsubscribe('msrp.session.ended', onEnded);
  };
  subscribe('msrp.chunk.received', onReceived);
  subscribe('msrp.session.ended', onEnded);
}
