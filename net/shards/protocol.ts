// What crosses between the main thread and a shard, on a message port of their own, in arrays: all of one turn of the event loop together.
//
//   main  --listen, tls, unlisten------> shard    what a listener's connections need; acknowledged where somebody waits
//   main  --sockets, pipe--------------> shard    the way of unread connections; `gone` says that one is closed
//   main  <--opened, read, ended, closed-- shard  without a handler: each read with its tokens; `credit` asks for more
//   main  --write, end, destroy--------> shard    `written` says that the system has it
//   main  --expect, accept, refuse-----> shard    with a handler: which URIs there are, and who may have them
//   main  <--arrived, bound, result----- shard
//   main  --stop-----------------------> shard    nothing more comes; the shard ends with its last connection
//
// Listeners, connections and sessions have numbers that the main thread gives, each once.

import type { Socket as RawSocket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import type { HeaderEntry } from '../../codec/index.ts';
import type { EndpointOptions } from '../options.ts';
import type { Decoder, ServerTLS, Socket, TLSFacts } from '../socket.ts';
import type { ErrorRecord } from './error-record.ts';

/** What of the options is for all of a shard. */
export type ClonedOptions = Pick<EndpointOptions, 'traffic' | 'timeouts' | 'limits' | 'tolerant' | 'match'>;

/** What a worker begins with. */
export interface ShardStart {
  readonly port: MessagePort;
  /** Whether anybody reads the log. */
  readonly logs: boolean;
  readonly counters: SharedArrayBuffer;
  /** What its guest is to do. */
  readonly task: unknown;
}

/** The task of the workers of a server. */
export interface ServerTask {
  readonly options: ClonedOptions;
  /** The module that takes the sessions; without one they are proxied. */
  readonly handler: string | undefined;
}

/** What the main thread sends with a connection. */
export interface Handed {
  readonly listener: number;
  readonly connection: number;
}

export interface ListenMessage {
  readonly kind: 'listen';
  readonly listener: number;
  readonly host: string | undefined;
  readonly port: number;
  readonly tls: ServerTLS | undefined;
}

/** To one proxied connection. */
export type ToConnection =
  | { readonly kind: 'write'; readonly bytes: Uint8Array }
  /** Reads that counted for so much are dealt with. */
  | { readonly kind: 'credit'; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'destroy' };

/** About one prepared session, for a handler. */
export type ToSession =
  | { readonly kind: 'expect'; readonly uri: string }
  /** That one is the peer: the handler gets it, and `data`. */
  | { readonly kind: 'accept'; readonly arrival: number; readonly data: unknown }
  | { readonly kind: 'refuse'; readonly arrival: number; readonly code: number }
  /** The URI serves nobody any more; a bound session lives on, unless `isAbandoned`. */
  | { readonly kind: 'forget'; readonly isAbandoned: boolean };

/** For all of a shard. */
export type ControlMessage =
  | { readonly kind: 'tls'; readonly listener: number; readonly tls: ServerTLS }
  | { readonly kind: 'unlisten'; readonly listener: number }
  /** Where sockets can be transferred: they come on a port of their own, as {@link SocketMessage}; each is acknowledged by its number. */
  | { readonly kind: 'sockets'; readonly port: MessagePort }
  /** Where sockets cannot be transferred: a pipe on which their handles come. */
  | { readonly kind: 'pipe'; readonly path: string }
  /** `isNow`: every connection is closed at once. */
  | { readonly kind: 'stop'; readonly isNow: boolean };

export type SocketMessage = Handed & { readonly socket: RawSocket };

/** For whoever is in the shard. */
export type ToGuest =
  | (ToConnection & { readonly connection: number })
  | (ToSession & { readonly listener: number; readonly session: number });

export type ToShard = ListenMessage | ControlMessage | ToGuest;

/** A head with its fields: the first of those that share them, or one that stands for itself (slot -1). */
export interface HeadRecord {
  readonly slot: number;
  readonly fields: readonly HeaderEntry[];
  /** All else of it: see net/shards/head-slots.ts. */
  readonly text: string;
}

/**
 * What a read holds, in its order. To clone an object costs microseconds, and there are many: so that is for what is rare.
 *
 *   number         octets of a body, doubled, and 1 more where more of it is in the read: which they are follows from those before
 *   1 character    the flag of an end-line
 *   longer text    a head whose fields have crossed before
 */
export type Token =
  | number
  | string
  | { readonly kind: 'head'; readonly head: HeadRecord }
  | { readonly kind: 'invalid'; readonly head: HeadRecord; readonly error: ErrorRecord }
  /** The decoder has thrown; nothing follows. */
  | { readonly kind: 'fault'; readonly error: ErrorRecord };

export function bodyToken(octets: number, more: boolean): Token {
  return 2 * octets + (more ? 1 : 0);
}

export interface ReadMessage {
  readonly kind: 'read';
  readonly bytes: Uint8Array;
  readonly tokens: readonly Token[];
  readonly openPart: Decoder['openPart'];
  readonly openOffset: number;
  /** What it counts for, of the credit. */
  readonly cost: number;
  /** See `ChunkDecoder.lookAlikes`; not where nobody asks. */
  readonly lookAlikes?: number;
}

export interface SocketFacts {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly tls: TLSFacts | undefined;
}

/** What of a socket the other side has to know. */
export function factsOf({ localAddress, localPort, remoteAddress, remotePort, tls }: Socket): SocketFacts {
  return { localAddress, localPort, remoteAddress, remotePort, tls };
}

export type FromConnection =
  | ({ readonly kind: 'opened' } & SocketFacts)
  | ReadMessage
  | { readonly kind: 'written' }
  /** FIN. `error`: in the middle of a frame. */
  | { readonly kind: 'ended'; readonly error: ErrorRecord | undefined }
  | { readonly kind: 'closed'; readonly error: ErrorRecord | undefined };

export type FromSession =
  | { readonly kind: 'expected'; readonly error: ErrorRecord | undefined }
  /** A peer has sent a binding request: the how manieth for that URI in that shard, and from whom. */
  | { readonly kind: 'arrived'; readonly arrival: number; readonly path: readonly string[] }
  | { readonly kind: 'left' }
  | { readonly kind: 'bound'; readonly address: string; readonly port: number }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
  | { readonly kind: 'over' };

export type FromShard =
  | { readonly kind: 'ready' }
  /** It cannot do its work: the handler does not load. */
  | { readonly kind: 'unfit'; readonly error: ErrorRecord }
  | { readonly kind: 'listening'; readonly listener: number; readonly error: ErrorRecord | undefined }
  | { readonly kind: 'refused'; readonly listener: number; readonly error: ErrorRecord }
  | { readonly kind: 'gone'; readonly connection: number }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }
  | (FromConnection & Handed)
  | (FromSession & { readonly listener: number; readonly session: number });

/** Octets of one connection that may be under way to another thread, or wait there. */
export const creditBytes = 1_048_576;

/** What a shard counts where all threads can see it: the slots of a Float64Array, each written by that shard alone. */
export const Count = { sessions: 0, readBytes: 1, copiedBytes: 2, slots: 3 } as const;
