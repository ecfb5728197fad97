// The options of a session.

import type { Chunk } from '../codec/index.ts';
import type { IncomingMessage } from './incoming-message.ts';
import type { RecentIds } from './recent-ids.ts';

export interface SessionOptions {
  /** Media types that are taken, with `*` and `type/*`; others are answered with 415. Default: all. */
  acceptTypes?: readonly string[];
  /**
   * Gets each chunk, or segments of long ones, instead of `messages()`; with `#` where the sender has given the message up; without a chunk
   * but with an error where a message or the session was lost. A promise that it returns holds the peer back. What it throws is logged.
   */
  onIncoming?: (chunk?: Chunk, error?: Error) => void | Promise<void>;
  /**
   * Send success reports by ourselves, of all messages or of those that the function says. It is asked when a message begins; of the others
   * `report()` of the message tells. Default true.
   */
  automaticReports?: boolean | ((message: IncomingMessage) => boolean);
  /** Send an empty SEND after so many milliseconds without other traffic of ours; no answer ends the session. Default: never. */
  keepAliveInterval?: number;
  /**
   * Octets of body in the chunks we send, at most half of the window. Default: by the `peerProfile` of the connection, or 8,192, which every
   * known peer takes. Of a longer chunk 16 KiB leave at a time, and it is ended early when something else is to be sent.
   */
  chunkSize?: number;
  /** Octets of body that may be unanswered. Default 524,288. */
  windowBytes?: number;
  /** Octets of the largest message that is taken; a larger one is answered with 413. Default: no limit. */
  maxSize?: number;
  /** What the peer said that it takes (RFC 4975 section 8): `send` throws `MSRP_ERR_ARGUMENT` for other messages. Default: anything. */
  peer?: { readonly acceptTypes?: readonly string[] | undefined; readonly maxSize?: number | undefined };
  /** A failed session that this one stands in for: messages that came whole there and come again are known (RFC 4975 section 5.4). */
  replaces?: { readonly received: RecentIds<true> };
  /**
   * Of how many messages, of each direction, the Message-ID is remembered when they are over, at some 100 octets each: to know one that comes
   * again, and whom a late REPORT is about. Default 1,000.
   */
  rememberedMessages?: number;
  /** Milliseconds without another chunk after which a message is given up whose end has not come. Default 540,000. */
  incompleteTimeout?: number;
  /** For `onIncoming`: a hint where to cut long chunks, in octets. Default 65,536. */
  segmentSize?: number;
}
