// The socket seam over a socket of Node, plain or TLS. It adds no queue of its own: bytes read go straight to the handler,
// bytes written straight to Node's stream, which makes one writev of what is corked together.

import type { Socket as RawSocket } from 'node:net';
import { lengthOf, MSRPError } from '../codec/index.ts';
import { highWaterBytes } from './socket.ts';
import type { Socket, SocketHandler, TLSFacts } from './socket.ts';
import { hostPort, isTLSError, tlsReason } from './tls.ts';

/**
 * Buffers whose average length is below this are copied into one. Measured on loopback, CPU of the writer for each chunk of
 * head, body and end-line: 16 bodies of 100 B 552 ns as a writev of 48 and 229 ns as one buffer, 64 of them 312 and 105 ns;
 * 32 bodies of 2 KiB 331 and 419 ns, 4 of 64 KiB 9.7 and 13.5 us. Copying only the small ones of a mixture gains nothing.
 */
const copyBelowBytes = 512;

/** A {@link Socket} over a connected `net.Socket` or `tls.TLSSocket`, which it owns from now on. */
export class NodeSocket implements Socket {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly tls: TLSFacts | undefined;
  readonly #raw: RawSocket;
  readonly #highWater: number;
  #handler: SocketHandler | undefined;
  #flowing = false;
  #blocked = false;
  #missedEnd = false;
  #missedClose = false;
  #error: Error | undefined;

  /** `raw` is connected (TLS: secure) and nobody has read from it. `tls` is there when it is a TLS socket. */
  constructor(raw: RawSocket, tls?: TLSFacts) {
    // Gone already when the peer reset the connection at once.
    this.localAddress = raw.localAddress ?? '';
    this.localPort = raw.localPort ?? 0;
    this.remoteAddress = raw.remoteAddress ?? '';
    this.remotePort = raw.remotePort ?? 0;
    this.tls = tls;
    this.#raw = raw;
    // Node says when it has drained only if it said before that it was full.
    this.#highWater = Math.max(highWaterBytes, raw.writableHighWaterMark);
    raw.setNoDelay(true);
    raw.pause();
    raw.on('data', (input: Buffer) => this.#handler!.onData(input));
    raw.on('drain', () => this.#onDrain());
    raw.on('end', () => this.#onEnd());
    raw.on('error', (error: Error) => this.#onError(error));
    raw.on('close', () => this.#onClose());
  }

  get encrypted(): boolean {
    return this.tls !== undefined;
  }

  get bufferedBytes(): number {
    return this.#raw.writableLength;
  }

  attach(handler: SocketHandler): void {
    this.#handler = handler;
    if (this.#flowing) this.#raw.resume();
    if (this.#missedEnd || this.#missedClose) process.nextTick(() => this.#giveMissed());
  }

  write(buffers: readonly Buffer[], written?: () => void): boolean {
    const raw = this.#raw;
    if (!raw.writable) return false;
    // Node confirms what was under way without an error when it was destroyed.
    const done =
      written &&
      ((error?: Error | null): void => {
        if (!error && !raw.destroyed) written();
      });
    if (buffers.length === 1) raw.write(buffers[0]!, done);
    else writeTogether(raw, buffers, done);
    // Not what Node gives for the last one: that is false also when the system takes all of them as they are uncorked.
    this.#blocked = raw.writableLength >= this.#highWater;
    return !this.#blocked;
  }

  pause(): void {
    this.#flowing = false;
    this.#raw.pause();
  }

  resume(): void {
    this.#flowing = true;
    if (this.#handler !== undefined) this.#raw.resume();
  }

  end(): void {
    this.#raw.end();
  }

  destroy(error?: Error): void {
    if (!this.#raw.destroyed) this.#error ??= error;
    this.#raw.destroy();
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#handler?.onDrain();
  }

  #onEnd(): void {
    if (this.#handler === undefined) this.#missedEnd = true;
    else this.#handler.onEnd();
  }

  /** Node destroys the socket itself, but not for an alert that comes after the handshake (TLS 1.3, certificate refused). */
  #onError(cause: Error): void {
    this.#raw.destroy();
    const peer = hostPort(this.remoteAddress, this.remotePort);
    this.#error ??= isTLSError(cause)
      ? new MSRPError('MSRP_ERR_TLS', `TLS with ${peer} failed: ${tlsReason(cause)}`, { cause })
      : new MSRPError('MSRP_ERR_CLOSED', `the connection with ${peer} was lost: ${cause.message}`, { cause });
  }

  #onClose(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    if (handler === undefined) this.#missedClose = true;
    else handler.onClose(this.#error);
  }

  #giveMissed(): void {
    if (this.#missedEnd) {
      this.#missedEnd = false;
      this.#handler?.onEnd();
    }
    if (this.#missedClose && this.#handler !== undefined) {
      this.#missedClose = false;
      this.#onClose();
    }
  }
}

type Done = ((error?: Error | null) => void) | undefined;

function writeTogether(raw: RawSocket, buffers: readonly Buffer[], done: Done): void {
  const bytes = lengthOf(buffers);
  if (bytes <= copyBelowBytes * buffers.length) {
    raw.write(Buffer.concat(buffers, bytes), done);
    return;
  }
  const last = buffers.length - 1;
  raw.cork();
  for (let at = 0; at < last; at++) raw.write(buffers[at]!);
  raw.write(buffers[last]!, done);
  raw.uncork();
}
