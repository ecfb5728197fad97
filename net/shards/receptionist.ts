// In a shard: the listeners of the main thread, for as much as there is of them here: what becomes of the connections that they hand over.

import type { Socket as RawSocket } from 'node:net';
import { type Reception, receptionOf, remoteOf } from '../node-network.ts';
import type { Listener, ServerTLS, Socket } from '../socket.ts';
import type { Remote } from '../unbound-limit.ts';
import type { Handed } from './protocol.ts';

interface Hosted {
  readonly reception: Reception;
  /** Whose the socket is that `reception` gives out next to the remote end with that key. */
  readonly handed: Map<string, Handed>;
}

export interface ReceptionEvents {
  /** A connection is closed, or never was. */
  onGone(connection: number): void;
}

export class Receptionist {
  readonly #events: ReceptionEvents;
  readonly #hosted = new Map<number, Hosted>();
  readonly #raws = new Map<number, RawSocket>();
  /** There will be no more connections here. */
  onEmpty: (() => void) | undefined;

  constructor(events: ReceptionEvents) {
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#raws.size === 0;
  }

  /** Throws `MSRP_ERR_TLS`. */
  listen(
    number: number,
    at: { address: string; port: number; tls: ServerTLS | undefined },
    onSocket: (socket: Socket, handed: Handed) => void,
    onError: (error: Error) => void,
  ): Listener {
    const handed = new Map<string, Handed>();
    const give = (socket: Socket): void => {
      const key = keyOf({ address: socket.remoteAddress, port: socket.remotePort });
      const mine = handed.get(key);
      if (mine === undefined) socket.destroy();
      else onSocket(socket, mine);
    };
    const reception = receptionOf(at.tls, give, onError);
    this.#hosted.set(number, { reception, handed });
    return {
      address: at.address,
      port: at.port,
      setTLS: (tls) => reception.setTLS(tls),
      close: () => {
        this.unlisten(number);
        return Promise.resolve();
      },
    };
  }

  setTLS(number: number, tls: ServerTLS): void {
    this.#hosted.get(number)?.reception.setTLS(tls);
  }

  unlisten(number: number): void {
    this.#hosted.get(number)?.reception.close();
    this.#hosted.delete(number);
  }

  /** Without `raw` the connection was lost on the way: too many files are open. */
  take(handed: Handed, raw: RawSocket | undefined): void {
    const hosted = this.#hosted.get(handed.listener);
    if (raw === undefined || hosted === undefined) {
      raw?.destroy();
      this.#events.onGone(handed.connection);
      return;
    }
    const key = keyOf(remoteOf(raw));
    this.#raws.set(handed.connection, raw);
    hosted.handed.set(key, handed);
    raw.on('error', () => {});
    raw.once('close', () => {
      if (hosted.handed.get(key) === handed) hosted.handed.delete(key);
      this.#raws.delete(handed.connection);
      this.#events.onGone(handed.connection);
      if (this.isEmpty) this.onEmpty?.();
    });
    hosted.reception.accept(raw);
  }

  destroyAll(): void {
    for (const raw of this.#raws.values()) raw.destroy();
  }
}

function keyOf({ address, port }: Remote): string {
  return `${address} ${port}`;
}
