// One media section of SDP that is for MSRP (RFC 4975 section 8), as a value:
//
//   m=message 7394 TCP/MSRP *                     "TCP/MSRP" / "TCP/TLS/MSRP"; port 0: refused or over
//   c=IN IP4 alice.example.com                    host of the own URI; nobody connects there but for CEMA
//   a=accept-types:message/cpim text/*            what may be sent here at all
//   a=accept-wrapped-types:*                      what else may be sent inside of those
//   a=max-size:20000                              octets of the largest message
//   a=path:msrp://alice.example.com:7394/2s93i93idj;tcp
//   a=setup:actpass                               RFC 6135
//   a=msrp-cema                                   RFC 6714
//   a=fingerprint:SHA-256 12:DF:...               RFC 8122
//   a=sendrecv
//   a=file-...                                    RFC 5547
//   a=chatroom:nickname private-messages          RFC 7701
//
// Parsing gives what the section says, right or wrong; whether a session can come of it is for media-rules.ts.

import {
  acceptsMediaType,
  acceptsWrapped,
  formatPath,
  MSRPError,
  parseAcceptTypes,
  type URI,
} from '../../codec/index.ts';
import { type Fingerprint, formatFingerprint } from '../../net/index.ts';
import { type FileAttributes, fileAttributeNames, formatFileAttributes } from './file-attributes.ts';
import type { Setup } from './setup.ts';

/** Which way messages go, as the one who says it sees it. Reports go both ways all the same (RFC 4975 section 8.9). */
export type MediaDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** What an {@link MSRPMedia} is made of. `undefined` is as good as absent. */
export interface MSRPMediaInit {
  path?: readonly URI[] | undefined;
  acceptTypes?: readonly string[] | undefined;
  acceptWrappedTypes?: readonly string[] | undefined;
  maxSize?: number | undefined;
  direction?: MediaDirection | undefined;
  setup?: Setup | undefined;
  cema?: boolean | undefined;
  fingerprints?: readonly Fingerprint[] | undefined;
  file?: FileAttributes | undefined;
  chatroom?: readonly string[] | undefined;
  port?: number | undefined;
  protocol?: string | undefined;
  format?: string | undefined;
  address?: string | undefined;
  lines?: readonly string[] | undefined;
}

/** The attributes that have fields here, or that RFC 6135 section 4.4 says to ignore; the others are kept as lines. */
export const knownAttributes: ReadonlySet<string> = new Set([
  'path',
  'accept-types',
  'accept-wrapped-types',
  'max-size',
  'setup',
  'connection',
  'msrp-cema',
  'fingerprint',
  'sendrecv',
  'sendonly',
  'recvonly',
  'inactive',
  'chatroom',
  ...fileAttributeNames,
]);

/** Frozen. Make a changed one with {@link MSRPMedia.with}. */
export class MSRPMedia {
  /** Next hop first, the endpoint last. Empty where there is no usable one. */
  readonly path: readonly URI[];
  /** What its author takes: media types, `type/*`, `*`; the preferred first. */
  readonly acceptTypes: readonly string[];
  /** What it also takes, but only inside one of those. */
  readonly acceptWrappedTypes: readonly string[];
  /** Octets of the largest message its author takes; undefined: not said. */
  readonly maxSize: number | undefined;
  /** Default `sendrecv`. */
  readonly direction: MediaDirection;
  readonly setup: Setup | undefined;
  readonly cema: boolean;
  /** Of the certificates its author may show. Those with hashes that we do not use are kept in {@link lines}. */
  readonly fingerprints: readonly Fingerprint[];
  readonly file: FileAttributes | undefined;
  /** What a chat room can do (RFC 7701 section 8); undefined: it is none. */
  readonly chatroom: readonly string[] | undefined;
  /** 0: refused, or over. Default: that of the last URI. */
  readonly port: number;
  /** Default: by the scheme of the first URI. */
  readonly protocol: string;
  /** Always `*`, if its author keeps to the rules. */
  readonly format: string;
  /** Of the c-line. Default: the host of the last URI. */
  readonly address: string | undefined;
  /** Other lines of the section, such as `b=AS:64` or `a=mid:1`, in the order of RFC 4566. */
  readonly lines: readonly string[];

  /** Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
  constructor(init: MSRPMediaInit) {
    const { path = [], direction = 'sendrecv', cema = false, format = '*', file } = init;
    this.path = Object.freeze([...path]);
    this.acceptTypes = Object.freeze([...(init.acceptTypes ?? [])]);
    this.acceptWrappedTypes = Object.freeze([...(init.acceptWrappedTypes ?? [])]);
    this.maxSize = init.maxSize;
    this.direction = direction;
    this.setup = init.setup;
    this.cema = cema;
    this.fingerprints = Object.freeze([...(init.fingerprints ?? [])]);
    this.file = file && Object.freeze({ ...file });
    this.chatroom = init.chatroom && Object.freeze([...init.chatroom]);
    this.port = init.port ?? path.at(-1)?.port ?? 0;
    this.protocol = init.protocol ?? (path[0]?.useTLS === true ? 'TCP/TLS/MSRP' : 'TCP/MSRP');
    this.format = format;
    this.address = init.address ?? path.at(-1)?.host;
    this.lines = Object.freeze((init.lines ?? []).toSorted((a, b) => placeOf(a) - placeOf(b)));
    Object.freeze(this);
    check(this);
  }

  /** The same, but for `change`. */
  with(change: MSRPMediaInit): MSRPMedia {
    return new MSRPMedia(Object.assign({}, this, change));
  }

