// What makes an MSRP media section usable, and what a later one means (RFC 4975 section 8, RFC 5547 section 8; D-SDP-3 to 7).
//
// Tolerated on request, since peers and middleboxes do it: a path URI without port (then 2855 is meant), no accept-types (then
// everything is taken), another format than `*`, and a protocol that contradicts the scheme of the path, which then counts.
// Tolerated always: whatever the c-line and the port of the m-line say, unknown attributes, several URIs, a=connection.

import { acceptsMediaType } from '../../codec/index.ts';
import { formatFileSelector } from './file-attributes.ts';
import type { MSRPMedia } from './msrp-media.ts';

export interface MediaRules {
  /** Take what peers are known to write against the rules. */
  tolerant?: boolean | undefined;
  /** Refuse a connection without TLS. */
  requireTLS?: boolean | undefined;
}

/** Why no session can come of `media`, in words; undefined: it can. A port of 0 is not its matter. */
export function refusalOf(media: MSRPMedia, rules: MediaRules = {}): string | undefined {
  const { path, protocol, file } = media;
  const [first] = path;
  if (!/^TCP\/(?:TLS\/)?MSRP$/i.test(protocol)) return `the protocol ${protocol} is not TCP/MSRP or TCP/TLS/MSRP`;
  if (first === undefined) return 'there is no a=path, or it is no MSRP path';
  if (rules.tolerant !== true) {
    if (media.format !== '*') return 'the format is not *';
    if (media.acceptTypes.length === 0) return 'there is no a=accept-types';
    if (first.port === undefined) return 'the first URI of the path has no port';
    if (contradicts(media)) return `the path is ${first.useTLS ? 'msrps' : 'msrp'}, but the protocol ${protocol}`;
  }
  if (rules.requireTLS === true && !first.useTLS) return 'TLS is required here';
  if (hasNoUsableFingerprint(media)) return 'no fingerprint among them is of a hash function that is used';
  if (file !== undefined && file.transferId === undefined) return 'a file has no a=file-transfer-id';
  return undefined;
}

/** D-SDP-4; clients of WebSocket and relays offer TLS whatever the first of their URIs is. */
function contradicts({ protocol, path }: MSRPMedia): boolean {
  const useTLS = path[0]?.useTLS === true;
  return /TLS/i.test(protocol) ? !useTLS && path.length === 1 : useTLS;
}

/** To verify nothing is not an answer to MD5 (RFC 8122 section 5). */
function hasNoUsableFingerprint({ path, fingerprints, lines }: MSRPMedia): boolean {
  if (path[0]?.useTLS !== true || fingerprints.length > 0) return false;
  return lines.some((line) => line.startsWith('a=fingerprint:'));
}

/** The entries that one side lists and the other takes, in the order of `preferred`. None: there is nothing to talk about. */
export function commonTypes(preferred: readonly string[], others: readonly string[]): string[] {
  const ours = preferred.filter((type) => acceptsMediaType(others, type));
  const theirs = others.filter((type) => acceptsMediaType(preferred, type));
  return [...new Set([...ours, ...theirs])];
}

/**
 * What a later offer of the same m-line means for its session or file:
 *
 * - `unchanged`: go on, the answer is the same as before
 * - `new`: a new session or transfer; the one before ends when the new one is bound, or refused
 * - `over`: it has ended
 * - `conflict`: another file under the same id: refuse it
 */
export type Renewal = 'unchanged' | 'new' | 'over' | 'conflict';

export function renewalOf(previous: MSRPMedia, now: MSRPMedia): Renewal {
  if (now.port === 0) return 'over';
  if (now.file !== undefined || previous.file !== undefined) {
    if (now.file?.transferId !== previous.file?.transferId) return 'new';
    if (selectorOf(now) !== selectorOf(previous)) return 'conflict';
  }
  const isSame =
    now.path.length === previous.path.length && now.path.every((uri, at) => uri.key === previous.path[at]?.key);
  return isSame ? 'unchanged' : 'new';
}

function selectorOf({ file }: MSRPMedia): string | undefined {
  return file && formatFileSelector(file.selector);
}
