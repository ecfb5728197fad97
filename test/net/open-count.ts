// Counts what is open on a simulated network, so that a test can see that nothing is left.

import type { Listener } from '../../net/socket.ts';
import type { SimulatedNetwork } from '../simulation/simulated-network.ts';

export class OpenCount {
  readonly #network: SimulatedNetwork;
  /** Connections that were given out. */
  connections = 0;
  readonly #listening = new Set<object>();

  constructor(network: SimulatedNetwork) {
    this.#network = network;
    const connect = network.connect.bind(network);
    network.connect = async (target, signal) => {
      const socket = await connect(target, signal);
      this.connections++;
      return socket;
    };
    const listen = network.listen.bind(network);
    network.listen = async (at, onSocket, onError) => {
      const listener = await listen(at, onSocket, onError);
      this.#listening.add(listener);
      return { ...listener, close: () => this.#close(listener) };
    };
  }

  async #close(listener: Listener): Promise<void> {
    await listener.close();
    this.#listening.delete(listener);
  }

  get listeners(): number {
    return this.#listening.size;
  }

  /** Ends of connections that are open. */
  get sockets(): number {
    const { lines } = this.#network.trace;
    return 2 * this.connections - lines.filter((line) => / close(:|$)/.test(line)).length;
  }
}
