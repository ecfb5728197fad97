// The other shards of a relay, as one of them sees them: whose the token in a URI is, the links to and from there, and what limits are about
// that hold for all of them.

import type { Transferable } from 'node:worker_threads';
import { type Head, MSRPError, type URI } from '../../codec/index.ts';
import { type Bound, Connection } from '../connection.ts';
import type { Settings } from '../options.ts';
import { ProxiedSocket, type SocketFacts } from '../shards/index.ts';
import type { LinkMessage, Shared, ToHome, ToSource } from './link-protocol.ts';
import { Outlet, type OutletInit } from './outlet.ts';

/** What goes there. What is in `transfer` belongs to the other side from now on. */
export type Post = (message: LinkMessage, ...transfer: readonly Transferable[]) => void;

/** What the shard itself does about links. */
export interface LinkOwner {
  readonly settings: Settings;
  /** A request for no session on the connection of a link. Returns the session that it has bound there. */
  admit(connection: Connection, head: Head): Bound | undefined;
  /** A link has come: `hops`, see `Peer.hops`. */
  onLink(connection: Connection, hops: number): void;
  /** A wrong AUTH has come from that address, to another shard. */
  onFailure(address: string): void;
  /** Who has tokens here, and how many. */
  readonly users: ReadonlyMap<string, number>;
}

/** Digits of the shard at the head of a token: nobody has to be asked where it is known. */
const digits = 2;

/** Others write to the same connection. */
class LinkSocket extends ProxiedSocket {
  readonly wholeFrames: boolean = true;
}

class Neighbour {
  readonly users: Map<string, number> = new Map();
  readonly #post: Post;
  readonly #owner: LinkOwner;
  readonly #outlets = new Map<number, Outlet>();
  /** The homes of links from there. */
  readonly #inlets = new Map<number, LinkSocket>();
  #lastLink = 0;

  constructor(post: Post, owner: LinkOwner) {
    this.#post = post;
    this.#owner = owner;
    for (const [username, count] of owner.users) post({ kind: 'users', username, count });
  }

  post(message: Shared): void {
    this.#post(message);
  }

  open(init: Pick<OutletInit, 'connection' | 'localUri' | 'hops' | 'onKnown' | 'onUnknown' | 'onEnded'>): Outlet {
    const link = ++this.#lastLink;
    const post = (message: ToHome, ...transfer: readonly Transferable[]): void =>
      this.#post({ ...message, link }, ...transfer);
    const outlet = new Outlet({ ...init, post, onOver: () => this.#outlets.delete(link) });
    this.#outlets.set(link, outlet);
    return outlet;
  }

  onMessage(message: LinkMessage): void {
    switch (message.kind) {
      case 'users':
        if (message.count > 0) this.users.set(message.username, message.count);
        else this.users.delete(message.username);
        return undefined;
      case 'failure':
        return this.#owner.onFailure(message.address);
      case 'open':
        return this.#onOpen(message.link, message.facts, message.hops);
      case 'read':
      case 'written':
      case 'ended':
      case 'closed':
        return this.#inlets.get(message.link)?.onMessage(message);
      case 'known':
      case 'write':
      case 'credit':
      case 'idle':
      case 'end':
      case 'destroy':
        return this.#outlets.get(message.link)?.onMessage(message);
    }
  }

  #onOpen(link: number, facts: SocketFacts, hops: number): void {
    const post = (message: ToSource, ...transfer: readonly Transferable[]): void =>
      this.#post({ ...message, link }, ...transfer);
    const socket = new LinkSocket(facts, post, () => this.#inlets.delete(link));
    this.#inlets.set(link, socket);
    let isKnown = false;
    let isIdle = false;
    const retire = (): void => {
      if (!isIdle) post({ kind: 'idle' });
      isIdle = true;
    };
    const admit = (connection: Connection, head: Head): Bound | undefined => {
      const bound = this.#owner.admit(connection, head);
      if (connection.sessions === 0) retire();
      else if (!isKnown) {
        isKnown = true;
        post({ kind: 'known' });
      }
      return bound;
    };
    const { settings } = this.#owner;
    // Its source watches the connection, which others share, and knows when it is not read.
    const timeouts = { ...settings.timeouts, idleFrameMs: Number.POSITIVE_INFINITY };
    const owner = { isRelay: true, admit, onIdle: retire };
    this.#owner.onLink(new Connection(socket, { ...settings, timeouts }, owner), hops);
  }

  /** It is gone, and all that went through it. */
  lose(): void {
    const lost = new MSRPError('MSRP_ERR_CLOSED', 'a shard of the relay was lost', { scope: 'session' });
    for (const inlet of this.#inlets.values()) inlet.lose(lost);
    for (const outlet of this.#outlets.values()) outlet.lose();
  }
}

export class Neighbours {
  readonly #index: number;
  readonly #owner: LinkOwner;
  readonly #all = new Map<number, Neighbour>();

  /** `index`: the number of this shard. */
  constructor(index: number, owner: LinkOwner) {
    this.#index = index;
    this.#owner = owner;
  }

  /** Another shard is there: messages to it go to `post`; the result takes those from it. */
  join(index: number, post: Post): (message: LinkMessage) => void {
    const neighbour = new Neighbour(post, this.#owner);
    this.#all.set(index, neighbour);
    return (message) => neighbour.onMessage(message);
  }

  lose(index: number): void {
    const neighbour = this.#all.get(index);
    this.#all.delete(index);
    neighbour?.lose();
  }

  /** The secret of a session, as it is to stand in its URI. */
  tokenOf(secret: string): string {
    return this.#index.toString(36).padStart(digits, '0') + secret;
  }

  /** Whoever gave out that URI, if it is another one. */
  homeOf({ sessionId = '' }: URI): Neighbour | undefined {
    return this.#all.get(Number.parseInt(sessionId.slice(0, digits), 36));
  }

  /** Tokens of a user in the other shards. */
  countOf(username: string): number {
    let count = 0;
    for (const { users } of this.#all.values()) count += users.get(username) ?? 0;
    return count;
  }

  tell(message: Shared): void {
    for (const neighbour of this.#all.values()) neighbour.post(message);
  }
}

export type { Neighbour };
