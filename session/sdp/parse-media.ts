// From the lines of a section to an MSRPMedia. The lines that all media have in common (m, c, setup, direction) go through
// sdp-transform; it gets no others, since it keeps only one fingerprint, knows nothing of MSRP, and some of its patterns for
// codecs take quadratic time on hostile lines. What the session level says holds for a section that does not say it.
//
// Never throws. What breaks its rule is as good as absent: an unusable path is an empty one, a max-size of letters none.

import { parse } from 'sdp-transform';
import { parseAcceptTypes, parsePath, type URI } from '../../codec/index.ts';
import { type Fingerprint, parseFingerprint } from '../../net/index.ts';
import { parseFileAttributes } from './file-attributes.ts';
import { type MediaDirection, knownAttributes, MSRPMedia } from './msrp-media.ts';
import type { Setup } from './setup.ts';

const common = /^(?:[mc]=|a=(?:setup:|(?:sendrecv|sendonly|recvonly|inactive)$))/;
const mediaLine = /^m=message /;
const setups: ReadonlySet<string> = new Set<Setup>(['active', 'passive', 'actpass']);

/** What sdp-transform gives: whatever looks like a number is one, though its types promise text. */
type Word = string | number;

interface CommonLines {
  setup?: Word;
  direction?: MediaDirection;
  connection?: { ip: Word };
}

interface ParsedLines extends CommonLines {
  media: (CommonLines & { type: Word; port: Word; protocol: Word; payloads?: Word })[];
}

/** The lines of a description or section, without their ends. */
export function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/).filter((line) => line !== '');
}

/** `undefined` when the section is not `m=message`. */
export function parseMedia(sessionLines: readonly string[], sectionLines: readonly string[]): MSRPMedia | undefined {
  if (!mediaLine.test(sectionLines[0] ?? '')) return undefined;
  const standard = [...sessionLines, ...sectionLines].filter((line) => common.test(line));
  const { media, ...session } = parse(standard.join('\r\n')) as ParsedLines;
  const [section] = media;
  if (section?.type !== 'message' || section.protocol === '') return undefined;

  const values = attributesOf(sectionLines);
  const lines = withFingerprints(sessionLines, sectionLines);
  const port = Number(section.port);
  const setup = String(section.setup ?? session.setup ?? '').toLowerCase();
  const connection = section.connection ?? session.connection;
  return new MSRPMedia({
    port: port <= 65_535 ? port : 0,
    protocol: String(section.protocol),
    format: String(section.payloads ?? '').trim() || '-',
    address: connection?.ip === '' ? undefined : connection && String(connection.ip),
    path: parseMediaPath(values.get('path') ?? ''),
    acceptTypes: parseAcceptTypes(values.get('accept-types') ?? ''),
    acceptWrappedTypes: parseAcceptTypes(values.get('accept-wrapped-types') ?? ''),
    maxSize: parseMaxSize(values.get('max-size') ?? ''),
    direction: section.direction ?? session.direction,
    setup: setups.has(setup) ? (setup as Setup) : undefined,
    cema: values.has('msrp-cema'),
    fingerprints: lines.flatMap(fingerprintsOf),
    file: parseFileAttributes(values),
    chatroom: values
      .get('chatroom')
      ?.split(/\s+/)
      .filter((word) => word !== ''),
    lines: lines.filter(isOther),
  });
}

/** Of an attribute that comes twice the first counts. Spaces in front of a value are none of it. */
function attributesOf(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^a=([^:]+)(?::(.*))?$/s.exec(line) ?? [];
    if (name !== undefined && !values.has(name)) values.set(name, value.trim());
  }
  return values;
}

function isOther(line: string): boolean {
  if (/^[ibk]=/.test(line)) return true;
  if (isFingerprint(line)) return fingerprintsOf(line).length === 0;
  const [, name] = /^a=([^:]+)/.exec(line) ?? [];
  return name !== undefined && !knownAttributes.has(name);
}

function parseMediaPath(value: string): readonly URI[] {
  try {
    return parsePath(value, {}, true);
  } catch {
    return [];
  }
}

/** More than a number can hold is no limit. */
function parseMaxSize(value: string): number | undefined {
  const size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(size) ? size : undefined;
}

/** The section, with the fingerprints of the session level if it has none of its own (RFC 8122 section 5). */
function withFingerprints(session: readonly string[], section: readonly string[]): readonly string[] {
  return section.some(isFingerprint) ? section : [...section, ...session.filter(isFingerprint)];
}

function isFingerprint(line: string): boolean {
  return line.startsWith('a=fingerprint:');
}

/** One or none: the hash functions that we do not use are passed over. */
function fingerprintsOf(line: string): Fingerprint[] {
  if (!isFingerprint(line)) return [];
  try {
    return [parseFingerprint(line.slice('a=fingerprint:'.length))];
  } catch {
    return [];
  }
}
