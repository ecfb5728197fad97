// Who may use a relay, from a file:
//
//   # a comment
//   alice:wonderland
//   bob:relay.example.com:5a07…f7bf2          H(A1) of name, realm and password: MD5 or SHA-256, or a line for each

import { readFile } from 'node:fs/promises';
import type { RelayCredential, RelayOptions } from '../index.ts';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';
import { cannotRead } from './input.ts';

type Algorithm = NonNullable<RelayOptions['algorithms']>[number];

const lengths: Readonly<Record<Algorithm, number>> = { 'SHA-256': 64, MD5: 32 };

export class RelayUsers {
  readonly #passwords = new Map<string, string>();
  /** By name and realm. */
  readonly #digests = new Map<string, string[]>();

  /** Throws a {@link CommandFailure} that names the file and the line. */
  static async read(file: string): Promise<RelayUsers> {
    try {
      return new RelayUsers(await readFile(file, 'utf8'));
    } catch (error) {
      if (error instanceof CommandFailure) {
        throw new CommandFailure(`${file}: ${error.message}`, ExitCode.usage, { file });
      }
      throw cannotRead(file, reasonOf(error), error);
    }
  }

  constructor(text: string) {
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const digest = /^([^:]+):([^:]+):([\da-f]{32}|[\da-f]{64})$/i.exec(line);
      const colon = line.indexOf(':');
      if (digest !== null) this.#addDigest(digest[1] ?? '', digest[2] ?? '', digest[3] ?? '');
      else if (colon > 0 && colon < line.length - 1) this.#passwords.set(line.slice(0, colon), line.slice(colon + 1));
      else throw new CommandFailure(`line ${index + 1} is neither name:password nor name:realm:HA1`, ExitCode.usage);
    }
  }

  #addDigest(name: string, realm: string, ha1: string): void {
    const key = keyOf(name, realm);
    this.#digests.set(key, [...(this.#digests.get(key) ?? []), ha1]);
  }

  get size(): number {
    return this.#passwords.size + this.#digests.size;
  }

  find(name: string, realm: string): RelayCredential | undefined {
    const ha1 = this.#digests.get(keyOf(name, realm));
    if (ha1 !== undefined) return { ha1 };
    const password = this.#passwords.get(name);
    return password === undefined ? undefined : { password };
  }

  /** What all of them can answer: those with a password anything, the others what their H(A1) is for. */
  get algorithms(): Algorithm[] {
    const all: Algorithm[] = ['SHA-256', 'MD5'];
    const common = all.filter((algorithm) =>
      [...this.#digests.values()].every((ha1s) => ha1s.some((ha1) => ha1.length === lengths[algorithm])),
    );
    return common.length > 0 ? common : all;
  }
}

function keyOf(name: string, realm: string): string {
  return `${name}:${realm.toLowerCase()}`;
}
