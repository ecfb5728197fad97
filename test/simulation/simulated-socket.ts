// The two ends of a simulated connection. Both keep the contract of net/socket.ts to the letter: handlers are called by the
// clock only, never from within a call of the socket.

import { MSRPError } from '../../codec/index.ts';
import type { Socket, SocketHandler, TLSFacts } from '../../net/socket.ts';
import { Pipe, type PipeFaults, type PipeReceiver, type PipeSender, type Simulation } from './simulated-pipe.ts';

export interface Addresses {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** What both ends are made from. */
export interface ConnectionInit {
  readonly simulation: Simulation;
  /** As the trace calls it. */
  readonly name: string;
  /** As the client sees them. */
  readonly addresses: Addresses;
  readonly toServer: PipeFaults;
  readonly toClient: PipeFaults;
  readonly clientTLS: TLSFacts | undefined;
  readonly serverTLS: TLSFacts | undefined;
}

/** A connection: the client's end and the server's. */
export function connectSockets(init: ConnectionInit): [SimulatedSocket, SimulatedSocket] {
  const { simulation, name, addresses: a } = init;
  const reset = (): void => {
    client.fail(lost(client));
    server.fail(lost(server));
  };
  const up = new Pipe(simulation, `${name}>`, init.toServer, reset);
  const down = new Pipe(simulation, `${name}<`, init.toClient, reset);
  const client = new SimulatedSocket(simulation, `${name}c`, a, init.clientTLS, { outgoing: up, incoming: down });
  const mirrored: Addresses = {
    localAddress: a.remoteAddress,
    localPort: a.remotePort,
    remoteAddress: a.localAddress,
    remotePort: a.localPort,
  };
  const server = new SimulatedSocket(simulation, `${name}s`, mirrored, init.serverTLS, {
    outgoing: down,
    incoming: up,
  });
  up.connect(client, server);
  down.connect(server, client);
  return [client, server];
}

function lost(socket: Socket): MSRPError {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  return new MSRPError('MSRP_ERR_CLOSED', `the connection with ${peer} was lost: reset`);
}

interface Wires {
  readonly outgoing: Pipe;
  readonly incoming: Pipe;
}

export class SimulatedSocket implements Socket, PipeSender, PipeReceiver {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly tls: TLSFacts | undefined;
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #wires: Wires;
  #handler: SocketHandler | undefined;
  #flowing = false;
  #writable = true;
  #endSent = false;
  #endRead = false;
  #closing = false;
  #closed = false;
  #error: Error | undefined;

  constructor(simulation: Simulation, name: string, addresses: Addresses, tls: TLSFacts | undefined, wires: Wires) {
    this.localAddress = addresses.localAddress;
    this.localPort = addresses.localPort;
    this.remoteAddress = addresses.remoteAddress;
    this.remotePort = addresses.remotePort;
    this.tls = tls;
    this.#simulation = simulation;
    this.#name = name;
    this.#wires = wires;
  }

  get encrypted(): boolean {
    return this.tls !== undefined;
  }

  get bufferedBytes(): number {
    return this.#wires.outgoing.queuedBytes;
  }

  attach(handler: SocketHandler): void {
    const late = this.#closed && this.#handler === undefined;
    this.#handler = handler;
    if (late) this.#later(() => this.#giveClose());
    else this.#wires.incoming.receiverIsReady();
  }

  write(buffers: readonly Buffer[], written?: () => void): boolean {
    return this.#writable && this.#wires.outgoing.write(buffers, written);
  }

  pause(): void {
    this.#flowing = false;
  }

  resume(): void {
    this.#flowing = true;
    this.#wires.incoming.receiverIsReady();
  }

  end(): void {
    if (!this.#writable) return;
    this.#writable = false;
    this.#wires.outgoing.end();
  }

  destroy(error?: Error): void {
    if (this.#closing) return;
    this.#simulation.trace.add(this.#name, 'destroy');
    this.#close(error);
    this.#wires.outgoing.abandon();
    // Bytes that wait unread break the connection at once, as a system does that throws them away.
    this.#wires.incoming.orphan();
  }

  /** The connection broke. */
  fail(error: Error): void {
    this.#wires.outgoing.kill();
    this.#wires.incoming.kill();
    if (!this.#closing) this.#close(error);
  }

  get takesData(): boolean {
    return this.#flowing && this.#handler !== undefined && !this.#closing;
  }

  get takesEnd(): boolean {
    return this.#handler !== undefined && !this.#closing && !this.#endRead;
  }

  giveData(bytes: Buffer): void {
    this.#handler!.onData(bytes);
  }

  giveEnd(): void {
    this.#endRead = true;
    this.#handler!.onEnd();
    this.#closeIfOver();
  }

  drained(): void {
    if (!this.#closing) this.#handler?.onDrain();
  }

  endSent(): void {
    this.#endSent = true;
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#endRead && this.#endSent && !this.#closing) this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    this.#closing = true;
    this.#writable = false;
    this.#error = error;
    this.#later(() => {
      this.#closed = true;
      this.#simulation.trace.add(this.#name, error === undefined ? 'close' : `close: ${error.message}`);
      if (this.#handler !== undefined) this.#giveClose();
    });
  }

  #giveClose(): void {
    this.#handler!.onClose(this.#error);
  }

  #later(run: () => void): void {
    this.#simulation.clock.setTimer(run, 0);
  }
}
