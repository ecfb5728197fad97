// An offer and an answer on real sockets, and what a middlebox or an odd peer makes of them on the way.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  type AnswerOptions,
  createAnswer,
  createOffer,
  type IncomingMessage,
  type MSRPAnswer,
  type MSRPOffer,
  type MSRPSession,
  type OfferOptions,
  URI,
} from '../../index.ts';
import { closeAfterTest } from '../net/open.ts';

export const here: URI = new URI({ host: '127.0.0.1' });

type Rewrite = (sdp: string) => string;

export interface Both {
  offer?: OfferOptions;
  answer?: AnswerOptions;
  /** What becomes of the offer on its way. */
  rewriteOffer?: Rewrite;
  rewriteAnswer?: Rewrite;
}

export interface Negotiated {
  offer: MSRPOffer;
  answer: MSRPAnswer;
  /** The session of the offerer. */
  alice: Promise<MSRPSession>;
  /** The session of the answerer. */
  bob: Promise<MSRPSession>;
}

const same: Rewrite = (sdp) => sdp;

/** Negotiates; the sessions may fail. What comes of them is closed after the test. */
export async function negotiate(o: Both = {}): Promise<Negotiated> {
  const offer = await createOffer({ localUri: here, ...o.offer });
  closeAfterTest(() => offer.cleanup());
  const answer = await createAnswer((o.rewriteOffer ?? same)(offer.sdp), { localUri: here, ...o.answer });
  closeAfterTest(() => answer.cleanup());
  const bob = answer.connect();
  const alice = offer.applyAnswer((o.rewriteAnswer ?? same)(answer.sdp));
  for (const session of [alice, bob]) session.then(closeSession, () => {});
  return { offer, answer, alice, bob };
}

function closeSession(session: MSRPSession): void {
  closeAfterTest(async () => {
    session.transport.destroy();
    await session.closed;
  });
}

/** Both sessions of {@link negotiate}. */
export async function connected(o: Both = {}): Promise<Negotiated & { sessions: [MSRPSession, MSRPSession] }> {
  const negotiated = await negotiate(o);
  return { ...negotiated, sessions: await Promise.all([negotiated.alice, negotiated.bob]) };
}

/** Says hello in both directions. */
export async function greet([alice, bob]: readonly [MSRPSession, MSRPSession]): Promise<string[]> {
  return [await say(alice, bob, 'hello'), await say(bob, alice, 'hello back')];
}

async function say(from: MSRPSession, to: MSRPSession, text: string): Promise<string> {
  const sent = from.send(text);
  const { value } = (await to.messages().next()) as { value: IncomingMessage };
  const received = await value.text();
  await sent.delivered;
  return received;
}

export interface Box {
  readonly port: number;
  /** Connections that it took. */
  connections: number;
}

/** A middlebox that forwards each connection to where `target` says. */
export async function openProxy(target: () => number): Promise<Box> {
  const box = { port: 0, connections: 0 };
  box.port = await listen((socket) => {
    box.connections++;
    join(socket, destroyed(connect(target(), '127.0.0.1')));
  });
  return box;
}

/** A middlebox that waits for two connections and makes one of them. */
export async function openJoiner(): Promise<Box> {
  const box = { port: 0, connections: 0 };
  let first: Socket | undefined;
  box.port = await listen((socket) => {
    box.connections++;
    if (first === undefined) first = socket;
    else join(first, socket);
  });
  return box;
}

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => onSocket(destroyed(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closeAfterTest(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function join(one: Socket, other: Socket): void {
  one.pipe(other);
  other.pipe(one);
}

function destroyed(socket: Socket): Socket {
  closeAfterTest(() => void socket.destroy());
  return socket.on('error', () => {});
}
