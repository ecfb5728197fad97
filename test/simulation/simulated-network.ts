// A network in memory: any number of hosts, driven by a simulated clock and a seed. What goes on in it depends on nothing
// else, so the same seed gives the same trace, and a fault that was found once is found again.
//
// Not simulated: certificates. TLS is a flag with facts; only fingerprints are compared. A handshake takes no time.

import { X509Certificate } from 'node:crypto';
import { MSRPError } from '../../codec/index.ts';
import { fingerprintOf, formatFingerprint, matchesFingerprint, preferredFingerprints } from '../../net/fingerprint.ts';
import type {
  ClientTLS,
  ConnectTarget,
  ListenAddress,
  Listener,
  Network,
  PEM,
  ServerTLS,
  Socket,
  TLSFacts,
} from '../../net/socket.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';
import type { PipeFaults, Simulation } from './simulated-pipe.ts';
import { connectSockets } from './simulated-socket.ts';
import { Trace } from './trace.ts';

/** A connection about to be made. */
export interface Link {
  /** Address of the host that connects. */
  readonly from: string;
  /** Address and port that it connects to. */
  readonly to: string;
  readonly port: number;
  /** Connections tried before, on the whole network. */
  readonly index: number;
}

/** What is wrong with a connection, in each direction. */
export interface LinkFaults {
  /** Refused, though somebody listens. */
  readonly refuse?: boolean;
  /** How long connecting takes, in milliseconds; `Infinity`: for ever. Default 1. */
  readonly connectMs?: number;
  readonly toServer?: PipeFaults;
  readonly toClient?: PipeFaults;
}

export interface SimulatedNetworkOptions {
  readonly seed: number;
  /** Default: no faults. Asked once for each connection. */
  readonly faults?: (link: Link) => LinkFaults | undefined;
  /** Default: one of its own. */
  readonly clock?: SimulatedClock;
  /** `false`: keep only the hash of the trace. Default `true`. */
  readonly keepTrace?: boolean;
}

interface Listening {
  readonly tls: ServerTLS | undefined;
  readonly onSocket: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
}

const firstEphemeralPort = 49_152;
const dayMs = 86_400_000;

/** The network; used as a `Network` itself it is the host 127.0.0.1. */
export class SimulatedNetwork implements Network {
  readonly clock: SimulatedClock;
  /** For the system under test as well: what it draws is part of the run. */
  readonly random: SeededRandom;
  readonly trace: Trace;
  /** Addresses of names; a name that is not here is its own address. */
  readonly names: Map<string, string> = new Map();
  readonly #faults: (link: Link) => LinkFaults | undefined;
  readonly #listening = new Map<string, Listening>();
  #links = 0;
  #lastPort = firstEphemeralPort - 1;

  constructor(options: SimulatedNetworkOptions) {
    this.clock = options.clock ?? new SimulatedClock();
    this.random = new SeededRandom(options.seed);
    this.trace = new Trace(this.clock, options.keepTrace ?? true);
    this.#faults = options.faults ?? (() => undefined);
  }

  /** The network as the host with this address sees it. */
  host(address: string): Network {
    return {
      defer: (callback) => this.defer(callback),
      connect: (target, signal) => this.#connect(address, target, signal),
      listen: (at, onSocket, onError = () => {}) => this.#listen(address, at, { tls: at.tls, onSocket, onError }),
    };
  }

  /** Runs `callback` after the events that are due now. */
  defer(callback: () => void): void {
    this.clock.setTimer(callback, 0);
  }

  connect(target: ConnectTarget, signal?: AbortSignal): Promise<Socket> {
    return this.host('127.0.0.1').connect(target, signal);
  }

  listen(at: ListenAddress, onSocket: (socket: Socket) => void, onError?: (error: Error) => void): Promise<Listener> {
    return this.host('127.0.0.1').listen(at, onSocket, onError);
  }

  /**
   * Lets time go on, event by event, until nothing is left to happen, or until this time of the clock, or until this holds.
   * Between events all promises settle. What an event throws is thrown.
   */
  async run(until: number | (() => boolean) = Number.POSITIVE_INFINITY): Promise<void> {
    const end = typeof until === 'number' ? until : Number.POSITIVE_INFINITY;
    const isOver = typeof until === 'number' ? () => false : until;
    await promisesSettle();
    while (!isOver() && (this.clock.nextAt ?? Number.POSITIVE_INFINITY) <= end && this.clock.runNext()) {
      await promisesSettle();
    }
    if (end !== Number.POSITIVE_INFINITY) this.clock.skipTo(end);
  }

