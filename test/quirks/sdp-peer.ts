// The other side of an offer or an answer, which says in SDP exactly what it is told to, and speaks octets, on a simulated network.

import { type ConnectOptions, decodeChunks, URI } from '../../index.ts';
import type { ConnectTarget, Network } from '../../net/index.ts';
import { Endpoint } from '../net/endpoint.ts';
import { emptySend } from '../net/raw-peer.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';

export const here: URI = new URI({ host: '127.0.0.1' });
export const peerHost = '192.0.2.9';
export const peerPath: string = `msrp://${peerHost}:7000/peer;tcp`;

export class SDPPeer {
  readonly simulation: SimulatedNetwork = new SimulatedNetwork({ seed: 1, keepTrace: false });
  /** What connected to the peer, in order. */
  readonly accepted: Endpoint[] = [];
  /** Where our side connected to. */
  readonly targets: string[] = [];
  readonly #endpoints: Endpoint[] = [];
  readonly #close: (() => unknown)[] = [];

  /** The options of our side. */
  get connect(): ConnectOptions {
    const { clock, random } = this.simulation;
    const network: Network = {
      defer: (callback) => this.simulation.defer(callback),
      listen: (at, onSocket, onError) => this.simulation.listen(at, onSocket, onError),
      connect: (target: ConnectTarget, signal) => {
        this.targets.push(`${target.tls === undefined ? 'tcp' : 'tls'} ${target.host}:${target.port}`);
        return this.simulation.connect(target, signal);
      },
    };
    return { network, clock, random };
  }

  /** Takes connections there. */
  async listen(host: string = peerHost, port = 7000): Promise<void> {
    const listener = await this.simulation.host(host).listen({ port }, (socket) => {
      const endpoint = new Endpoint(socket);
      this.accepted.push(endpoint);
      this.#endpoints.push(endpoint);
    });
    this.#close.push(() => listener.close());
  }

  /** Connects to the path of an SDP and binds. */
  async bind(sdp: string, from: string = peerPath): Promise<Endpoint> {
    const [, path = ''] = /a=path:(\S+)/.exec(sdp) ?? [];
    const { port = 0 } = URI.parse(path);
    const socket = await this.simulation.settle(this.simulation.host(peerHost).connect({ host: '127.0.0.1', port }));
    const endpoint = new Endpoint(socket);
    this.#endpoints.push(endpoint);
    endpoint.socket.write([Buffer.from(emptySend('bind', path, '', from))]);
    return endpoint;
  }

  /** Answers the requests on the last connection that came, and gives them. */
  async answerAll(): Promise<string[]> {
    await this.simulation.run(() => this.accepted.at(-1)?.data.includes('$\r\n') === true);
    const endpoint = this.accepted.at(-1)!;
    const requests = decodeChunks(endpoint.data).filter(({ method }) => method !== undefined);
    for (const { transactionId: id, fromPath, toPath } of requests) {
      const paths = `To-Path: ${String(fromPath[0])}\r\nFrom-Path: ${String(toPath.at(-1))}\r\n`;
      endpoint.socket.write([Buffer.from(`MSRP ${id} 200 OK\r\n${paths}-------${id}$\r\n`)]);
    }
    return requests.map(({ headers }) => headers.get('To-Path') ?? '');
  }

  pass(ms = 100): Promise<void> {
    return this.simulation.run(this.simulation.clock.now() + ms);
  }

  afterwards(close: () => unknown): void {
    this.#close.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#close) await close();
    for (const { socket } of this.#endpoints) socket.destroy();
    await this.simulation.run();
  }
}

/** Runs `use` with such a peer, then ends everything. */
export async function withSDPPeer(use: (peer: SDPPeer) => Promise<void>): Promise<void> {
  const peer = new SDPPeer();
  try {
    await use(peer);
  } finally {
    await peer.close();
  }
}

/** A description with one m-line. */
export function description(
  o: { port?: number; protocol?: string; address?: string; path?: string; lines?: readonly string[] } = {},
): string {
  const { port = 7000, protocol = 'TCP/MSRP', address = peerHost, path = peerPath, lines = [] } = o;
  const media = [`m=message ${port} ${protocol} *`, 'a=accept-types:*', `a=path:${path}`, ...lines];
  const session = ['v=0', `o=peer 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
  return [...session, ...media].map((line) => `${line}\r\n`).join('');
}
