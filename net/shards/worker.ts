// The task of a worker thread: a shard. It ends when it is told to, once its last connection is gone.

import type { Socket as RawSocket } from 'node:net';
import { type Logger, type Settings, settingsOf } from '../options.ts';
import type { ListenAddress, Listener, Socket } from '../socket.ts';
import { recordOf } from './error-record.ts';
import { receiveHandles } from './handle-pipe.ts';
import { HandledSessions } from './handled-sessions.ts';
import { type Handler, loadHandler } from './handler.ts';
import { Mailbox } from './mailbox.ts';
import type { ControlMessage, FromShard, Handed, ListenMessage, ShardStart, ToShard } from './protocol.ts';
import { Pump } from './pump.ts';
import { Receptionist } from './receptionist.ts';

export default async function shard(start: ShardStart): Promise<void> {
  const mailbox = new Mailbox<FromShard>(start.port);
  try {
    const handler = start.handler === undefined ? undefined : await loadHandler(start.handler);
    const hosting = new Hosting(start, mailbox, handler);
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

class Hosting {
  readonly over: Promise<void>;
  readonly #settings: Settings;
  readonly #mailbox: Mailbox<FromShard>;
  readonly #counters: Float64Array;
  readonly #receptionist: Receptionist;
  readonly #sessions: HandledSessions | undefined;
  readonly #pumps = new Map<number, Pump>();
  #isStopping = false;
  #settleOver!: () => void;

  constructor(start: ShardStart, mailbox: Mailbox<FromShard>, handler: Handler | undefined) {
    this.#mailbox = mailbox;
    this.#counters = new Float64Array(start.counters);
    this.#settings = settingsOf({ ...start.options, ...(start.logs && { logger: loggerOf(mailbox) }) });
    this.#receptionist = new Receptionist({ onGone: (connection) => mailbox.post({ kind: 'gone', connection }) });
    this.#receptionist.onEmpty = () => this.#check();
    if (handler !== undefined) {
      this.#sessions = new HandledSessions(this.#settings, handler, mailbox, this.#counters);
      this.#sessions.onIdle = () => this.#check();
    }
    this.over = new Promise((resolve) => {
      this.#settleOver = resolve;
    });
    // What follows a new listener may be meant for it.
    let done = Promise.resolve();
    start.port.on('message', (messages: ToShard[]) => {
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
    if ('session' in message) this.#sessions?.onMessage(message.listener, message.session, message);
    else if (message.kind === 'socket') this.#take(message, message.socket);
    else if ('connection' in message) this.#pumps.get(message.connection)?.onMessage(message);
    else this.#control(message);
  }

  #control(message: ControlMessage): void {
    switch (message.kind) {
      case 'tls':
        return this.#receptionist.setTLS(message.listener, message.tls);
      case 'unlisten':
        this.#receptionist.unlisten(message.listener);
        return void this.#sessions?.unlisten(message.listener);
      case 'pipe':
        return receiveHandles(message.path, (text, raw) => this.#onHandle(text, raw));
      case 'stop':
        return this.#stop(message.isNow);
    }
  }

  #onHandle(text: string, raw: RawSocket | undefined): void {
    const [listener = 0, connection = 0] = text.split(' ').map(Number);
    this.#take({ listener, connection }, raw);
  }

  #take({ listener, connection }: Handed, raw: RawSocket | undefined): void {
    this.#receptionist.take({ listener, connection }, raw);
  }

  async #listen(message: ListenMessage): Promise<void> {
    const { listener, host = '', port, tls } = message;
    const listen = (at: ListenAddress, onSocket: (socket: Socket, handed: Handed) => void): Listener =>
      this.#receptionist.listen(listener, { address: host, port, tls: at.tls }, onSocket, (error) =>
        this.#mailbox.post({ kind: 'refused', listener, error: recordOf(error) }),
      );
    try {
      if (this.#sessions === undefined) listen({ tls }, (socket, handed) => this.#pump(socket, handed));
      else await this.#sessions.listen(message, listen);
      this.#mailbox.post({ kind: 'listening', listener, error: undefined });
    } catch (error) {
      this.#mailbox.post({ kind: 'listening', listener, error: recordOf(error) });
    }
  }

  #pump(socket: Socket, handed: Handed): void {
    const { connection } = handed;
    const onClosed = (): void => {
      this.#pumps.delete(connection);
      this.#check();
    };
    const { options } = this.#settings;
    const pump = new Pump(handed, socket, options, { mailbox: this.#mailbox, counters: this.#counters, onClosed });
    this.#pumps.set(connection, pump);
  }

  #stop(isNow: boolean): void {
    this.#isStopping = true;
    if (isNow) this.#receptionist.destroyAll();
    this.#check();
  }

  #check(): void {
    const isIdle = this.#sessions?.isIdle ?? true;
    if (this.#isStopping && this.#receptionist.isEmpty && this.#pumps.size === 0 && isIdle) this.#settleOver();
  }
}
