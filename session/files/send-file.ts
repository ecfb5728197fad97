// A file as a message (RFC 5547 section 8.7): read from disk as the peer takes it, hashed beside that, and delivered when the peer
// reports that it has all of it.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { MSRPError } from '../../codec/index.ts';
import type { OutgoingMessage, SendOptions } from '../outgoing-message.ts';
import type { SeekableBody } from '../source.ts';
import { FileBody } from './file-body.ts';
import { FileHash, type HashAlgorithm } from './file-hash.ts';
import { dispositionOf } from './file-name.ts';

export interface SendFileOptions extends Omit<SendOptions, 'size'> {
  /** What the receiver is to call it. Default: the last part of its path. */
  name?: string;
  /**
   * The Message-ID is made from name, size and time of change, so that the same file, sent again after a crash of either end, goes on where
   * the receiver says that it stopped (RFC 4975 section 5.4). Default false: a random one.
   */
  resume?: boolean;
  /** Send only these octets of it, both included and counted from 1, as one message (the file-range of RFC 5547). Default: all. */
  range?: { start: number; end?: number };
  /** Hash the whole file beside sending it. */
  hash?: HashAlgorithm;
}

/** What sending a file needs of its session. */
export interface FileSender {
  send(body: SeekableBody, options: SendOptions): OutgoingMessage;
}

/** A file that is being sent: as {@link OutgoingMessage}, and its hash. */
export class OutgoingFile {
  readonly #message: OutgoingMessage;
  readonly #hash: Promise<string> | undefined;
  readonly name: string;
  /** Of the message, in octets. */
  readonly size: number;

  constructor(message: OutgoingMessage, name: string, size: number, hash: Promise<string> | undefined) {
    this.#message = message;
    this.name = name;
    this.size = size;
    this.#hash = hash;
  }

  get messageId(): string {
    return this.#message.messageId;
  }

  /** Octets that the kernel has of it: without those that the receiver had before. */
  get bytesSent(): number {
    return this.#message.bytesSent;
  }

  /** Octets that the receiver has, those that it had before included. */
  get bytesAcknowledged(): number {
    return this.#message.bytesAcknowledged;
  }

  get sent(): Promise<void> {
    return this.#message.sent;
  }

  /** The receiver reports that it has all of it. Rejects as that of {@link OutgoingMessage} does. */
  get delivered(): Promise<void> {
    return this.#message.delivered;
  }

  /** Of the whole file, in hexadecimal. Rejects with `MSRP_ERR_SOURCE` when it cannot be made; without the option at once. */
  get hash(): Promise<string> {
    return this.#hash ?? Promise.reject(new MSRPError('MSRP_ERR_STATE', 'no hash was asked for', { scope: 'message' }));
  }

  abort(reason?: unknown): void {
    this.#message.abort(reason);
  }
}

/** Throws `MSRP_ERR_SOURCE` when the file cannot be read, and what `send` throws. */
export async function sendFile(session: FileSender, path: string, options: SendFileOptions): Promise<OutgoingFile> {
  const { name = basename(path), resume = false, range = { start: 1 }, hash: algorithm, ...rest } = options;
  const body = await FileBody.of(path, range).catch((error: unknown) => {
    throw sourceError(path, error);
  });
  const message = session.send(body, {
    successReport: 'yes',
    ...(resume && { messageId: lastingId(name, body, range.start), mayBeThere: true }),
    ...rest,
    headers: [...(rest.headers ?? []), ['Content-Disposition', dispositionOf(name, body.fileSize)]],
  });
  const hash = algorithm === undefined ? undefined : hashBeside(message, body, algorithm);
  return new OutgoingFile(message, name, body.size, hash);
}

/** 128 bits, the same for the same file. */
function lastingId(name: string, { fileSize, changed, size }: FileBody, start: number): string {
  const facts = [name, fileSize, changed, start, size].join('\0');
  return createHash('sha256').update(facts).digest('hex').slice(0, 32);
}

function hashBeside(message: OutgoingMessage, body: FileBody, algorithm: HashAlgorithm): Promise<string> {
  const hash = new FileHash(body.path, algorithm);
  const result = hash.of(body.fileSize).catch((error: unknown) => {
    throw sourceError(body.path, error);
  });
  result.catch(() => {});
  message.delivered.catch(() => hash.stop());
  return result;
}

function sourceError(path: string, cause: unknown): MSRPError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MSRPError('MSRP_ERR_SOURCE', `cannot send ${path}: ${reason}`, { scope: 'message', cause });
}
