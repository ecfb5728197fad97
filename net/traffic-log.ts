// Shows each chunk of a connection with its addresses, for people. It decodes what is on the wire a second time, in both directions, so
// that nothing else needs to know of it; only made where it was asked for.

import { ChunkDecoder, type ChunkSink, type Head } from '../codec/index.ts';
import type { Logger } from './options.ts';
import type { Socket } from './socket.ts';
import { hostPort } from './tls.ts';
import { masked } from './uris.ts';

/** Octets of a body that are shown. */
const bodyShown = 512;

export class TrafficLog {
  readonly #received: ChunkDecoder | undefined;
  #sent: ChunkDecoder | undefined;
  #failed = false;

  constructor(logger: Logger, socket: Socket, bodies: boolean) {
    const local = hostPort(socket.localAddress, socket.localPort);
    const remote = hostPort(socket.remoteAddress, socket.remotePort);
    this.#received = new ChunkDecoder(new ChunkWriter(logger, `${local} <-- ${remote}`, bodies), { tolerant: true });
    this.#sent = new ChunkDecoder(new ChunkWriter(logger, `${local} --> ${remote}`, bodies), { tolerant: true });
  }

  received(input: Buffer): void {
    if (this.#failed) return;
    try {
      this.#received?.write(input);
    } catch {
      // The connection's own decoder has said why.
      this.#failed = true;
    }
  }

  sent(buffers: readonly Buffer[]): void {
    try {
      for (const buffer of buffers) this.#sent?.write(buffer);
    } catch {
      // Somebody writes raw octets that are no chunks.
      this.#sent = undefined;
    }
  }
}

class ChunkWriter implements ChunkSink {
  readonly #logger: Logger;
  readonly #direction: string;
  readonly #bodies: boolean;
  #text = '';
  #size = 0;

  constructor(logger: Logger, direction: string, bodies: boolean) {
    this.#logger = logger;
    this.#direction = direction;
    this.#bodies = bodies;
  }

  onHead(head: Head): void {
    const { transactionId, method, code, comment = '' } = head;
    const start = method ?? `${String(code)} ${comment}`;
    this.#text = masked(`MSRP ${transactionId} ${start}\n${head.headers.format().replaceAll('\r\n', '\n')}`);
    this.#size = 0;
  }

  onBody(bytes: Buffer): void {
    if (this.#bodies && this.#size < bodyShown) this.#text += bytes.subarray(0, bodyShown - this.#size).toString();
    this.#size += bytes.length;
  }

  onEnd(flag: string): void {
    this.#logger.debug(`${this.#direction}\n${this.#text}${this.#size > 0 ? `\n(${this.#size} octets) ` : ''}${flag}`);
  }

  onInvalid(error: Error): void {
    this.#logger.debug(`${this.#direction}\n(malformed: ${error.message})`);
  }
}
