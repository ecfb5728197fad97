// What every worker of shards does: takes the connections of its listeners and gives them to its guest, who knows what they are for. It ends
// when it is told to, once its last connection is gone and the guest has nothing left to do.

import type { Socket as RawSocket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from '../options.ts';
import type { ListenAddress, Listener, Socket } from '../socket.ts';
import { recordOf } from './error-record.ts';
import { receiveHandles } from './handle-pipe.ts';
import { Mailbox } from './mailbox.ts';
import type {
  ControlMessage,
  FromShard,
  Handed,
  ListenMessage,
  ShardStart,
  SocketMessage,
  ToGuest,
  ToShard,
} from './protocol.ts';
import { Receptionist } from './receptionist.ts';

/** Makes a listener of what the main thread hands over. Throws `MSRP_ERR_TLS`. */
export type HostedListen = (
  at: ListenAddress,
  onSocket: (socket: Socket, handed: Handed) => void,
  onError?: (error: Error) => void,
) => Listener;

/** What a guest is given. */
export interface Host {
  readonly mailbox: Mailbox<FromShard>;
  /** Logs in the main thread; undefined: nobody reads it. */
  readonly logger: Logger | undefined;
  readonly counters: Float64Array;
  /** The guest has become idle. */
  check(): void;
}

export interface Guest {
  /** Nothing of its keeps the shard from ending. */
  readonly isIdle: boolean;
  /** Rejects with `MSRP_ERR_TLS`. */
  listen(message: ListenMessage, listen: HostedListen): Promise<void>;
  unlisten(listener: number): void;
  onMessage(message: ToGuest): void;
}

/** The task of a worker. Resolves when it is over. */
export async function host(start: ShardStart, invite: (host: Host) => Guest | Promise<Guest>): Promise<void> {
  const mailbox = new Mailbox<FromShard>(start.port);
  try {
    const hosting = new Hosting(start, mailbox);
    hosting.begin(await invite(hosting));
    mailbox.post({ kind: 'ready' });
    await hosting.over;
  } catch (error) {
    mailbox.post({ kind: 'unfit', error: recordOf(error) });
  } finally {
    mailbox.close();
  }
}

function loggerOf(mailbox: Mailbox<FromShard>): Logger {
  const log =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (text: string): void =>
      mailbox.post({ kind: 'log', level, text });
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

class Hosting implements Host {
  readonly over: Promise<void>;
  readonly mailbox: Mailbox<FromShard>;
  readonly logger: Logger | undefined;
  readonly counters: Float64Array;
  readonly #start: ShardStart;
  readonly #receptionist: Receptionist;
  #guest!: Guest;
  #isStopping = false;
  #settleOver!: () => void;

  constructor(start: ShardStart, mailbox: Mailbox<FromShard>) {
    this.mailbox = mailbox;
    this.logger = start.logs ? loggerOf(mailbox) : undefined;
    this.counters = new Float64Array(start.counters);
    this.#start = start;
    this.#receptionist = new Receptionist({ onGone: (connection) => mailbox.post({ kind: 'gone', connection }) });
    this.#receptionist.onEmpty = () => this.check();
    this.over = new Promise((resolve) => {
      this.#settleOver = resolve;
    });
  }

  begin(guest: Guest): void {
    this.#guest = guest;
    // What follows a new listener may be meant for it.
    let done = Promise.resolve();
    this.#start.port.on('message', (messages: ToShard[]) => {
      done = done.then(() => this.#onMessages(messages));
    });
  }

  async #onMessages(messages: readonly ToShard[]): Promise<void> {
    for (const message of messages) {
      if (message.kind === 'listen') await this.#listen(message);
      else this.#onMessage(message);
    }
  }

  #onMessage(message: Exclude<ToShard, ListenMessage>): void {
    if ('session' in message || 'connection' in message) this.#guest.onMessage(message);
    else this.#control(message);
  }

  #control(message: ControlMessage): void {
    switch (message.kind) {
      case 'tls':
        return this.#receptionist.setTLS(message.listener, message.tls);
      case 'unlisten':
        this.#receptionist.unlisten(message.listener);
        return this.#guest.unlisten(message.listener);
      case 'sockets':
        return this.#receiveSockets(message.port);
      case 'pipe':
        return receiveHandles(message.path, (text, raw) => this.#onHandle(text, raw));
      case 'stop':
        return this.#stop(message.isNow);
    }
  }

  #receiveSockets(port: MessagePort): void {
    port.on('message', ({ listener, connection, socket }: SocketMessage) => {
      port.postMessage(connection);
      this.#receptionist.take({ listener, connection }, socket);
    });
  }

  #onHandle(text: string, raw: RawSocket | undefined): void {
    const [listener = 0, connection = 0] = text.split(' ').map(Number);
    this.#receptionist.take({ listener, connection }, raw);
  }

  async #listen(message: ListenMessage): Promise<void> {
    const { listener, host: address = '', port } = message;
    const onError = (error: Error): void => this.mailbox.post({ kind: 'refused', listener, error: recordOf(error) });
    const listen: HostedListen = ({ tls }, onSocket) =>
      this.#receptionist.listen(listener, { address, port, tls }, onSocket, onError);
    let error: unknown;
    try {
      await this.#guest.listen(message, listen);
    } catch (cause) {
      error = cause;
    }
    this.mailbox.post({ kind: 'listening', listener, error: error === undefined ? undefined : recordOf(error) });
  }

  #stop(isNow: boolean): void {
    this.#isStopping = true;
    if (isNow) this.#receptionist.destroyAll();
    this.check();
  }

  check(): void {
    if (this.#isStopping && this.#receptionist.isEmpty && this.#guest.isIdle) this.#settleOver();
  }
}
