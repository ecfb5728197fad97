// Two ends of a session: both ours, or one of them raw, on real sockets.

import {
  AcceptorDirect,
  type ConnectOptions,
  ConnectorDirect,
  MSRPSession,
  type MSRPTransport,
  type SessionOptions,
  URI,
} from '../../index.ts';

const here = new URI({ host: '127.0.0.1' });

export async function transports(
  near: ConnectOptions = {},
  far: ConnectOptions = near,
): Promise<[MSRPTransport, MSRPTransport]> {
  const connector = new ConnectorDirect(near);
  const acceptor = new AcceptorDirect(far);
  const offer = await connector.prepare(here);
  const answer = await acceptor.prepare(here);
  return Promise.all([connector.complete(answer), acceptor.complete(offer)]);
}

/** Runs `use` with two sessions, then closes them. */
export async function withSessions(
  use: (alice: MSRPSession, bob: MSRPSession) => Promise<void>,
  options: { alice?: SessionOptions; bob?: SessionOptions; connect?: ConnectOptions } = {},
): Promise<void> {
  const [near, far] = await transports(options.connect);
  const alice = new MSRPSession(near, options.alice);
  const bob = new MSRPSession(far, options.bob);
  try {
    await use(alice, bob);
  } finally {
    await alice.shutdown();
    await bob.shutdown();
  }
}

/** Runs `use` with a session and the transport that it talks to. */
export async function withPeer(
  use: (session: MSRPSession, peer: MSRPTransport) => Promise<void>,
  o: SessionOptions = {},
  connect: ConnectOptions = {},
): Promise<void> {
  const [near, far] = await transports(connect);
  const session = new MSRPSession(far, o);
  try {
    await use(session, near);
  } finally {
    near.destroy();
    await session.closed;
  }
}
