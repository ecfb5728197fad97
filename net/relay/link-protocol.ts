// What crosses between two shards of a relay. A link is a connection of one shard, as far as it concerns one session of the other one, which
// is its home: its requests go there with their tokens, and what is to be sent comes back as whole frames.
//
//   source  --open, read, written, ended, closed-->  home
//   source  <--known, write, credit, idle, end, destroy--  home
//   both    --users, failure-->                      what limits are about that hold for all shards
//
//   known   the session is there                     idle    it is there no more, or never was: the source sends no more for it (ended)

import type { ErrorRecord, ReadMessage, SocketFacts, ToConnection } from '../shards/index.ts';

export type ToHome =
  /** `hops`: see `Peer.hops`. */
  | { readonly kind: 'open'; readonly hops: number; readonly facts: SocketFacts }
  | ReadMessage
  | { readonly kind: 'written' }
  /** `error`: in the middle of a frame. */
  | { readonly kind: 'ended'; readonly error: ErrorRecord | undefined }
  | { readonly kind: 'closed'; readonly error: ErrorRecord | undefined };

export type ToSource = ToConnection | { readonly kind: 'known' } | { readonly kind: 'idle' };

export type Shared =
  /** So many tokens that user has there. */
  | { readonly kind: 'users'; readonly username: string; readonly count: number }
  /** A wrong AUTH has come from that address. */
  | { readonly kind: 'failure'; readonly address: string };

/** `link`: a number that the source gives, once. */
export type LinkMessage = (ToHome & { readonly link: number }) | (ToSource & { readonly link: number }) | Shared;

/** What a request costs beyond its body and fields that are new, about. */
export const requestBytes = 512;
