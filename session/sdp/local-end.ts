// Our end between offer and answer: the path that SDP shows, and what listens for it. In the end it connects, waits, or both:
//
//   open --bind()--> binding --bound--> over          from anywhere --cleanup()--> over
//
// Who listens for an answer that is still under way cannot know its fingerprints (RFC 8122 section 6.2): the certificate of
// whoever comes is asked for at once, and checked when the answer is here, before anybody gets to see the session.
//
// Behind a relay of ours we are connected to that one from the first, whoever connects later (RFC 6135 section 4.5): what is left of that
// is who sends the binding request. Fingerprints are for ends that are connected to each other (section 4.3).

import { MSRPError, URI, type URIInit } from '../../codec/index.ts';
import {
  AcceptorRelay,
  type ConnectOptions,
  type Connector,
  getAcceptor,
  getConnector,
  matchesFingerprint,
  type MSRPRelaySettings,
  type MSRPServer,
  type MSRPTransport,
  nodeNetwork,
  preferredFingerprints,
} from '../../net/index.ts';
import { networkVia, type Place } from './cema.ts';
import type { MSRPMedia } from './msrp-media.ts';
import { discardPort, type Role } from './setup.ts';

/** What an end is made with. */
export interface LocalEndInit {
  /** With `tls` exactly if TLS is to be spoken. */
  readonly connect: ConnectOptions;
  readonly localUri: URI | undefined;
  readonly server: MSRPServer | undefined;
}

export interface BindOptions {
  readonly role: Role;
  readonly signal: AbortSignal | undefined;
  /** Connect there, whatever the path says. */
  readonly via: Place | undefined;
}

/** Meant where a path URI has no port, which is tolerated on request (R4975-6.2-5). */
const registeredPort = 2855;

export class LocalEnd {
  /** Ours, for `a=path`: it ends with our URI (R4976-5.1-7). */
  readonly path: readonly URI[];
  readonly #connect: ConnectOptions;
  readonly #acceptor: Connector | undefined;
  readonly #over = new AbortController();
  #isBinding = false;

  private constructor(path: readonly URI[], connect: ConnectOptions, acceptor?: Connector) {
    this.path = path;
    this.#connect = connect;
    this.#acceptor = acceptor;
  }

  /** Listens. Rejects with `MSRP_ERR_LISTEN` or `MSRP_ERR_TLS`. */
  static async listening(init: LocalEndInit): Promise<LocalEnd> {
    const { connect, server } = init;
    const acceptor = server === undefined ? getAcceptor(connect) : sharing(server);
    const path = await acceptor.prepare(localUriOf(init));
    return new LocalEnd(path, connect, acceptor);
  }

  /** Will connect, and opens nothing before. */
  static async connecting(init: LocalEndInit): Promise<LocalEnd> {
    const { connect } = init;
    const path = await getConnector(connect).prepare(localUriOf(init));
    return new LocalEnd([changed(lastOf(path), { port: discardPort })], connect);
  }

  /** Behind the first of `relays` that works. Rejects as {@link AcceptorRelay.prepare} does. */
  static async behind(
    relays: readonly MSRPRelaySettings[],
    { connect, localUri }: Pick<LocalEndInit, 'connect' | 'localUri'>,
  ): Promise<LocalEnd> {
    const acceptor = new AcceptorRelay(relays, connect);
    return new LocalEnd(await acceptor.prepare(localUri), connect, acceptor);
  }

  get uri(): URI {
    return lastOf(this.path);
  }

  /** Gives the session with `remote`, bound. Once. When it rejects it has cleaned up. */
  async bind(remote: MSRPMedia, o: BindOptions): Promise<MSRPTransport> {
    if (this.#isBinding) throw new MSRPError('MSRP_ERR_STATE', 'one session comes of it, once', { scope: 'session' });
    this.#isBinding = true;
    const signal = o.signal === undefined ? this.#over.signal : AbortSignal.any([o.signal, this.#over.signal]);
    const acceptor = this.#acceptor;
    if (acceptor instanceof AcceptorRelay) return throughRelay(acceptor, remote, o.role, signal);
    const transport = await this.#byRole(remote, o, signal);
    checkCertificate(transport, remote);
    return transport;
  }

  async #byRole(remote: MSRPMedia, { role, via }: BindOptions, signal: AbortSignal): Promise<MSRPTransport> {
    if (role === 'active' || this.#acceptor === undefined) {
      await this.#acceptor?.cleanup();
      return this.#dial(remote, via, signal);
    }
    if (role === 'passive') return this.#acceptor.complete(remote.path, { signal });
    return this.#whicheverBinds(this.#acceptor, remote, via, signal);
  }

