// A peer that speaks octets: for what our own side would never send, and to see exactly what it does.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { URI } from '../../index.ts';
import { Arrivals, closeAfterTest } from './open.ts';

/** The path of a peer that is not ours. */
export const rawPath = 'msrp://127.0.0.1:9/peer;tcp';

export class RawPeer {
  readonly socket: Socket;
  /** All that came. */
  text = '';
  ended = false;
  closed = false;
  readonly #waiters = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    closeAfterTest(() => void socket.destroy());
    socket.on('data', (data) => {
      this.text += data.toString('latin1');
      this.#look();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#look();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#look();
    });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves once `end` has come, with all up to and with it; what is behind is kept for the next call. */
  async until(end: string): Promise<string> {
    await this.#when(() => this.text.includes(end));
    const at = this.text.indexOf(end) + end.length;
    const taken = this.text.slice(0, at);
    this.text = this.text.slice(at);
    return taken;
  }

  /** Resolves once `text` has come, and takes nothing. */
  seen(text: string): Promise<void> {
    return this.#when(() => this.text.includes(text));
  }

  untilEnded(): Promise<void> {
    return this.#when(() => this.ended || this.closed);
  }

  untilClosed(): Promise<void> {
    return this.#when(() => this.closed);
  }

  /** The next request that came: its transaction id and the URI that it came from. */
  async request(): Promise<{ id: string; from: string; to: string }> {
    const { groups } = /MSRP (?<id>\S+) [A-Z]+\r\nTo-Path: (?<to>.*)\r\nFrom-Path: (?<from>.*)\r\n/.exec(
      await this.until('$\r\n'),
    )!;
    return groups as { id: string; from: string; to: string };
  }

  #when(isMet: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (isMet()) resolve();
        else if (this.closed) reject(new Error(`the connection was closed after ${JSON.stringify(this.text)}`));
        else return;
        this.#waiters.delete(look);
      };
      this.#waiters.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#waiters) look();
  }
}

export async function rawConnect(to: URI): Promise<RawPeer> {
  const socket = connect(to.port!, '127.0.0.1');
  const peer = new RawPeer(socket);
  await once(socket, 'connect');
  return peer;
}

/** A listener of Node itself, and the peers that it accepts. */
export async function rawListen(): Promise<{ port: number; accepted: () => Promise<RawPeer> }> {
  const peers = new Arrivals<RawPeer>();
  const server = createServer({ allowHalfOpen: true }, (socket) => peers.add(new RawPeer(socket)));
  closeAfterTest(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, accepted: () => peers.next() };
}

/** A SEND without body; `fields` are further header lines, each with its CRLF. */
export function emptySend(id: string, to: URI | string, fields = '', from: string = rawPath): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${String(to)}\r\nFrom-Path: ${from}\r\nMessage-ID: m-${id}\r\n${fields}-------${id}$\r\n`;
}

export function textSend(id: string, to: URI | string, text: string, fields = '', from: string = rawPath): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${String(to)}\r\nFrom-Path: ${from}\r\nMessage-ID: m-${id}\r\n${fields}Content-Type: text/plain\r\n\r\n${text}\r\n-------${id}$\r\n`;
}

export function response(id: string, status: string, to: URI | string, from: URI | string): string {
  return `MSRP ${id} ${status}\r\nTo-Path: ${String(to)}\r\nFrom-Path: ${String(from)}\r\n-------${id}$\r\n`;
}
