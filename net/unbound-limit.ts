// Connections that have no session yet cost memory and a descriptor, and anybody can open them: how many there may be, in all and from one
// address. Whoever comes beyond that is closed at once, so that a storm costs those who are there nothing.

/** Who a connection is from. */
export interface Remote {
  readonly address: string;
  readonly port: number;
}

export interface UnboundLimits {
  /** Connections on one listener that have not bound a session yet, handshakes included. Default 4,096. */
  unboundConnections: number;
  /** Of these from one address. Default 2,048: many users may be behind one. */
  unboundPerAddress: number;
}

export class UnboundLimit {
  readonly #limits: UnboundLimits;
  readonly #onRefused: (reason: string) => void;
  readonly #waiting = new Set<string>();
  readonly #byAddress = new Map<string, number>();
  /** Connections that were closed because they were too many. */
  refused = 0;

  /** `onRefused` learns of each connection that was too many, and which limit it met. */
  constructor(limits: UnboundLimits, onRefused: (reason: string) => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** How many there are. */
  get size(): number {
    return this.#waiting.size;
  }

  /** A connection was accepted: counts it until `leave`. False: it is one too many. */
  enter(remote: Remote): boolean {
    const { address } = remote;
    const before = this.#byAddress.get(address) ?? 0;
    const reason = this.#reason(address, before);
    if (reason !== undefined) {
      this.refused++;
      this.#onRefused(reason);
      return false;
    }
    this.#waiting.add(keyOf(remote));
    this.#byAddress.set(address, before + 1);
    return true;
  }

  #reason(address: string, fromAddress: number): string | undefined {
    const { unboundConnections, unboundPerAddress } = this.#limits;
    if (fromAddress >= unboundPerAddress) return `${fromAddress} connections from ${address} have no session yet`;
    if (this.#waiting.size >= unboundConnections) return `${this.#waiting.size} connections have no session yet`;
    return undefined;
  }

  /** It has a session now, or is gone. Harmless when repeated. */
  leave(remote: Remote): void {
    if (!this.#waiting.delete(keyOf(remote))) return;
    const left = this.#byAddress.get(remote.address)! - 1;
    if (left > 0) this.#byAddress.set(remote.address, left);
    else this.#byAddress.delete(remote.address);
  }
}

function keyOf({ address, port }: Remote): string {
  return `${address} ${port}`;
}
