// The real network: node:net and node:tls behind the socket seam. Node itself tries the addresses of a name one after the
// other (RFC 8305, D-CONN-8).

import { connect as connectTCP, createServer, isIP } from 'node:net';
import type { AddressInfo, Server, Socket as RawSocket } from 'node:net';
import { connect as connectTLS } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { MSRPError } from '../codec/index.ts';
import type { Fingerprint } from './fingerprint.ts';
import { NodeSocket } from './node-socket.ts';
import type { ClientTLS, ConnectTarget, ListenAddress, Listener, Network, ServerTLS, Socket } from './socket.ts';
import { TLSAcceptor } from './tls-acceptor.ts';
import type { Remote } from './unbound-limit.ts';
import { clientOptions, credentialsError, expectedName, hostPort, peerFacts, pinsOf, tlsReason } from './tls.ts';

/** The network of this machine. */
export const nodeNetwork: Network = { connect, listen, defer: (callback) => void setImmediate(callback) };

async function connect(target: ConnectTarget, signal?: AbortSignal): Promise<Socket> {
  checkTarget(target);
  if (signal?.aborted) throw abortedError(target, signal);
  const { tls } = target;
  if (tls === undefined) return opened(connectTCP(tcpOptions(target)), target, signal);
  const pins = pinsOf(tls);
  const options = clientTLS({ ...target, tls }, pins);
  return opened(connectTLS({ ...tcpOptions(target), ...options }), target, signal, pins);
}

/** Node throws for these as well, but only when it has made a handle, which then nobody can close. */
function checkTarget(target: ConnectTarget): void {
  const { host, port, localAddress } = target;
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  if (host !== '' && isPort && (localAddress === undefined || isIP(localAddress) !== 0)) return;
  const from = localAddress === undefined ? '' : ` from ${localAddress}`;
  throw new MSRPError('MSRP_ERR_ARGUMENT', `${nameOf(target)}${from} is nowhere to connect to`);
}

function tcpOptions(target: ConnectTarget): { host: string; port: number; localAddress?: string; allowHalfOpen: true } {
  const { host, port, localAddress } = target;
  return { host, port, allowHalfOpen: true, ...(localAddress !== undefined && { localAddress }) };
}

function clientTLS(target: ConnectTarget & { tls: ClientTLS }, pins: readonly Fingerprint[] | undefined) {
  try {
    return clientOptions(target.tls, expectedName(target), pins !== undefined);
  } catch (error) {
    throw credentialsError(error as Error);
  }
}

/** Waits until `raw` may be used. Nobody listens for its data before that, and Node keeps what comes early. */
function opened(
  raw: RawSocket,
  target: ConnectTarget,
  signal: AbortSignal | undefined,
  pins?: readonly Fingerprint[],
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let connected = false;
    const stop = (): void => {
      signal?.removeEventListener('abort', onAbort);
      raw.removeListener('error', onError);
    };
    const fail = (error: MSRPError): void => {
      stop();
      raw.on('error', ignore);
      raw.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(abortedError(target, signal!));
    const onError = (cause: Error): void =>
      fail(connected && target.tls ? tlsError(target, cause) : connectError(target, cause));
    const onOpen = (): void => {
      try {
        const socket = new NodeSocket(raw, target.tls && peerFacts(raw as TLSSocket, pins));
        stop();
        resolve(socket);
      } catch (error) {
        fail(tlsError(target, error as Error));
      }
    };
    signal?.addEventListener('abort', onAbort);
    raw.on('error', onError);
    raw.once('connect', () => {
      connected = true;
    });
    raw.once(target.tls === undefined ? 'connect' : 'secureConnect', onOpen);
  });
}

async function listen(
  at: ListenAddress,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void = ignore,
): Promise<Listener> {
  const reception = receptionOf(at.tls, onSocket, onError);
  const onRaw = (raw: RawSocket): void => {
    const remote = remoteOf(raw);
    raw.once('close', () => at.limit?.leave(remote));
    reception.accept(raw);
  };
  const listener = await listenRaw(at, onRaw, onError);
  return {
    address: listener.address,
    port: listener.port,
    setTLS: (tls) => reception.setTLS(tls),
    close: async () => {
      await listener.close();
      reception.close();
    },
  };
}

