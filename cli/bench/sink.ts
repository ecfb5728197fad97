// The peer of a run: takes sessions and counts what they bring, independently of who sends it. Each of its paths takes one session after
// the other.

import { type Chunk, MSRPBindSessionTimeout, MSRPServer, MSRPSession, URI } from '../../index.ts';
import type { Counted } from '../bench-result.ts';
import { makeCertificate } from '../own-certificate.ts';
import { rememberedMessages } from './plan.ts';

export class Sink {
  readonly counted: Counted = { messages: 0, bytes: 0 };
  readonly #server: MSRPServer;
  #isClosed = false;
  readonly #sessions = new Set<MSRPSession>();
  /** Of the certificate, with TLS. */
  readonly fingerprint: string | undefined;

  private constructor(server: MSRPServer, fingerprint: string | undefined) {
    this.#server = server;
    this.fingerprint = fingerprint;
  }

  /** With a certificate made for the occasion, where `uri` says TLS. */
  static async make(uri: URI): Promise<Sink> {
    const { fingerprint, ...tls } = uri.useTLS ? await makeCertificate(uri.host) : {};
    return new Sink(new MSRPServer({ tls, timeouts: { incomingMs: Number.POSITIVE_INFINITY } }), fingerprint);
  }

  /** Gives so many paths, at the address of `uri`. */
  async listen(uri: URI, sessions: number): Promise<string[]> {
    const paths: string[] = [];
    let address = uri;
    for (let count = 0; count < sessions; count++) {
      const [path] = await this.#server.prepare(address);
      if (path === undefined) throw new RangeError('a path has one URI at least');
      address = new URI({ host: uri.host, useTLS: uri.useTLS, port: path.port });
      paths.push(String(path));
      void this.#serve(path);
    }
    return paths;
  }

  async #serve(uri: URI): Promise<void> {
    while (!this.#isClosed) {
      try {
        const transport = await this.#server.complete(undefined, { localUri: uri });
        await this.#take(new MSRPSession(transport, { rememberedMessages, onIncoming: this.#count }));
      } catch (error) {
        // One came and did not bind; else the server is closed.
        if (!(error instanceof MSRPBindSessionTimeout)) return;
      }
      if (!this.#isClosed) await this.#server.prepare(uri);
    }
  }

  async #take(session: MSRPSession): Promise<void> {
    this.#sessions.add(session);
    await session.closed;
    this.#sessions.delete(session);
  }

  readonly #count = (chunk?: Chunk): void => {
    if (chunk === undefined) return;
    this.counted.bytes += chunk.size;
    if (chunk.continuation === '$') this.counted.messages++;
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const session of this.#sessions) session.transport.destroy();
    await this.#server.close();
  }
}
