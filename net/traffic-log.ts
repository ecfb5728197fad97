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
  #received: ChunkDecoder | undefined;
  #sent: ChunkDecoder | undefined;

  constructor(logger: Logger, socket: Socket, bodies: boolean) {
    const local = hostPort(socket.localAddress, socket.localPort);
    const remote = hostPort(socket.remoteAddress, socket.remotePort);
    this.#received = new ChunkDecoder(new ChunkWriter(logger, `${local} <-- ${remote}`, bodies), { tolerant: true });
    this.#sent = new ChunkDecoder(new ChunkWriter(logger, `${local} --> ${remote}`, bodies), { tolerant: true });
  }

  received(input: Buffer): void {
    this.#received = decode(this.#received, [input]);
  }

  sent(buffers: readonly Buffer[]): void {
    this.#sent = decode(this.#sent, buffers);
  }
}

/** Nothing more is shown once it fails: the connection's own decoder says why, or somebody writes raw octets that are no chunks. */
function decode(decoder: ChunkDecoder | undefined, buffers: readonly Buffer[]): ChunkDecoder | undefined {
  try {
    for (const buffer of buffers) decoder?.write(buffer);
    return decoder;
  } catch {
    return undefined;
  }
}

class ChunkWriter implements ChunkSink {
  readonly #logger: Logger;
  readonly #direction: string;
  readonly #bodies: boolean;
  #text = '';
  /** Of the body: what is shown, and the octets of all. */
  #shown: Buffer[] = [];
  #size = 0;

  constructor(logger: Logger, direction: string, bodies: boolean) {
    this.#logger = logger;
    this.#direction = direction;
    this.#bodies = bodies;
  }

  onHead(head: Head): void {
    const { transactionId, method, code, comment = '' } = head;
    const start = method ?? `${String(code)} ${comment}`.trimEnd();
    this.#text = masked(`MSRP ${transactionId} ${start}\n${head.headers.format().replaceAll('\r\n', '\n')}`);
    this.#shown = [];
    this.#size = 0;
  }

  /** Cut only at the end: a character may come in two reads. */
  onBody(bytes: Buffer): void {
    if (this.#bodies && this.#size < bodyShown) this.#shown.push(bytes.subarray(0, bodyShown - this.#size));
    this.#size += bytes.length;
  }

  onEnd(flag: string): void {
    const body = this.#shown.length === 0 ? '' : `\n${Buffer.concat(this.#shown).toString()}\n`;
    const size = this.#size === 0 ? '' : `(${this.#size} octets) `;
    this.#logger.debug(`${this.#direction}\n${this.#text}${body}${size}${flag}`);
  }

  onInvalid(error: Error): void {
    this.#logger.debug(`${this.#direction}\n(malformed: ${error.message})`);
  }
}