/** What becomes of connections that were accepted: here, or in another thread. */
export interface Reception {
  /** `raw` is unread. */
  accept(raw: RawSocket): void;
  setTLS(tls: ServerTLS): void;
  /** Drops handshakes under way. */
  close(): void;
}

/** Makes sockets of raw connections, with TLS or without. Throws `MSRP_ERR_TLS` for what cannot be used. */
export function receptionOf(
  tls: ServerTLS | undefined,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void,
): Reception {
  if (tls !== undefined) return new TLSAcceptor(tls, onSocket, onError);
  return { accept: (raw) => onSocket(new NodeSocket(raw)), setTLS: () => {}, close: () => {} };
}

/** Who a raw connection is from. */
export function remoteOf(raw: RawSocket): Remote {
  return { address: raw.remoteAddress ?? '', port: raw.remotePort ?? 0 };
}

/**
 * Listens and gives out each connection as it is, paused, unread and without TLS (`at.tls` is not looked at): to be handed
 * to another thread, or to a {@link Reception}. Those that are too many by `at.limit` are closed; the others count until somebody
 * calls its `leave`. Errors as in `Network.listen`.
 */
export function listenRaw(
  at: ListenAddress,
  onRaw: (raw: RawSocket) => void,
  onError: (error: Error) => void = ignore,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (raw) => {
    if (at.limit === undefined || at.limit.enter(remoteOf(raw))) onRaw(raw);
    else raw.on('error', ignore).destroy();
  });
  const { host, port = 0, backlog } = at;
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(listenError(at, error));
    server.once('error', refuse);
    server.once('listening', () => {
      server.removeListener('error', refuse);
      server.on('error', (cause) => onError(listenError(at, cause)));
      resolve(listenerOf(server));
    });
    try {
      server.listen({ port, ...(host !== undefined && { host }), ...(backlog !== undefined && { backlog }) });
    } catch (error) {
      refuse(error as Error);
    }
  });
}

function listenerOf(server: Server): Listener {
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    // Node calls back when the last connection has ended as well; the port is free at once.
    close: () => {
      server.close();
      return Promise.resolve();
    },
  };
}

function abortedError(target: ConnectTarget, signal: AbortSignal): MSRPError {
  const cause: unknown = signal.reason;
  return new MSRPError('MSRP_ERR_ABORTED', `connecting to ${nameOf(target)} was aborted`, { cause });
}

function tlsError(target: ConnectTarget, cause: Error): MSRPError {
  return new MSRPError('MSRP_ERR_TLS', `TLS with ${nameOf(target)} failed: ${tlsReason(cause)}`, { cause });
}

function listenError(at: ListenAddress, cause: Error): MSRPError {
  const where = hostPort(at.host ?? '*', at.port ?? 0);
  return new MSRPError('MSRP_ERR_LISTEN', `listening on ${where} failed: ${reasonOf(cause)}`, { cause });
}

function connectError(target: ConnectTarget, cause: Error): MSRPError {
  return new MSRPError('MSRP_ERR_CONNECT', `connecting to ${nameOf(target)} failed: ${reasonOf(cause)}`, { cause });
}

function nameOf(target: ConnectTarget): string {
  return hostPort(target.host, target.port);
}

const reasons: Record<string, string> = {
  EACCES: 'not allowed',
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EHOSTUNREACH: 'the host is unreachable',
  EMFILE: 'too many open files in this process',
  ENETUNREACH: 'the network is unreachable',
  ENFILE: 'too many open files on this machine',
  ENOTFOUND: 'no such host',
  ETIMEDOUT: 'no answer',
};

/** Several addresses fail together, in one error without a message of its own. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ');
  return reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? error.message;
}

function ignore(): void {}
