// What everyone who connects does, each step with its time limit: open a connection, or share one, and bind a session on it.

import type { ConnectionPool } from './connection-pool.ts';
import { Connection } from './connection.ts';
import { abortedError } from './connector.ts';
import { unlessAborted, withDeadline } from './deadline.ts';
import { MSRPBindSessionTimeout, MSRPConnectTimeout } from './errors.ts';
import type { MSRPTransport } from './msrp-transport.ts';
import type { Settings } from './options.ts';
import type { ConnectTarget } from './socket.ts';

type Signals = readonly (AbortSignal | undefined)[];

/** The connection to `target`: that of `pool`, or else one that nobody else may use. */
export function openConnection(
  target: ConnectTarget,
  settings: Settings,
  pool: ConnectionPool | undefined,
  signals: Signals,
): Promise<Connection> {
  const { connectMs } = settings.timeouts;
  const late = (): Error => new MSRPConnectTimeout(`connecting to ${target.host}:${target.port}`, connectMs);
  return withDeadline(settings, connectMs, signals, late, (stop) => {
    if (stop.aborted) throw abortedError('connecting', stop);
    const aborted = (): Error => abortedError('connecting', stop);
    if (pool !== undefined) return unlessAborted(pool.connect(target, settings, stop), stop, aborted);
    return unlessAborted(connectAlone(target, settings, stop), stop, aborted, (tooLate) => tooLate.destroy());
  });
}

async function connectAlone(target: ConnectTarget, settings: Settings, stop: AbortSignal): Promise<Connection> {
  return new Connection(await settings.network.connect(target, stop), settings, { admit: () => 481 });
}

/** Binds the session from our side. When it rejects, the session is over. */
export async function bindSession(transport: MSRPTransport, settings: Settings, signals: Signals): Promise<void> {
  const { bindMs } = settings.timeouts;
  const { peerName } = transport.connection;
  const late = (): Error => new MSRPBindSessionTimeout(`binding the session with ${peerName}`, bindMs);
  try {
    await withDeadline(settings, bindMs, signals, late, (stop) =>
      unlessAborted(transport.bind(), stop, () => abortedError('binding', stop)),
    );
  } catch (error) {
    transport.destroy(error as Error);
    throw error;
  }
  transport.announce();
}
