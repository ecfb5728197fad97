// A box between two endpoints that does to chunks what relays and networks of relays may do: cuts them again, changes their order, sends
// some of them twice. It answers for what it has changed as the receiver does, once it knows: nothing is acknowledged that has not arrived.

import { Chunk, ChunkAssembler, ChunkDecoder, encodeChunk, type HeaderEntry } from '../../codec/index.ts';
import type { Socket, SocketHandler } from '../../net/socket.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

export interface Mangling {
  /** A chunk becomes up to so many. */
  readonly pieces: number;
  /** Each frame is under way for up to so many milliseconds, so that later ones may overtake it. */
  readonly delayMs: number;
  /** Of a hundred chunks so many are sent twice. */
  readonly twice: number;
  /** What is sent twice is cut in two ways. */
  readonly cutAnew: boolean;
}

/** A chunk that was changed, and what is known of its pieces. */
interface Original {
  readonly chunk: Chunk;
  left: number;
  code: number;
}

const address = '10.0.0.1';

/** Is `far.example`, where it listens on one port and passes what comes on to that port of 127.0.0.1. */
export class Intermediary {
  readonly #sockets: Socket[] = [];

  private constructor() {}

  /** For the first connection only. */
  static async open(network: SimulatedNetwork, port: number, mangling: Mangling): Promise<Intermediary> {
    const opened = new Intermediary();
    network.names.set('far.example', address);
    const host = network.host(address);
    const listener = await host.listen({ port }, (client) => {
      const pass = (server: Socket): void => {
        const lanes = [new Lane(network, client, server, mangling), new Lane(network, server, client, mangling)];
        lanes[0]!.back = lanes[1]!;
        lanes[1]!.back = lanes[0]!;
        opened.#sockets.push(client, server);
      };
      void host.connect({ host: '127.0.0.1', port }).then(pass);
      void listener.close();
    });
    return opened;
  }

  /** Drops both connections, and what is under way. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Lane implements SocketHandler {
  /** The one in the other direction. */
  back!: Lane;
  readonly #network: SimulatedNetwork;
  readonly #to: Socket;
  readonly #mangling: Mangling;
  readonly #decoder: ChunkDecoder;
  readonly #originals = new Map<string, Original>();
  #pieces = 0;

  constructor(network: SimulatedNetwork, from: Socket, to: Socket, mangling: Mangling) {
    this.#network = network;
    this.#to = to;
    this.#mangling = mangling;
    this.#decoder = new ChunkDecoder(new ChunkAssembler({ onChunk: (chunk) => this.#onChunk(chunk) }));
    from.attach(this);
    from.resume();
  }

  onData(input: Buffer): void {
    this.#decoder.write(input);
  }

  onDrain(): void {}

  onEnd(): void {
    this.#behindAll(() => this.#to.end());
  }

  onClose(): void {
    this.#behindAll(() => this.#to.destroy());
  }

  #behindAll(run: () => void): void {
    this.#network.clock.setTimer(run, this.#mangling.delayMs + 1);
  }

  #onChunk(chunk: Chunk): void {
    if (chunk.code !== undefined) this.back.#onResponse(chunk);
    else if (chunk.size === 0) this.#send(chunk);
    else this.#sendPieces(chunk);
  }

  #sendPieces(chunk: Chunk): void {
    const { random } = this.#network;
    const pieces = this.#cut(chunk);
    if (random.between(1, 100) <= this.#mangling.twice) {
      pieces.push(...(this.#mangling.cutAnew ? this.#cut(chunk) : pieces.map((piece) => this.#again(piece))));
    }
    const original = { chunk, left: pieces.length, code: 200 };
    for (const piece of pieces) {
      this.#originals.set(piece.transactionId, original);
      this.#send(piece);
    }
  }

  #cut(chunk: Chunk): Chunk[] {
    const { random } = this.#network;
    const places = Array.from({ length: random.between(0, this.#mangling.pieces - 1) }, () =>
      random.between(1, chunk.size),
    );
    const edges = [...new Set([0, ...places, chunk.size])].toSorted((one, other) => one - other);
    return edges.slice(1).map((end, index) => this.#piece(chunk, edges[index]!, end));
  }

  #piece(chunk: Chunk, from: number, end: number): Chunk {
    const start = chunk.byteRange?.start ?? 1;
    const range = `${start + from}-${start + end - 1}/${chunk.byteRange?.total ?? '*'}`;
    return new Chunk({
      transactionId: this.#newId(),
      method: 'SEND',
      headers: chunk.headers.with('Byte-Range', range),
      data: chunk.data.subarray(from, end),
      continuation: end === chunk.size ? chunk.continuation : '+',
    });
  }

  #again({ headers, data, continuation }: Chunk): Chunk {
    return new Chunk({ transactionId: this.#newId(), method: 'SEND', headers, data, continuation });
  }

  #newId(): string {
    return `piece${this.#pieces++}.${this.#network.random.next()}`;
  }

  /** To a request of ours, from where it went. */
  #onResponse(response: Chunk): void {
    const original = this.#originals.get(response.transactionId);
    if (original === undefined) return this.back.#send(response);
    this.#originals.delete(response.transactionId);
    original.left--;
    const isFirstError = original.code === 200 && response.code !== 200;
    if (isFirstError) original.code = response.code!;
    const { chunk, code, left } = original;
    if (chunk.failureReport === 'yes' ? left > 0 : !isFirstError) return;
    const headers: HeaderEntry[] = [
      ['To-Path', String(chunk.fromPath[0])],
      ['From-Path', String(chunk.toPath[0])],
    ];
    this.back.#send(new Chunk({ transactionId: chunk.transactionId, code, headers }));
  }

  #send(chunk: Chunk): void {
    const { clock, random } = this.#network;
    clock.setTimer(() => this.#to.write(encodeChunk(chunk)), random.between(0, this.#mangling.delayMs));
  }
}