  async #dial(remote: MSRPMedia, via: Place | undefined, signal: AbortSignal): Promise<MSRPTransport> {
    const { tls, network = nodeNetwork, pool, ...others } = this.#connect;
    const { fingerprints } = remote;
    const connector = getConnector({
      ...others,
      ...(tls !== undefined && { tls: { ...tls, ...(fingerprints.length > 0 && { fingerprints }) } }),
      // A pool knows its connections by the path.
      ...(via === undefined ? { network, ...(pool !== undefined && { pool }) } : { network: networkVia(network, via) }),
    });
    await connector.prepare(this.uri);
    const [first, ...rest] = remote.path;
    const next = first && (first.port === undefined ? changed(first, { port: registeredPort }) : first);
    return connector.complete(next && [next, ...rest], { signal });
  }

  /** Both sides connect and listen; the first connection that is bound is the one. */
  async #whicheverBinds(
    acceptor: Connector,
    remote: MSRPMedia,
    via: Place | undefined,
    signal: AbortSignal,
  ): Promise<MSRPTransport> {
    const bound = new AbortController();
    const both = AbortSignal.any([signal, bound.signal]);
    const dialled = this.#dial(remote, via, both);
    const attempts = [dialled, acceptor.complete(remote.path, { signal: both })];
    try {
      const first = await Promise.any(attempts);
      for (const attempt of attempts) void destroyUnless(attempt, first);
      return first;
    } catch {
      // It says more than that nobody came.
      return await dialled;
    } finally {
      bound.abort();
    }
  }

  /** Leaves nothing behind, and ends a `bind` that waits. Does not touch a session that is there. May be repeated. */
  async cleanup(): Promise<void> {
    this.#over.abort();
    await this.#acceptor?.cleanup();
  }
}

/** Of two who both could, we connect: who comes and finds that we do is refused, and has our request then. */
function throughRelay(
  relay: AcceptorRelay,
  { path }: MSRPMedia,
  role: Role,
  signal: AbortSignal,
): Promise<MSRPTransport> {
  return role === 'passive' ? relay.complete(path, { signal }) : relay.connect(path, { signal });
}

/** One URI of a server, as a connector. */
function sharing(server: MSRPServer): Connector {
  let uri: URI | undefined;
  const cleanup = async (): Promise<void> => {
    if (uri !== undefined) await server.cleanup(uri);
  };
  return {
    prepare: async (localUri) => {
      const path = await server.prepare(localUri);
      uri = lastOf(path);
      return path;
    },
    complete: (path, o) => server.complete(path, { ...o, ...(uri !== undefined && { localUri: uri }) }),
    cleanup,
    [Symbol.asyncDispose]: cleanup,
  };
}

/** The scheme follows from what is negotiated, and not from what the caller wrote. */
function localUriOf({ localUri, connect }: LocalEndInit): URI | undefined {
  const useTLS = connect.tls !== undefined;
  return localUri && changed(localUri, { credentials: localUri.credentials, useTLS });
}

function changed(uri: URIInit, change: Partial<URIInit>): URI {
  return new URI({ ...uri, ...change });
}

function lastOf(path: readonly URI[]): URI {
  const uri = path.at(-1);
  if (uri === undefined) throw new MSRPError('MSRP_ERR_STATE', 'there is no local URI');
  return uri;
}

async function destroyUnless(attempt: Promise<MSRPTransport>, first: MSRPTransport): Promise<void> {
  const transport = await attempt.catch(() => first);
  if (transport !== first) transport.destroy();
}

/** R4975-14.4-2: another certificate than the one that signalling vouches for ends the session at once. */
function checkCertificate(transport: MSRPTransport, { fingerprints }: MSRPMedia): void {
  const { tls } = transport.peer;
  if (tls === undefined || fingerprints.length === 0) return;
  const certificate = tls.peerCertificate;
  if (certificate !== undefined && matchesFingerprint(certificate, preferredFingerprints(fingerprints))) return;
  const what = certificate === undefined ? 'shows no certificate' : 'has another certificate than its fingerprint says';
  const error = new MSRPError('MSRP_ERR_TLS', `the peer ${what}`, { scope: 'session' });
  transport.destroy(error);
  throw error;
}
