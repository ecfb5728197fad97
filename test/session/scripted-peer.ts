// A session of ours and a peer that speaks exact octets, on a simulated network: nothing waits for real time, and that nothing was
// answered shows by what is answered behind it. The URIs are those of the vectors.

import {
  AcceptorDirect,
  type Chunk,
  type ConnectOptions,
  decodeChunks,
  MSRPSession,
  type MSRPTransport,
  type SessionOptions,
  URI,
} from '../../index.ts';
import { Endpoint } from '../net/endpoint.ts';
import { emptySend } from '../net/raw-peer.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';

export const ourUri = 'msrp://y.example.com:2855/eeeeFFFFggggHHHH;tcp';
export const peerUri = 'msrp://x.example.com:2855/aaaaBBBBccccDDDD;tcp';

export class ScriptedPeer {
  readonly network: SimulatedNetwork;
  readonly endpoint: Endpoint;
  readonly transport: MSRPTransport;
  readonly session: MSRPSession;
  #taken = 0;
  #probes = 0;

  private constructor(network: SimulatedNetwork, endpoint: Endpoint, transport: MSRPTransport, o: SessionOptions) {
    this.network = network;
    this.endpoint = endpoint;
    this.transport = transport;
    this.session = new MSRPSession(transport, o);
  }

  /** A session that is bound, whose binding has been answered and forgotten. */
  static async open(o: SessionOptions = {}, connect: ConnectOptions = {}): Promise<ScriptedPeer> {
    const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
    network.names.set('y.example.com', '127.0.0.1');
    const acceptor = new AcceptorDirect({ ...connect, network, clock: network.clock, random: network.random });
    await acceptor.prepare(URI.parse(ourUri));
    const complete = acceptor.complete([URI.parse(peerUri)]);
    const socket = network.connect({ host: 'y.example.com', port: 2855 });
    const endpoint = new Endpoint(await network.settle(socket));
    endpoint.socket.write([Buffer.from(emptySend('bind', ourUri, '', peerUri))]);
    const peer = new ScriptedPeer(network, endpoint, await network.settle(complete), o);
    await peer.answers();
    return peer;
  }

  send(octets: string | Buffer): void {
    this.endpoint.socket.write([typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets]);
  }

  /** The frames that came since the last call. */
  take(): Chunk[] {
    const { data } = this.endpoint;
    const frames = decodeChunks(data.subarray(this.#taken));
    this.#taken = data.length;
    return frames;
  }

  /** What came by the time that an empty request, sent now, was answered; without that answer. */
  async answers(): Promise<Chunk[]> {
    const id = `probe${++this.#probes}`;
    this.send(emptySend(id, ourUri, '', peerUri));
    await this.network.run(() => this.endpoint.data.includes(`-------${id}$\r\n`));
    return this.take().filter(({ transactionId }) => transactionId !== id && transactionId !== 'bind');
  }

  /** Lets so much time go by, in milliseconds. */
  pass(ms: number): Promise<void> {
    return this.network.run(this.network.clock.now() + ms);
  }

  /** Ends the session, and fails when that leaves something to happen. */
  async close(): Promise<void> {
    this.transport.destroy();
    this.endpoint.socket.destroy();
    await this.network.run();
  }
}

/** Runs `use` with a session and its peer, then ends both. */
export async function withScript(
  use: (peer: ScriptedPeer) => Promise<void>,
  o: SessionOptions = {},
  connect: ConnectOptions = {},
): Promise<void> {
  const peer = await ScriptedPeer.open(o, connect);
  try {
    await use(peer);
  } finally {
    await peer.close();
  }
}

/** A frame in one line: what a table of expectations says of it. */
export function brief(frame: Chunk): string {
  if (frame.code !== undefined) return `${frame.code} ${frame.transactionId}`;
  if (frame.method !== 'REPORT') return `${frame.method} ${frame.headers.get('byte-range')} ${frame.continuation}`;
  return `REPORT ${frame.messageId} ${frame.headers.get('byte-range')} ${frame.headers.get('status')?.slice(0, 7)}`;
}
