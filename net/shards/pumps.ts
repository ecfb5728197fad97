// In a shard, without a handler: all connections go to the main thread.

import type { DecoderOptions } from '../../codec/index.ts';
import type { Guest, Host, HostedListen } from './hosting.ts';
import type { ListenMessage, ToGuest } from './protocol.ts';
import { Pump } from './pump.ts';

export class Pumps implements Guest {
  readonly #host: Host;
  readonly #options: DecoderOptions;
  readonly #pumps = new Map<number, Pump>();

  constructor(host: Host, options: DecoderOptions) {
    this.#host = host;
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#pumps.size === 0;
  }

  async listen({ tls }: ListenMessage, listen: HostedListen): Promise<void> {
    const { mailbox, counters } = this.#host;
    listen({ tls }, (socket, handed) => {
      const onClosed = (): void => {
        this.#pumps.delete(handed.connection);
        this.#host.check();
      };
      this.#pumps.set(handed.connection, new Pump(handed, socket, this.#options, { mailbox, counters, onClosed }));
    });
  }

  unlisten(): void {}

  onMessage(message: ToGuest): void {
    if (!('session' in message)) this.#pumps.get(message.connection)?.onMessage(message);
  }
}
