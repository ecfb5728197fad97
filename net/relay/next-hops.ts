// Connections to where sessions are passed on: shared, with TLS for msrps and our certificate for whoever asks (R4976-9.2-3), and not to
// where a stranger could not connect itself (D-RELAY-13).

import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { MSRPError, type URI } from '../../codec/index.ts';
import { ConnectionPool, type PoolOwner } from '../connection-pool.ts';
import type { Connection } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import { MSRPConnectTimeout } from '../errors.ts';
import type { Settings } from '../options.ts';
import type { Random } from '../random.ts';
import type { ConnectTarget } from '../socket.ts';
import { findRelays, type Place, type ServiceResolver } from '../srv.ts';
import { defaultPort } from '../uris.ts';

/** RFC 6890 and its kin: what is not for the open network. */
const special: readonly (readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const specialAddresses = new BlockList();
for (const [address, prefix, family] of special) specialAddresses.addSubnet(address, prefix, family);

/** Whether `address` is private, loopback, multicast or otherwise not of the open network. IPv4 within IPv6 counts as IPv4. */
export function isSpecialAddress(address: string): boolean {
  return isIn(specialAddresses, address) || isLoopback(address);
}

export function isLoopback(address: string): boolean {
  return isIn(loopback, address);
}

function isIn(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export interface NextHopOptions {
  readonly allowPrivate: boolean;
  readonly resolve: ((host: string) => Promise<readonly string[]>) | undefined;
  readonly resolver: ServiceResolver | undefined;
  readonly random: Random;
}

export class NextHops {
  readonly #settings: Settings;
  readonly #options: NextHopOptions;
  readonly #pool: ConnectionPool;
  readonly #stop = new AbortController();
  /** Those that were given out, and perhaps some that are closed meanwhile. */
  readonly #connections = new Set<Connection>();
  /** The relay itself is to be reached from this machine alone. */
  allowLoopback = false;

  constructor(settings: Settings, options: NextHopOptions, owner: PoolOwner) {
    this.#settings = settings;
    this.#options = options;
    this.#pool = new ConnectionPool({}, owner);
  }

  /**
   * The connection to `uri`, which may be one that others use. Rejects with what `Network.connect` rejects with, with
   * `MSRP_ERR_TIMEOUT`, or with `MSRP_ERR_CONNECT` where no address of the host is allowed.
   */
  connect(uri: URI): Promise<Connection> {
    const { connectMs } = this.#settings.timeouts;
    const late = (): Error => new MSRPConnectTimeout(`connecting to ${uri.host}`, connectMs);
    return withDeadline(this.#settings, connectMs, [this.#stop.signal], late, (signal) => this.#connect(uri, signal));
  }

  async #connect(uri: URI, signal: AbortSignal): Promise<Connection> {
    if (uri.transport !== 'tcp') {
      throw new MSRPError('MSRP_ERR_CONNECT', `there is no way to ${uri.host} over ${uri.transport}`);
    }
    let failure = new MSRPError('MSRP_ERR_ABORTED', `connecting to ${uri.host} was aborted`);
    for (const place of await this.#placesOf(uri, signal)) {
      try {
        return await this.#connectTo(uri, place, signal);
      } catch (error) {
        failure = error as MSRPError;
      }
      if (signal.aborted) break;
    }
    throw failure;
  }

  /** R4976-8-1: for a relay that an AUTH names by its domain alone there may be SRV records. */
  async #placesOf({ host, port, sessionId, useTLS }: URI, signal: AbortSignal): Promise<readonly Place[]> {
    const isKnown = port !== undefined || sessionId !== undefined || isIP(host) !== 0;
    if (isKnown) return [{ host, port: port ?? defaultPort }];
    const { resolver, random } = this.#options;
    return findRelays(host, { useTLS, random, resolver, signal });
  }

  async #connectTo(uri: URI, { host, port }: Place, signal: AbortSignal): Promise<Connection> {
    let failure: unknown;
    for (const address of await this.#hostsOf(host)) {
      try {
        const target = this.#targetOf(uri, address, port);
        return this.#remember(await this.#pool.connect(target, this.#settings, signal));
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) break;
    }
    throw failure;
  }

  /** The addresses that may be tried: looked up here, so that what was allowed is what is connected to. */
  async #hostsOf(host: string): Promise<readonly string[]> {
    if (this.#options.allowPrivate) return [host];
    const allowed = (await this.#resolve(host)).filter((address) => this.#isAllowed(address));
    if (allowed.length > 0) return allowed;
    throw new MSRPError('MSRP_ERR_CONNECT', `${host} has no address that the relay may connect to`);
  }

  #isAllowed(address: string): boolean {
    return !isSpecialAddress(address) || (this.allowLoopback && isLoopback(address));
  }

  async #resolve(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    try {
      if (this.#options.resolve !== undefined) return await this.#options.resolve(host);
      return (await lookup(host, { all: true })).map(({ address }) => address);
    } catch (cause) {
      throw new MSRPError('MSRP_ERR_CONNECT', `connecting to ${host} failed: no such host`, { cause });
    }
  }

  #targetOf(uri: URI, host: string, port: number): ConnectTarget {
    const { tls } = this.#settings.options;
    if (!uri.useTLS) return { host, port };
    // The name is part of what tells connections apart: two names may have one address.
    const { cert, key, ca } = tls ?? {};
    return { host, port, name: uri.host, tls: { cert, key, ca, servername: uri.host } };
  }

  #remember(connection: Connection): Connection {
    this.#connections.add(connection);
    if (this.#connections.size > 2 * this.#pool.size) {
      for (const each of this.#connections) if (!each.isOpen) this.#connections.delete(each);
    }
    return connection;
  }

  /** Connects no more, and closes what no session uses. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#pool.close();
  }

  /** Nobody is left to be told how it went: all are closed when what waits for them has left. */
  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}