  /** As the answer that refuses it: port 0, and what identifies a file (RFC 5547 section 8.3). */
  refused(): MSRPMedia {
    const { protocol, format, direction, file } = this;
    const { selector, transferId } = file ?? {};
    const identified = selector && { selector, ...(transferId !== undefined && { transferId }) };
    return new MSRPMedia({ port: 0, protocol, format, direction: reverseOf(direction), file: identified });
  }

  /** Whether its author takes `contentType`: at top level, or inside of a `container` such as `message/cpim` (R4975-8.6-5). */
  accepts(contentType: string, container?: string): boolean {
    const { acceptTypes, acceptWrappedTypes } = this;
    if (container === undefined) return acceptsMediaType(acceptTypes, contentType);
    return acceptsWrapped(acceptTypes, acceptWrappedTypes, container, contentType);
  }

  /** The section, each line with its CRLF. */
  toString(): string {
    const information = this.lines.filter((line) => line.startsWith('i='));
    const attributes = this.lines.filter((line) => line.startsWith('a='));
    const between = this.lines.slice(information.length, this.lines.length - attributes.length);
    const lines = [
      `m=message ${this.port} ${this.protocol} ${this.format}`,
      ...information,
      ...(this.address === undefined ? [] : [`c=IN IP${this.address.includes(':') ? 6 : 4} ${this.address}`]),
      ...between,
      ...attributesOf(this),
      ...attributes,
    ];
    return lines.map((line) => `${line}\r\n`).join('');
  }
}

/** The direction as the other side sees it. */
export function reverseOf(direction: MediaDirection): MediaDirection {
  if (direction === 'sendonly') return 'recvonly';
  return direction === 'recvonly' ? 'sendonly' : direction;
}

function attributesOf(media: MSRPMedia): string[] {
  const { acceptTypes, acceptWrappedTypes, maxSize, path, setup, chatroom } = media;
  const attributes: string[] = [];
  if (acceptTypes.length > 0) attributes.push(`a=accept-types:${acceptTypes.join(' ')}`);
  if (acceptWrappedTypes.length > 0) attributes.push(`a=accept-wrapped-types:${acceptWrappedTypes.join(' ')}`);
  if (maxSize !== undefined) attributes.push(`a=max-size:${maxSize}`);
  if (path.length > 0) attributes.push(`a=path:${formatPath(path)}`);
  if (setup !== undefined) attributes.push(`a=setup:${setup}`);
  if (media.cema) attributes.push('a=msrp-cema');
  for (const fingerprint of media.fingerprints) attributes.push(`a=fingerprint:${formatFingerprint(fingerprint)}`);
  attributes.push(`a=${media.direction}`);
  if (media.file !== undefined) attributes.push(...formatFileAttributes(media.file));
  if (chatroom !== undefined) attributes.push(['a=chatroom', ...chatroom].join(' ').replace(' ', ':'));
  return attributes;
}

/** m, i, c, b, k, a (RFC 4566 section 5). */
function placeOf(line: string): number {
  return 'ibka'.indexOf(line.charAt(0));
}

/** Everything that is not checked where it is made. */
function check(media: MSRPMedia): void {
  const { port, maxSize, address } = media;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw cannotBe('port', port);
  if (maxSize !== undefined && (!Number.isSafeInteger(maxSize) || maxSize < 0)) throw cannotBe('max-size', maxSize);
  if (!/^[\w/]+$/.test(media.protocol)) throw cannotBe('protocol', media.protocol);
  if (!/^\S[^\r\n]*$/.test(media.format)) throw cannotBe('format', media.format);
  if (address !== undefined && !/^\S+$/.test(address)) throw cannotBe('address', address);
  for (const type of [...media.acceptTypes, ...media.acceptWrappedTypes]) {
    const [entry, ...more] = parseAcceptTypes(type);
    if (entry !== type || more.length > 0 || /[\r\n]/.test(type)) throw cannotBe('media type', type);
  }
  for (const word of media.chatroom ?? []) if (!/^\S+$/.test(word)) throw cannotBe('chatroom', word);
  if (media.file !== undefined) formatFileAttributes(media.file);
  for (const line of media.lines) checkLine(line);
}

function checkLine(line: string): void {
  if (/[\r\n]/.test(line) || !/^(?:[ibk]=|a=[^:])/.test(line)) throw cannotBe('line', line);
  const [, name] = /^a=([^:]+)/.exec(line) ?? [];
  if (name !== undefined && name !== 'fingerprint' && knownAttributes.has(name)) throw cannotBe('line', line);
}

function cannotBe(what: string, value: string | number): MSRPError {
  const message = `${JSON.stringify(value)} cannot be a ${what} of an MSRP media section`;
  return new MSRPError('MSRP_ERR_ARGUMENT', message, { scope: 'session' });
}
