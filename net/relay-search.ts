// Finding a relay that serves us: those given, one after the other, and of each the places where it may be.

import { isIP } from 'node:net';
import { MSRPError, type URI } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import type { ConnectOptions } from './connect-options.ts';
import { openConnection } from './connecting.ts';
import { abortedError } from './connector.ts';
import { withDeadline } from './deadline.ts';
import { MSRPConnectTimeout, MSRPRelayAuthError } from './errors.ts';
import type { Settings } from './options.ts';
import { systemRandom } from './random.ts';
import { RelayLeg } from './relay-leg.ts';
import type { MSRPRelaySettings } from './relay-settings.ts';
import type { ConnectTarget } from './socket.ts';
import { findRelays, type Place } from './srv.ts';
import { completeUri, defaultPort } from './uris.ts';

/** Who looks for a relay. */
export interface RelaySearch {
  readonly localUri: URI | undefined;
  readonly settings: Settings;
  readonly options: ConnectOptions;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Our URI at the first of `relays` that serves us. Each step has its time limit, for each place anew. Rejects with why the relay failed;
 * where several did, with what all of them said, and the code of the first.
 */
export function openLeg(relays: readonly MSRPRelaySettings[], search: RelaySearch): Promise<RelayLeg> {
  return firstOf(relays, search, async (relay) => {
    const places = await placesOf(relay, search);
    return firstOf(places, search, (place) => openAt(place, relay, search), isRefusal);
  });
}

/** A relay that refuses us does so wherever it is: its other places need not be tried. */
function isRefusal(error: unknown): boolean {
  return error instanceof MSRPRelayAuthError;
}

async function firstOf<T>(
  choices: readonly T[],
  { signal, settings }: RelaySearch,
  open: (choice: T) => Promise<RelayLeg>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<RelayLeg> {
  const failures: Error[] = [];
  for (const [at, choice] of choices.entries()) {
    try {
      return await open(choice);
    } catch (error) {
      if (signal.aborted) throw abortedError('preparing', signal);
      failures.push(error as Error);
      if (isFinal(error)) break;
      if (at + 1 < choices.length) settings.logger?.warn(`${(error as Error).message}; trying the next`);
    }
  }
  throw togetherOf(failures);
}

function togetherOf(failures: readonly Error[]): Error {
  const [first, ...others] = failures as MSRPError[];
  if (others.length === 0 || first === undefined) {
    return first ?? new MSRPError('MSRP_ERR_ARGUMENT', 'there is no relay to connect to', { scope: 'session' });
  }
  const { code, status } = first;
  const message = failures.map((failure) => failure.message).join('; ');
  return new MSRPError(code, message, {
    scope: 'session',
    cause: new AggregateError(failures, message),
    ...(status !== undefined && { status }),
  });
}

/** R4976-8-1 to 8-5: SRV is for a domain without port alone. */
async function placesOf(relay: MSRPRelaySettings, { settings, options, signal }: RelaySearch): Promise<Place[]> {
  const { domain, host = domain, useTLS } = relay;
  const isGiven = relay.host !== undefined || relay.port !== undefined || isIP(domain) !== 0;
  if (isGiven) return [{ host, port: relay.port ?? defaultPort }];
  const random = options.random ?? systemRandom;
  const { resolver } = options;
  const { connectMs } = settings.timeouts;
  const late = (): Error => new MSRPConnectTimeout(`asking the DNS for ${domain}`, connectMs);
  return withDeadline(settings, connectMs, [signal], late, (stop) =>
    findRelays(domain, { useTLS, random, resolver, signal: stop }),
  );
}

async function openAt(place: Place, relay: MSRPRelaySettings, search: RelaySearch): Promise<RelayLeg> {
  const { settings, options, signal } = search;
  const tls = relay.useTLS ? (options.tls ?? relay.credentials ?? {}) : undefined;
  // R4976-9.2-6: the certificate must name the domain, wherever SRV leads.
  const target: ConnectTarget = { ...place, name: relay.domain, tls };
  const connection = await openConnection(target, settings, options.pool, [signal]);
  const leg = legOn(connection, relay, search);
  await leg.authenticate(signal);
  return leg;
}

function legOn(
  connection: Connection,
  relay: MSRPRelaySettings,
  { settings, options, localUri }: RelaySearch,
): RelayLeg {
  try {
    const port = localUri?.port ?? connection.socket.localPort;
    const ourUri = completeUri(localUri, settings, port, relay.useTLS);
    return new RelayLeg(connection, ourUri, relay.chain, settings, options);
  } catch (error) {
    if (connection.sessions === 0) connection.release();
    throw error;
  }
}
