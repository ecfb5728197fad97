// The attributes of a file that is offered or asked for (RFC 5547 section 6).
//
//   file-selector      = "file-selector" [ ":" selector *( SP selector ) ]
//   selector           = "name:" DQUOTE filename-string DQUOTE / "size:" integer
//                      / "type:" type "/" subtype *( ";" attribute "=" DQUOTE filename-string DQUOTE )
//                      / "hash:" hash-algorithm ":" 2HEXDIG *( ":" 2HEXDIG )
//   filename-string    = 1*( filename-char / percent-encoded )          ; no NUL, LF, CR, quote or percent as they are
//   file-transfer-id   = token          file-disposition = token          file-icon = cid-url
//   file-date          = ( "creation:" / "modification:" / "read:" ) DQUOTE date-time DQUOTE, each once, SP between
//   file-range         = integer "-" ( integer / "*" )                  ; 1-based and inclusive
//
// A selector that breaks its rule is passed over, as are unknown ones. Beyond the grammar: `sha1` for `sha-1`, escapes
// that are none stand for themselves. The name is the peer's word: never use it as a path before it is sanitised.

import { isMediaType, MSRPError, parseMediaType } from '../../codec/index.ts';
import { type Fingerprint, formatFingerprint, parseFingerprint } from '../../net/index.ts';

/** Which file. Each field narrows the choice; without any it only says that file transfer is possible (section 6). */
export interface FileSelector {
  /** As the user sees it. */
  readonly name?: string;
  /** Octets of the whole file; at least 1. */
  readonly size?: number;
  /** Its media type, as in Content-Type. */
  readonly type?: string;
  /** Of the whole file, also when only a range of it is wanted. SHA-1 is what every peer knows. */
  readonly hashes?: readonly Fingerprint[];
}

/** When something happened to the file; to the second. */
export interface FileDates {
  readonly creation?: Date;
  readonly modification?: Date;
  readonly read?: Date;
}

export interface FileAttributes {
  readonly selector: FileSelector;
  /** One for each transfer: a new one to start anew or to resume (section 8.1). */
  readonly transferId?: string;
  /** `render` (default) or `attachment`. */
  readonly disposition?: string;
  readonly dates?: FileDates;
  /** `cid:` URL of a preview in the same SIP body. */
  readonly icon?: string;
  /** The octets wanted, 1-based and inclusive; without `end`, to the last. Default: the whole file. */
  readonly range?: { readonly start: number; readonly end?: number };
}

/** The names of these attributes in SDP. */
export const fileAttributeNames = [
  'file-selector',
  'file-transfer-id',
  'file-disposition',
  'file-date',
  'file-icon',
  'file-range',
] as const;

