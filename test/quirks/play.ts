// Plays what odd peers send, octet for octet, and tells what comes of it.

import {
  AcceptorDirect,
  type Chunk,
  type ConnectOptions,
  decodeChunks,
  type IncomingMessage,
  MSRPSession,
  type SessionOptions,
  URI,
} from '../../index.ts';
import { Endpoint } from '../net/endpoint.ts';
import { brief, ourUri, peerUri, withScript } from '../session/scripted-peer.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';

/** Strict and tolerant: the index says which of two expectations holds. */
export const modes: [name: string, tolerant: boolean][] = [
  ['strictly', false],
  ['tolerantly', true],
];

export interface Played {
  /** What came back, each frame in a line. */
  readonly frames: string[];
  /** What the application got. */
  readonly bodies: string[];
  readonly isOpen: boolean;
}

/** Nothing was answered, the connection is gone. */
export const closed: Played = { frames: [], bodies: [], isOpen: false };
/** A refusal that leaves the connection open. */
export const refused = (id: string, code = 400): Played => ({ frames: [`${code} ${id}`], bodies: [], isOpen: true });
/** A success. */
export const taken = (id: string, ...bodies: string[]): Played => ({ frames: [`200 ${id}`], bodies, isOpen: true });

/** What a session that is bound makes of `octets`, one character each. */
export async function play(octets: string, o: SessionOptions = {}, connect: ConnectOptions = {}): Promise<Played> {
  let played = closed;
  await withScript(
    async (peer) => {
      const bodies = o.onIncoming === undefined ? readAll(peer.session) : [];
      peer.send(octets);
      const frames = (await peer.answers()).map(brief);
      played = { frames, bodies: [...bodies], isOpen: !peer.endpoint.ended && !peer.endpoint.closed };
    },
    o,
    connect,
  );
  return played;
}

/** Fills up with the body of each message, or with the code of why there is none. */
export function readAll(session: MSRPSession): string[] {
  const results: string[] = [];
  const read = async (): Promise<void> => {
    for await (const message of session.messages()) results.push(await textOf(message));
  };
  read().catch(() => {});
  return results;
}

async function textOf(message: IncomingMessage): Promise<string> {
  try {
    return await message.text();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A request from the peer; `lines` stand behind its paths, each without its CRLF. */
export function request(method: string, id: string, lines: string[], body?: string, flag = '$'): string {
  return requestOn(`To-Path: ${ourUri}\r\nFrom-Path: ${peerUri}\r\n`, method, id, lines, body, flag);
}

/** The same with paths of its own: two whole lines. */
export function requestOn(
  paths: string,
  method: string,
  id: string,
  lines: string[],
  body?: string,
  flag = '$',
): string {
  const fields = lines.map((line) => `${line}\r\n`).join('');
  const rest = body === undefined ? '' : `\r\n${body}\r\n`;
  return `MSRP ${id} ${method}\r\n${paths}${fields}${rest}-------${id}${flag}\r\n`;
}

export interface Bound extends Played {
  readonly isBound: boolean;
}

/**
 * What `octets` do on a connection of their own to a URI that waits for its peer. `path`: who is let in; default: whoever knows the
 * session-id.
 */
export async function bindWith(octets: string, connect: ConnectOptions = {}, path?: string): Promise<Bound> {
  const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
  const acceptor = new AcceptorDirect({
    ...connect,
    listenHost: '127.0.0.1',
    network,
    clock: network.clock,
    random: network.random,
  });
  await acceptor.prepare(URI.parse(ourUri));
  let session: MSRPSession | undefined;
  let bodies: string[] = [];
  const complete = async (): Promise<void> => {
    session = new MSRPSession(await acceptor.complete(path === undefined ? undefined : [URI.parse(path)]));
    bodies = readAll(session);
  };
  complete().catch(() => {});
  const endpoint = new Endpoint(await network.settle(network.connect({ host: '127.0.0.1', port: 2855 })));
  endpoint.socket.write([Buffer.from(octets, 'latin1')]);
  await network.run(network.clock.now() + 1000);
  const frames = decodeChunks(endpoint.data).map(brief);
  const bound: Bound = { frames, bodies, isOpen: !endpoint.closed, isBound: session !== undefined };
  session?.transport.destroy();
  await acceptor.cleanup();
  endpoint.socket.destroy();
  await network.run();
  return bound;
}

/** A response to `request` with lines and paths of its own. */
export function answer({ transactionId: id }: Chunk, status: string, lines: string[] = []): string {
  const own = lines.some((line) => line.startsWith('To-Path')) ? [] : [`To-Path: ${ourUri}`, `From-Path: ${peerUri}`];
  return `MSRP ${id} ${status}\r\n${[...own, ...lines].map((line) => `${line}\r\n`).join('')}-------${id}$\r\n`;
}
