// Where the relay of a domain is (RFC 4976 section 8, RFC 2782): the targets of its SRV records in the order to try them, and behind
// these port 2855 of the domain itself.

import { Resolver as NodeResolver } from 'node:dns/promises';
import { MSRPError } from '../codec/index.ts';
import { unlessAborted } from './deadline.ts';
import type { Random } from './random.ts';
import { defaultPort } from './uris.ts';

/** An SRV record, as `node:dns` gives it. */
export interface ServiceRecord {
  /** Without its final dot; empty, or a dot: the domain has no such service. */
  readonly name: string;
  readonly port: number;
  /** The lowest is tried first. */
  readonly priority: number;
  /** The share of a record among those of its priority. */
  readonly weight: number;
}

/** What asks the DNS. A `Resolver` of `node:dns/promises` will do, with servers of your choice. */
export interface ServiceResolver {
  /** Rejects with an error when there are no such records, and when nobody answers. */
  resolveSrv(name: string): Promise<ServiceRecord[]>;
}

/** Where to try a relay. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * The places to try for the relay of `domain`, in order. A resolver that fails, or has not answered when `signal` aborts, counts as no
 * record: the relay's certificate has to name the domain in any case. Rejects with `MSRP_ERR_CONNECT` when the domain says that it has
 * no relay.
 */
export async function findRelays(
  domain: string,
  o: { useTLS: boolean; random: Random; resolver?: ServiceResolver | undefined; signal: AbortSignal },
): Promise<Place[]> {
  const service = `${o.useTLS ? '_msrps' : '_msrp'}._tcp.${domain}`;
  const records = await lookUp(service, o.resolver, o.signal);
  if (records.length === 1 && isNowhere(records[0]!)) {
    throw new MSRPError('MSRP_ERR_CONNECT', `${domain} has no relay: ${service} says so`, { scope: 'session' });
  }
  const targets = orderRecords(records, o.random).filter((record) => !isNowhere(record));
  return [...targets.map(({ name, port }) => ({ host: name, port })), { host: domain, port: defaultPort }];
}

async function lookUp(
  service: string,
  resolver: ServiceResolver | undefined,
  signal: AbortSignal,
): Promise<ServiceRecord[]> {
  // What it asks holds sockets and timers: one of our own gives them up at the end.
  const own = resolver === undefined ? new NodeResolver() : undefined;
  try {
    const records = (resolver ?? own!).resolveSrv(service);
    return await unlessAborted(records, signal, () => new Error('aborted'));
  } catch {
    return [];
  } finally {
    own?.cancel();
  }
}

function isNowhere({ name }: ServiceRecord): boolean {
  return name === '' || name === '.';
}

/** RFC 2782: by priority; within one, drawn by weight until none is left. */
export function orderRecords(records: readonly ServiceRecord[], random: Random): ServiceRecord[] {
  // Those without weight stand first: they are drawn only when chance says exactly 0.
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: ServiceRecord[] = [];
  while (left.length > 0) {
    const { priority } = left[0]!;
    const end = left.findIndex((record) => record.priority !== priority);
    const rivals = end === -1 ? left : left.slice(0, end);
    ordered.push(...left.splice(drawn(rivals, random), 1));
  }
  return ordered;
}

/** The first whose running sum of weights reaches a number of 0 to the whole sum. */
function drawn(rivals: readonly ServiceRecord[], random: Random): number {
  const sum = rivals.reduce((total, { weight }) => total + weight, 0);
  const chance = below(sum + 1, random);
  let running = 0;
  return rivals.findIndex(({ weight }) => (running += weight) >= chance);
}

/** A whole number of 0 to `limit` - 1. Of 48 bits the fold favours none that anybody could notice. */
function below(limit: number, random: Random): number {
  const bytes = Buffer.alloc(6);
  random.fill(bytes);
  return bytes.readUIntBE(0, 6) % limit;
}
