// A file that is being received: NAME.part until it is complete, then NAME, or NAME-1, NAME-2 … where that is taken. No file of others is
// ever replaced. Beside it NAME.part.json says which message it is of, so that the same message, when it comes again, goes on behind what
// is there.

import { constants } from 'node:fs';
import { type FileHandle, link, open, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';

/** What must be the same for a part to be gone on with. */
export interface PartFacts {
  readonly messageId: string;
  /** Of the message, in octets. */
  readonly size: number;
  /** Octets of the file before the message. */
  readonly offset: number;
}

/** Those that this process writes to. */
const inUse = new Set<string>();

/** What a link says where there are none. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

export class PartFile {
  readonly path: string;
  readonly #folder: string;
  readonly #name: string;
  readonly #file: FileHandle;
  /** Octets that were there when it was opened, and that are of use now. */
  readonly #found: number;
  #bytes: number;

  private constructor(folder: string, name: string, path: string, file: FileHandle, found: number) {
    this.#folder = folder;
    this.#name = name;
    this.path = path;
    this.#file = file;
    this.#found = found;
    this.#bytes = found;
  }

  /**
   * The part of a file that is to be called `name`: what is there of the same message, or a new one. Without facts it is new, and cannot
   * be gone on with later. Throws what the platform says.
   */
  static async open(folder: string, name: string, facts: PartFacts | undefined): Promise<PartFile> {
    for (let number = 0; ; number++) {
      const path = resolve(folder, `${numbered(name, number)}.part`);
      const part = (await openNew(path, facts)) ?? (facts === undefined ? undefined : await openKnown(path, facts));
      if (part !== undefined) return new PartFile(folder, name, path, part.file, part.bytes);
    }
  }

  /**
   * The part NAME.part that an earlier message left behind, to have another behind its first `facts.offset` octets. Throws what the
   * platform says, and an Error when there are less, or it is none of ours.
   */
  static async append(folder: string, name: string, facts: PartFacts): Promise<PartFile> {
    const path = resolve(folder, `${name}.part`);
    const known = await factsOf(path);
    const part = known === undefined ? undefined : await openOld(path);
    if (part === undefined) throw new Error(`there is no ${name}.part to go on with`);
    const file = new PartFile(folder, name, path, part.file, part.bytes);
    if (part.bytes < facts.offset) {
      await file.close(true);
      throw new Error(`${name}.part has only ${part.bytes} octets`);
    }
    if (!isSame(known, facts)) {
      file.rewind(facts.offset);
      await writeFile(sidecarOf(path), JSON.stringify(facts));
    }
    return file;
  }

  /** Octets that are there and of use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Only the first octets, so many, are of use. */
  rewind(bytes: number): void {
    this.#bytes = bytes;
  }

  /** Puts `pieces` behind what is there. */
  async write(pieces: readonly Buffer[]): Promise<void> {
    let rest = pieces;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#file.writev(rest, this.#bytes);
      this.#bytes += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  }

  /** No more will come; `isSynced`: waits until the disk has it. */
  async end(isSynced: boolean): Promise<void> {
    if (this.#found > this.#bytes) await this.#file.truncate(this.#bytes);
    if (isSynced) await this.#file.sync();
  }

  /** Gives it its name, and returns its path; `isSynced`: waits until the disk has that too. */
  async finish(isSynced: boolean): Promise<string> {
    for (let number = 0; ; number++) {
      const path = join(this.#folder, numbered(this.#name, number));
      if (!(await take(path, this.path))) continue;
      if (isSynced) await syncFolder(this.#folder);
      return path;
    }
  }

  /** Lets go of it: it is kept, to be gone on with, or removed. Throws nothing. */
  async close(isKept: boolean): Promise<void> {
    await this.#file.close().catch(() => {});
    if (!isKept) {
      await unlink(sidecarOf(this.path)).catch(() => {});
      await unlink(this.path).catch(() => {});
    }
    inUse.delete(this.path);
  }
}

interface OpenPart {
  readonly file: FileHandle;
  readonly bytes: number;
}

/** Undefined where the name is taken. */
async function openNew(path: string, facts: PartFacts | undefined): Promise<OpenPart | undefined> {
  const file = await orTaken(open(path, 'wx+'));
  if (file === undefined) return undefined;
  inUse.add(path);
  try {
    if (facts === undefined) return { file, bytes: 0 };
    await writeFile(sidecarOf(path), JSON.stringify(facts), { flag: 'wx' });
    return { file, bytes: 0 };
  } catch (error) {
    await file.close();
    await unlink(path);
    inUse.delete(path);
    if (isTaken(error)) return undefined;
    throw error;
  }
}

/** Undefined where it is of another message, or in use. */
async function openKnown(path: string, facts: PartFacts): Promise<OpenPart | undefined> {
  return isSame(await factsOf(path), facts) ? openOld(path) : undefined;
}

function isSame(known: Partial<PartFacts> | undefined, { messageId, size, offset }: PartFacts): boolean {
  return known?.messageId === messageId && known.size === size && known.offset === offset;
}

/** Undefined where it is in use. */
async function openOld(path: string): Promise<OpenPart | undefined> {
  if (inUse.has(path)) return undefined;
  inUse.add(path);
  try {
    const file = await open(path, constants.O_RDWR);
    const { size } = await file.stat();
    return { file, bytes: size };
  } catch (error) {
    inUse.delete(path);
    throw error;
  }
}

/** Undefined where there are none that we wrote. */
async function factsOf(path: string): Promise<Partial<PartFacts> | undefined> {
  try {
    const facts = JSON.parse(await readFile(sidecarOf(path), 'utf8')) as Partial<PartFacts> | null;
    return typeof facts?.messageId === 'string' ? facts : undefined;
  } catch {
    return undefined;
  }
}

function sidecarOf(path: string): string {
  return `${path}.json`;
}

/** Gives `part` another name, unless that is taken. */
async function take(path: string, part: string): Promise<boolean> {
  try {
    await link(part, path);
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    if (!withoutLinks.has(codeOf(error))) throw error;
  }
  const claim = await orTaken(open(path, 'wx'));
  await claim?.close();
  if (claim !== undefined) await rename(part, path);
  return claim !== undefined;
}

/** Not every system lets a folder be opened. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => undefined);
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

async function orTaken<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return codeOf(error) === 'EEXIST';
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function numbered(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}-${number}${extension}`;
}

function behind(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(skip);
    skip -= piece.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
}