const selectorPattern = /([a-z]+):("[^"]*"|(?:[^ "]+|"[^"]*")+)/g;
const datePattern = /(creation|modification|read):"([^"]*)"/g;
const dateTime = /^(?:[a-z]{3}, *)?\d{1,2} +[a-z]{3} +\d{4} +\d{2}:\d{2}(?::\d{2})? +[+-]\d{4}$/i;
const integer = /^[1-9]\d{0,14}$/;
const loneSurrogate = /\p{Surrogate}/u;
const token = /^[!#-'*+\-.0-9A-Z^-~]+$/;

/** From the values by their names; undefined without file-selector. */
export function parseFileAttributes(values: ReadonlyMap<string, string>): FileAttributes | undefined {
  const selector = values.get('file-selector');
  if (selector === undefined) return undefined;
  const transferId = tokenOf(values.get('file-transfer-id'));
  const disposition = tokenOf(values.get('file-disposition'));
  const dates = parseDates(values.get('file-date'));
  const icon = /^cid:\S+$/.exec(values.get('file-icon') ?? '')?.[0];
  const range = parseRange(values.get('file-range'));
  return {
    selector: parseFileSelector(selector),
    ...(transferId !== undefined && { transferId }),
    ...(disposition !== undefined && { disposition }),
    ...(dates !== undefined && { dates }),
    ...(icon !== undefined && { icon }),
    ...(range !== undefined && { range }),
  };
}

/** The lines `a=file-...`. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatFileAttributes(file: FileAttributes): string[] {
  const selector = formatFileSelector(file.selector);
  const lines = [selector === '' ? 'a=file-selector' : `a=file-selector:${selector}`];
  const { transferId, disposition, dates, icon, range } = file;
  if (transferId !== undefined) lines.push(`a=file-transfer-id:${checked('file-transfer-id', transferId, token)}`);
  if (disposition !== undefined) lines.push(`a=file-disposition:${checked('file-disposition', disposition, token)}`);
  const dateTexts = Object.entries(dates ?? {}).map(([kind, date]) => `${kind}:"${formatDate(date as Date)}"`);
  if (dateTexts.length > 0) lines.push(`a=file-date:${dateTexts.join(' ')}`);
  if (icon !== undefined) lines.push(`a=file-icon:${checked('file-icon', icon, /^cid:\S+$/)}`);
  if (range !== undefined) {
    const text = `${range.start}-${range.end ?? '*'}`;
    if (!isRange(range)) throw cannotBe('file-range', text);
    lines.push(`a=file-range:${text}`);
  }
  return lines;
}

/** Never throws: what is no selector is passed over. */
export function parseFileSelector(text: string): FileSelector {
  const selector: { name?: string; size?: number; type?: string; hashes?: Fingerprint[] } = {};
  for (const [, kind = '', value = ''] of text.matchAll(selectorPattern)) {
    if (kind === 'name') selector.name = decode(unquoted(value));
    else if (kind === 'size' && integer.test(value)) selector.size = Number(value);
    else if (kind === 'type') Object.assign(selector, parseType(value));
    else if (kind === 'hash') selector.hashes = [...(selector.hashes ?? []), ...parseHash(value)];
  }
  if (selector.name === '' || loneSurrogate.test(selector.name ?? '')) delete selector.name;
  if (selector.hashes?.length === 0) delete selector.hashes;
  return selector;
}

/** The value of file-selector. Throws `MSRP_ERR_ARGUMENT`. */
export function formatFileSelector(selector: FileSelector): string {
  const { name, size, type, hashes = [] } = selector;
  const parts: string[] = [];
  if (name !== undefined) {
    if (name === '' || loneSurrogate.test(name)) throw cannotBe('name of a file', name);
    parts.push(`name:"${encode(name)}"`);
  }
  if (size !== undefined) {
    if (!Number.isSafeInteger(size) || size < 1) throw cannotBe('size of a file', size);
    parts.push(`size:${size}`);
  }
  if (type !== undefined) parts.push(`type:${formatType(type)}`);
  for (const hash of hashes) {
    const [algorithm = '', digits = ''] = formatFingerprint(hash).split(' ');
    parts.push(`hash:${algorithm.toLowerCase()}:${digits}`);
  }
  return parts.join(' ');
}

/** Its parameters are quoted, and escaped like file names. */
function formatType(text: string): string {
  if (!isMediaType(text)) throw cannotBe('type of a file', text);
  const { type, subtype, parameters } = parseMediaType(text);
  const written = Array.from(parameters, ([name, value = '']) => `;${name}="${encode(value)}"`);
  return `${type}/${subtype}${written.join('')}`;
}

function parseType(value: string): { type?: string } {
  const type = value.replaceAll(/"([^"]*)"/g, (_, text: string) => `"${decode(text).replaceAll(/["\\]/g, '\\$&')}"`);
  return isMediaType(type) ? { type } : {};
}

function parseHash(value: string): Fingerprint[] {
  const colon = value.indexOf(':');
  const algorithm = value.slice(0, colon).replace(/^sha(?=\d)/i, 'sha-');
  try {
    return [parseFingerprint(`${algorithm} ${value.slice(colon + 1)}`)];
  } catch {
    return [];
  }
}

function parseDates(value: string | undefined): FileDates | undefined {
  const dates: { -readonly [Kind in keyof FileDates]: FileDates[Kind] } = {};
  for (const [, kind, text = ''] of (value ?? '').matchAll(datePattern)) {
    const at = dateTime.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(at)) dates[kind as keyof FileDates] ??= new Date(at);
  }
  return Object.keys(dates).length === 0 ? undefined : dates;
}

function formatDate(date: Date): string {
  if (Number.isNaN(date.getTime())) throw cannotBe('date of a file', 'no date');
  const text = date.toUTCString().replace('GMT', '+0000');
  if (!dateTime.test(text)) throw cannotBe('date of a file', text);
  return text;
}

function parseRange(value: string | undefined): FileAttributes['range'] {
  const [, start = '', end = ''] = /^(\d+)-(\d+|\*)$/.exec(value ?? '') ?? [];
  const range = { start: Number(start), ...(end !== '*' && { end: Number(end) }) };
  return isRange(range) ? range : undefined;
}

function isRange({ start, end }: { start: number; end?: number }): boolean {
  return (
    Number.isSafeInteger(start) && start >= 1 && (end === undefined || (Number.isSafeInteger(end) && end >= start))
  );
}

function tokenOf(value: string | undefined): string | undefined {
  return value !== undefined && token.test(value) ? value : undefined;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1) : value;
}

/** Also what an operating system may read as a folder, which a name must not hold (R5547-6-2). */
function encode(text: string): string {
  return text.replaceAll(/[\0-\x1f\x7f"%/\\]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function decode(text: string): string {
  return text.replaceAll(/(?:%[\dA-F]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

function checked(what: string, value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw cannotBe(what, value);
  return value;
}

function cannotBe(what: string, value: string | number): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', `${JSON.stringify(value)} cannot be the ${what}`, { scope: 'session' });
}