  /**
   * Runs until `promise` is settled, and gives what it gives. Fails when it is not and nothing is left to happen, or nothing but timers
   * that start anew for a day.
   */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const end = this.clock.now() + dayMs;
    await this.run(() => settled || (this.clock.nextAt ?? 0) > end);
    if (!settled) throw new Error('nothing is left to happen, and the promise is pending');
    return promise;
  }

  #listen(host: string, at: ListenAddress, listening: Listening): Promise<Listener> {
    const port = at.port === undefined || at.port === 0 ? this.#freePort() : at.port;
    const key = `${host}:${port}`;
    if (this.#listening.has(key)) return Promise.reject(listenError(key, 'the address is in use'));
    this.#listening.set(key, listening);
    this.trace.add(key, 'listen');
    const close = (): Promise<void> => {
      if (this.#listening.get(key) === listening) this.#listening.delete(key);
      return Promise.resolve();
    };
    return Promise.resolve({ address: host, port, close });
  }

  #connect(from: string, target: ConnectTarget, signal: AbortSignal | undefined): Promise<Socket> {
    const to = this.names.get(target.host) ?? target.host;
    const link: Link = { from, to, port: target.port, index: this.#links++ };
    const faults = this.#faults(link) ?? {};
    this.trace.add(from, `connect ${to}:${target.port}`);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        timer?.cancel();
        reject(connectError('MSRP_ERR_ABORTED', target, 'aborted', signal!.reason));
      };
      const connectMs = faults.connectMs ?? 1;
      const connected = (): void => {
        signal?.removeEventListener('abort', onAbort);
        try {
          resolve(this.#connected(link, target, faults));
        } catch (error) {
          const refusal = error as MSRPError;
          this.trace.add(from, `connect: ${refusal.message}`);
          reject(refusal);
        }
      };
      const timer = connectMs === Number.POSITIVE_INFINITY ? undefined : this.clock.setTimer(connected, connectMs);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #connected(link: Link, target: ConnectTarget, faults: LinkFaults): Socket {
    const listening = this.#listening.get(`${link.to}:${link.port}`);
    if (listening === undefined || faults.refuse) throw connectError('MSRP_ERR_CONNECT', target, 'refused');
    if (target.tls && !listening.tls) throw connectError('MSRP_ERR_TLS', target, 'it does not speak TLS');
    const facts = target.tls && listening.tls && this.#handshake(target, target.tls, listening.tls);
    const simulation: Simulation = { clock: this.clock, random: this.random, trace: this.trace };
    const [client, server] = connectSockets({
      simulation,
      name: `#${link.index}`,
      addresses: {
        localAddress: target.localAddress ?? link.from,
        localPort: this.#freePort(),
        remoteAddress: link.to,
        remotePort: link.port,
      },
      toServer: faults.toServer ?? {},
      toClient: faults.toClient ?? {},
      clientTLS: facts?.client,
      serverTLS: facts?.server,
    });
    const refusal = handshakeFault(listening.tls, facts?.server);
    // The server may hear of the connection a little later than the client.
    this.clock.setTimer(
      () => {
        if (refusal === undefined) listening.onSocket(server);
        else {
          server.destroy();
          client.fail(refusal);
          listening.onError(refusal);
        }
      },
      this.random.between(0, 1),
    );
    return client;
  }

  #handshake(target: ConnectTarget, ours: ClientTLS, theirs: ServerTLS): { client: TLSFacts; server: TLSFacts } {
    const serverName = ours.servername ?? target.name ?? target.host;
    const client = factsOf(serverName, theirs.cert, true);
    const pinned = ours.fingerprints?.length ? preferredFingerprints(ours.fingerprints) : undefined;
    if (pinned && !matchesFingerprint(client.peerCertificate ?? Buffer.alloc(0), pinned)) {
      const expected = pinned.map(formatFingerprint).join(' or ');
      const why = `its certificate has the fingerprint ${client.peerFingerprint}, expected ${expected}`;
      throw connectError('MSRP_ERR_TLS', target, why);
    }
    const asked = Boolean(theirs.requestClientCertificate) || Boolean(theirs.fingerprints?.length);
    const shown = asked ? ours.cert : undefined;
    // A certificate is its own authority here.
    const isTrusted = theirs.requestClientCertificate !== 'unchecked' || [theirs.ca].flat().includes(shown);
    return { client, server: factsOf(serverName, shown, isTrusted) };
  }

  #freePort(): number {
    this.#lastPort++;
    return this.#lastPort;
  }
}

/** Why the server does not take the client. */
function handshakeFault(tls: ServerTLS | undefined, facts: TLSFacts | undefined): MSRPError | undefined {
  if (tls === undefined) return undefined;
  if (facts === undefined) return new MSRPError('MSRP_ERR_TLS', 'TLS with a client failed: it does not speak TLS');
  const { peerCertificate } = facts;
  const pinned = tls.fingerprints?.length ? preferredFingerprints(tls.fingerprints) : undefined;
  const isMissing = tls.requestClientCertificate === true && peerCertificate === undefined;
  const isWrong = pinned !== undefined && !matchesFingerprint(peerCertificate ?? Buffer.alloc(0), pinned);
  return isMissing || isWrong
    ? new MSRPError('MSRP_ERR_TLS', 'TLS with a client failed: it shows no certificate, or another one than expected')
    : undefined;
}

function factsOf(serverName: string, cert: PEM | undefined, vouched: boolean): TLSFacts {
  const facts = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', serverName };
  if (cert === undefined) return { ...facts, authorized: false };
  const peerCertificate = certificateOf(cert);
  const peerFingerprint = formatFingerprint(fingerprintOf(peerCertificate));
  return { ...facts, authorized: vouched, peerCertificate, peerFingerprint };
}

/** Any text may stand for a certificate. */
function certificateOf(cert: PEM): Buffer {
  const isPEM = cert.includes('-----BEGIN CERTIFICATE-----');
  return isPEM ? new X509Certificate(cert).raw : Buffer.from(cert as Buffer);
}

function connectError(
  code: 'MSRP_ERR_ABORTED' | 'MSRP_ERR_CONNECT' | 'MSRP_ERR_TLS',
  target: ConnectTarget,
  why: string,
  cause?: unknown,
): MSRPError {
  const where = `${target.host}:${target.port}`;
  return new MSRPError(code, `connecting to ${where} failed: ${why}`, { cause });
}

function listenError(where: string, why: string): MSRPError {
  return new MSRPError('MSRP_ERR_LISTEN', `listening on ${where} failed: ${why}`);
}

/** One turn of the event loop: every microtask and `process.nextTick` that is waiting runs. */
function promisesSettle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
