// A message to a file on disk: as NAME.part while it comes, checked, named, and only then reported to its sender as delivered. What the
// disk refuses is told to the sender at once. Of a transfer that broke off the part stays, and the same message goes on behind it.

import { statfs } from 'node:fs/promises';
import { MSRPError } from '../../codec/index.ts';
import type { IncomingMessage } from '../incoming-message.ts';
import { FileHash, type HashAlgorithm, isSameHash } from './file-hash.ts';
import { fileNameIn, safeFileName } from './file-name.ts';
import { PartFile } from './part-file.ts';

export interface ReceiveFileOptions {
  /** What to call it. Default: what its sender calls it, made harmless (D-FILE-2), or `message-` and its Message-ID. */
  name?: string;
  /**
   * Hash the whole file while it comes. With `value`, hexadecimal digits with or without colons, a file whose hash is another is removed and
   * refused.
   */
  hash?: { algorithm: HashAlgorithm; value?: string };
  /**
   * Keep the part of a transfer that broke off, and go on behind it when the same message comes again: with the same Message-ID and size,
   * from a sender that asked for success reports. Default true.
   */
  resume?: boolean;
  /**
   * The message begins at this octet of the file, counted from 1 (the file-range of RFC 5547): it is put behind what an earlier transfer
   * has left as NAME.part.
   */
  start?: number;
  /** Wait until the disk has it before it is reported. Default false: the system has it. */
  fsync?: boolean;
  /** Octets of the message that are there already: it goes on behind them. */
  onResume?: (bytes: number) => void;
  /** Octets of the file that are written. */
  onProgress?: (bytes: number) => void;
  /** Refuses the rest. What has come whole is stored still. */
  signal?: AbortSignal;
}

export interface ReceivedFile {
  readonly path: string;
  /** Of the file. */
  readonly bytes: number;
  /** In hexadecimal, if it was asked for. */
  readonly hash: string | undefined;
}

/**
 * Stores `message` in `folder`. Where its name is taken it becomes NAME-1, NAME-2 …; no file is ever replaced. A sender that asked for
 * success reports gets one when the file is complete: let `automaticReports` of the session be false for such messages, else one that comes
 * in one piece is reported before.
 *
 * Throws `MSRP_ERR_FILE` when it cannot be stored or has the wrong hash: the sender is told (413, 400), nothing is left. Throws
 * `MSRP_ERR_ABORTED` for `signal`, and what reading the message throws.
 */
export async function receiveFile(
  message: IncomingMessage,
  folder: string,
  options: ReceiveFileOptions = {},
): Promise<ReceivedFile> {
  const { signal } = options;
  message.deferReport();
  const refuse = (): void => {
    if (!message.isComplete) message.refuse();
  };
  signal?.addEventListener('abort', refuse);
  if (signal?.aborted === true) refuse();
  try {
    const file = await new Receipt(message, options).store(folder);
    message.report();
    return file;
  } catch (error) {
    message.refuse((error instanceof MSRPError ? error.status : undefined) ?? 413);
    throw signal?.aborted === true && isRefusal(error) ? abortError(signal.reason) : error;
  } finally {
    signal?.removeEventListener('abort', refuse);
  }
}

class Receipt {
  readonly #message: IncomingMessage;
  readonly #options: ReceiveFileOptions;
  /** Begun at once: while the disk is asked, the sender has to wait, and is not refused. */
  readonly #pieces: AsyncIterable<Buffer[]>;
  /** Octets of the file before the message. */
  readonly #offset: number;

  constructor(message: IncomingMessage, options: ReceiveFileOptions) {
    this.#message = message;
    this.#pieces = message.batches();
    this.#options = options;
    this.#offset = (options.start ?? 1) - 1;
  }

  async store(folder: string): Promise<ReceivedFile> {
    const part = await onDisk(this.#open(folder));
    let isKept = false;
    try {
      return await this.#fill(part);
    } catch (error) {
      isKept = this.#mayResume(error) && part.bytes > 0;
      throw error;
    } finally {
      await part.close(isKept);
    }
  }

  async #open(folder: string): Promise<PartFile> {
    await this.#checkSpace(folder);
    const { messageId, size = 0 } = this.#message;
    const name = this.#options.name ?? this.#nameGiven;
    const facts = { messageId, size, offset: this.#offset };
    if (this.#offset > 0) return PartFile.append(folder, name, facts);
    return PartFile.open(folder, name, this.#isResumable ? facts : undefined);
  }

  get #nameGiven(): string {
    const { headers, messageId } = this.#message;
    return safeFileName(fileNameIn(headers.get('Content-Disposition')) ?? '', `message-${messageId}`);
  }

  /** Where the system knows how much there is. */
  async #checkSpace(folder: string): Promise<void> {
    const { size } = this.#message;
    const space = size === undefined ? undefined : await statfs(folder).catch(() => undefined);
    if (size === undefined || space === undefined) return;
    const free = space.bavail * space.bsize;
    if (size > free) throw new Error(`it has ${size} octets, and there is room for ${free}`);
  }

  /** Others never learn how far we are, or that this is the same message again. */
  get #isResumable(): boolean {
    const { size, head } = this.#message;
    return this.#options.resume !== false && size !== undefined && head.successReport === 'yes';
  }

  /** What the sender gave up, and what is wrong or refused here, will not come again; but we may have been stopped. */
  #mayResume(error: unknown): boolean {
    if (!this.#isResumable || (error instanceof MSRPError && error.code === 'MSRP_ERR_FILE')) return false;
    if (isRefusal(error)) return this.#options.signal?.aborted === true;
    return !(error instanceof MSRPError && error.code === 'MSRP_ERR_ABORTED');
  }

  async #fill(part: PartFile): Promise<ReceivedFile> {
    const { hash: wanted, fsync = false, onProgress } = this.#options;
    const hash = wanted === undefined ? undefined : new FileHash(part.path, wanted.algorithm);
    try {
      this.#goOn(part);
      for await (const pieces of this.#pieces) {
        await onDisk(part.write(pieces));
        hash?.grown(part.bytes);
        onProgress?.(part.bytes);
      }
      await onDisk(part.end(fsync));
      const digest = hash === undefined ? undefined : await onDisk(hash.of(part.bytes));
      if (wanted?.value !== undefined && digest !== undefined) checkHash(digest, wanted.value);
      return { path: await onDisk(part.finish(fsync)), bytes: part.bytes, hash: digest };
    } finally {
      hash?.stop();
    }
  }

  /** The last octet is asked for even where it is there: it says that it is the last. */
  #goOn(part: PartFile): void {
    const found = part.bytes - this.#offset;
    const { size = 0 } = this.#message;
    const known = found > size ? 0 : Math.min(found, size - 1);
    part.rewind(this.#offset + Math.max(known, 0));
    if (known <= 0) return;
    this.#message.resumeFrom(known);
    this.#options.onResume?.(known);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof MSRPError && error.code === 'MSRP_ERR_NOT_READ';
}

function checkHash(found: string, expected: string): void {
  if (!isSameHash(found, expected)) throw fileError(`its hash is ${found}, not ${expected}`, 400);
}

async function onDisk<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw fileError(error instanceof Error ? error.message : String(error), 413, error);
  }
}

function fileError(reason: string, status: number, cause?: unknown): MSRPError {
  return new MSRPError('MSRP_ERR_FILE', `the file cannot be stored: ${reason}`, { scope: 'message', status, cause });
}

function abortError(cause: unknown): MSRPError {
  return new MSRPError('MSRP_ERR_ABORTED', 'receiving the file was aborted', { scope: 'message', cause });
}
