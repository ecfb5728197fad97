// A simulated network with one relay, and connectors on it.

import { expect } from 'vitest';
import {
  AcceptorRelay,
  type ConnectOptions,
  ConnectorRelay,
  MSRPRelaySettings,
  type MSRPRelayInit,
  type MSRPTransport,
  type URI,
} from '../../index.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { closeAfterTest } from './open.ts';
import { ScriptedRelay, type ScriptedRelayOptions } from './scripted-relay.ts';

/** Alice at the relay, who needs no SRV. */
export const alice = { domain: 'relay.test', username: 'alice', password: 'wonderland', port: 2855 };

export interface RelayWorld {
  readonly network: SimulatedNetwork;
  readonly relay: ScriptedRelay;
  /** For connectors on the network. */
  readonly options: ConnectOptions;
  /** What they log above debug. */
  readonly logged: string[];
}

/** Fails the test when anything is left to happen after it. */
export async function openWorld(o: ScriptedRelayOptions = {}): Promise<RelayWorld> {
  const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
  network.names.set('relay.test', '127.0.0.1');
  const relay = await ScriptedRelay.listen(network, o, '127.0.0.1');
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  const logger = { debug: () => {}, info: log, warn: log, error: log };
  closeAfterTest(async () => {
    await relay.close();
    await network.run();
    expect(network.clock.pending).toBe(0);
  });
  return { network, relay, options: { network, clock: network.clock, random: network.random, logger }, logged };
}

export function connectorIn(
  { options }: RelayWorld,
  init: Partial<MSRPRelayInit> = {},
  more: ConnectOptions = {},
): ConnectorRelay {
  const made = new ConnectorRelay(new MSRPRelaySettings({ ...alice, ...init }), { ...options, ...more });
  closeAfterTest(() => made.cleanup());
  return made;
}

export function acceptorIn({ options }: RelayWorld, more: ConnectOptions = {}): AcceptorRelay {
  const made = new AcceptorRelay(new MSRPRelaySettings(alice), { ...options, ...more });
  closeAfterTest(() => made.cleanup());
  return made;
}

/** Both ends of a session, each behind the relay; `near` connects. */
export async function sessionIn(
  world: RelayWorld,
  o: { near?: ConnectOptions; far?: ConnectOptions } = {},
): Promise<[near: MSRPTransport, far: MSRPTransport]> {
  const connector = connectorIn(world, {}, o.near);
  const acceptor = acceptorIn(world, o.far);
  const { network } = world;
  const [offer, answer] = await network.settle(Promise.all([connector.prepare(), acceptor.prepare()]));
  const ends = await network.settle(Promise.all([connector.complete(answer), acceptor.complete(offer)]));
  for (const end of ends) closeAfterTest(() => end.destroy());
  return ends;
}

/** Sends a chunk and gives what the other side reads. */
export async function reaches(
  { network }: RelayWorld,
  from: MSRPTransport,
  to: MSRPTransport,
  data: string,
): Promise<string> {
  const chunk = from.makeChunk({ data, failureReport: 'no' });
  const [read] = await network.settle(Promise.all([to.readChunk(), from.writeChunk(chunk)]));
  expect(to.checkIncomingSendChunk(read)).toBeUndefined();
  return read.data.toString();
}

export function strings(path: readonly URI[]): string[] {
  return path.map(String);
}
