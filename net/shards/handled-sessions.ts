// In a shard, with a handler: its share of the sessions that the main thread has prepared. Connections are bound here; who may have a URI, the
// main thread decides, since several shards may be asked for it.

import { type Head, MSRPError, URI } from '../../codec/index.ts';
import type { Expectation, ExpectationWatcher } from '../expectation.ts';
import type { MSRPTransport } from '../msrp-transport.ts';
import type { Settings } from '../options.ts';
import { SharedListener } from '../shared-listener.ts';
import type { ListenAddress, Socket } from '../socket.ts';
import { recordOf } from './error-record.ts';
import { type Handler, handlerFailure } from './handler.ts';
import type { Guest, Host, HostedListen } from './hosting.ts';
import { Count, type FromSession, type FromShard, type ListenMessage, type ToGuest } from './protocol.ts';

/** A URI, and how many have come for it. */
class Expected implements ExpectationWatcher {
  readonly expectation: Expectation;
  arrivals = 0;
  readonly #listener: number;
  readonly #session: number;
  readonly #owner: HandledSessions;

  constructor(expectation: Expectation, listener: number, session: number, owner: HandledSessions) {
    this.expectation = expectation;
    this.#listener = listener;
    this.#session = session;
    this.#owner = owner;
  }

  onArrival({ fromPath }: Head): void {
    this.#post({ kind: 'arrived', arrival: ++this.arrivals, path: fromPath.map(String) });
  }

  onLeft(): void {
    this.#post({ kind: 'left' });
  }

  onOver(): void {
    if (this.#owner.forget(this.#session)) this.#post({ kind: 'over' });
  }

  #post(message: FromSession): void {
    this.#owner.post({ ...message, listener: this.#listener, session: this.#session });
  }
}

export class HandledSessions implements Guest {
  readonly #settings: Settings;
  readonly #handler: Handler;
  readonly #host: Host;
  readonly #listeners = new Map<number, SharedListener>();
  readonly #expected = new Map<number, Expected>();
  readonly #transports = new Map<number, MSRPTransport>();
  #running = 0;

  constructor(settings: Settings, handler: Handler, host: Host) {
    this.#settings = settings;
    this.#handler = handler;
    this.#host = host;
  }

  /** Whether no handler runs. */
  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Rejects with `MSRP_ERR_TLS`. */
  async listen(message: ListenMessage, listen: HostedListen): Promise<void> {
    const { listener, host, port, tls } = message;
    const network = {
      ...this.#settings.network,
      listen: async (at: ListenAddress, onSocket: (socket: Socket) => void, onError?: (error: Error) => void) =>
        listen(at, onSocket, onError),
    };
    const settings = { ...this.#settings, network };
    this.#listeners.set(listener, await SharedListener.open(settings, { host, ports: [port, port], tls }));
  }

  unlisten(listener: number): void {
    const shared = this.#listeners.get(listener);
    this.#listeners.delete(listener);
    void shared?.close();
  }

  onMessage(message: ToGuest): void {
    if (!('session' in message)) return undefined;
    const { listener, session } = message;
    const expected = this.#expected.get(session);
    switch (message.kind) {
      case 'expect':
        return this.#expect(listener, session, message.uri);
      case 'accept':
        if (isThere(expected, message)) void this.#accept(listener, session, expected.expectation, message.data);
        return undefined;
      case 'refuse':
        if (isThere(expected, message)) expected.expectation.refuse(message.code);
        return undefined;
      case 'forget':
        return this.#forget(session, message.isAbandoned);
    }
  }

  #expect(listener: number, session: number, uri: string): void {
    let error: unknown;
    try {
      const shared = this.#listeners.get(listener);
      if (shared === undefined) throw new MSRPError('MSRP_ERR_STATE', 'the listener is closed');
      const expectation = shared.expect(URI.parse(uri));
      const expected = new Expected(expectation, listener, session, this);
      expectation.watcher = expected;
      this.#expected.set(session, expected);
    } catch (cause) {
      error = cause;
    }
    this.post({ kind: 'expected', error: error === undefined ? undefined : recordOf(error), listener, session });
  }

  post(message: FromShard): void {
    this.#host.mailbox.post(message);
  }

  /** The URI serves nobody any more. Returns whether a session had been bound. */
  forget(session: number): boolean {
    this.#expected.delete(session);
    if (!this.#transports.delete(session)) return false;
    this.#host.counters[Count.sessions]!--;
    return true;
  }

  async #accept(listener: number, session: number, expectation: Expectation, data: unknown): Promise<void> {
    const whose = { listener, session };
    this.#running++;
    const transport = await expectation.complete(undefined);
    this.#transports.set(session, transport);
    this.#host.counters[Count.sessions]!++;
    const { address, port } = transport.peer;
    this.#host.mailbox.post({ kind: 'bound', address, port, ...whose });
    try {
      const value = await this.#handler(transport, data);
      this.#host.mailbox.postNow({ kind: 'result', value, ...whose });
    } catch (error) {
      const failure = handlerFailure(error);
      transport.destroy(failure);
      this.#host.mailbox.post({ kind: 'failed', error: recordOf(failure), ...whose });
    }
    if (--this.#running === 0) this.#host.check();
  }

  #forget(session: number, isAbandoned: boolean): void {
    const error = new MSRPError('MSRP_ERR_ABORTED', 'the session is not wanted any more', { scope: 'session' });
    this.#expected.get(session)?.expectation.cancel(error);
    if (isAbandoned) this.#transports.get(session)?.destroy(error);
  }
}

/** Whether the one that is meant still waits: it may have left, which was told. */
function isThere(expected: Expected | undefined, { arrival }: { arrival: number }): expected is Expected {
  return expected?.expectation.hasArrived === true && expected.arrivals === arrival;
}
