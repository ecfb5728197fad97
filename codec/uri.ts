// MSRP URIs (RFC 4975 section 6) and the paths made of them. A URI is split once, by D-URI-1: the authority ends at the
// first "/", or at the first ";" where there is no session-id; the first parameter is the transport. Each piece is then
// held against one flat pattern, so parsing is linear in the text whatever it holds.
//
// Invariants: `host` is canonical (lower-case, decoded, one spelling for each IPv6 address), so comparing fields is
// comparing URIs. A parsed URI prints the octets it came from (D-URI-5).

import { ChunkParseError, MSRPError } from './errors.ts';
import { excerpt, isToken } from './lexical.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { isText } from './text.ts';

/** The parameters behind the transport: one without "=" is there with the value `undefined`. */
export type URIParameters = Readonly<Record<string, string | undefined>>;

/** What a {@link URI} is made of. `undefined` is as good as absent, so `new URI({ ...uri, port: 9 })` works. */
export interface URIInit {
  /** A domain name, or an IPv4 or IPv6 address; IPv6 with or without its brackets. */
  host: string;
  /** `msrps` instead of `msrp`. Default: false. */
  useTLS?: boolean | undefined;
  /** The userinfo. Escapes are kept, what is not unreserved is percent-encoded (D-URI-6). Never with a password. */
  user?: string | undefined;
  /** 1 to 65535. There is no default; 0 is as good as none: who listens takes any port, who connects asks SRV. */
  port?: number | undefined;
  /** Letters, digits and `-._~+=/`. Without one the URI names a device, such as a relay. */
  sessionId?: string | undefined;
  /** Letters and digits, in any case. Default: `tcp`. */
  transport?: string | undefined;
  parameters?: URIParameters | undefined;
  /** Kept for the application, see {@link URI.credentials}. */
  credentials?: object | undefined;
}

/**
 * One MSRP URI. Frozen, since one instance may serve many chunks. Its fields can be spread or structured-cloned into
 * the init of an equal URI; the credentials and the spelling stay behind.
 *
 *     MSRP-URI      = msrp-scheme "://" authority [ "/" session-id ] ";" transport *( ";" URI-parameter )
 *     msrp-scheme   = "msrp" / "msrps"
 *     authority     = [ userinfo "@" ] host [ ":" port ]
 *     URI-parameter = token [ "=" token ]
 */
export class URI {
  /** In lower case and decoded. IPv6 is spelled as in RFC 5952, without brackets: what `net.connect` takes. */
  readonly host: string;
  readonly useTLS: boolean;
  /** The userinfo with its escapes. */
  readonly user: string | undefined;
  readonly port: number | undefined;
  readonly sessionId: string | undefined;
  /** In lower case. */
  readonly transport: string;
  /** As spelled on the wire, and frozen. Of a name that comes twice the first counts. */
  readonly parameters: URIParameters;
  readonly #text: string;
  readonly #credentials: object | undefined;
  #key: string | undefined;

  /**
   * Throws `MSRP_ERR_BAD_URI`. Only here may a numeric host lack its port: such a URI asks for a listener on any port
   * and is not for the wire, {@link URI.parse} refuses it (R4975-6-3).
   */
  constructor(init: URIInit) {
    const parts = init instanceof Parts ? init : checkInit(init);
    this.host = parts.host;
    this.useTLS = parts.useTLS;
    this.user = parts.user;
    this.port = parts.port;
    this.sessionId = parts.sessionId;
    this.transport = parts.transport;
    this.parameters = parts.parameters;
    this.#text = parts.text;
    this.#credentials = init.credentials;
    Object.freeze(this);
  }

  /** Parses one URI, without white space. Throws a {@link ChunkParseError} `MSRP_ERR_BAD_URI`, and nothing else. */
  static parse(text: string): URI {
    return new URI(parseParts(text));
  }

  /** An object of the application that goes with the URI but is no part of it: not compared, printed or cloned. */
  get credentials(): object | undefined {
    return this.#credentials;
  }

  /** One text for all equal URIs, for a Map: `a.key === b.key` exactly if `a.equals(b)`. Made on first use. */
  get key(): string {
    this.#key ??= formatURI(this, '', '');
    return this.#key;
  }

  /**
   * Whether both name the same (RFC 4975 section 6.1). Compares scheme, host, port, session-id and transport, but
   * neither userinfo nor parameters (D-URI-3). No name is looked up, no IPv4 address equals an IPv6 one (D-URI-4).
   */
  equals(other: URI): boolean {
    return (
      this.sessionId === other.sessionId &&
      this.host === other.host &&
      this.port === other.port &&
      this.transport === other.transport &&
      this.useTLS === other.useTLS
    );
  }

  /** The octets the URI was parsed from; of a constructed URI the canonical text. */
  toString(): string {
    return this.#text;
  }

  /** A URI is a string in JSON. */
  toJSON(): string {
    return this.#text;
  }
}

/** The checked and canonical fields of a URI to be. */
class Parts implements URIInit {
  host = '';
  useTLS = false;
  user: string | undefined = undefined;
  port: number | undefined = undefined;
  sessionId: string | undefined = undefined;
  transport = 'tcp';
  parameters: URIParameters = noParameters;
  text = '';
  credentials: object | undefined = undefined;
}

const noParameters: URIParameters = recordOf([]);

// session-id = 1*( unreserved / "+" / "=" / "/" )
const sessionIdPattern = /^[A-Za-z0-9\-._~+=/]+$/;

// transport = "tcp" / "ws" / "dc" / 1*ALPHANUM
const transportPattern = /^[A-Za-z0-9]+$/;

// userinfo = *( unreserved / pct-encoded / sub-delims / ":" )        without ":", a password may not be (R4975-6-6)
const userPattern = /^[\w\-.~!$&'()*+,;=]*(?:%[\dA-Fa-f]{2}[\w\-.~!$&'()*+,;=]*)*$/;

// reg-name = *( unreserved / pct-encoded / sub-delims )              without ";", which ends the authority (D-URI-1)
const namePattern = /^[\w\-.~!$&'()*+,=]*(?:%[\dA-Fa-f]{2}[\w\-.~!$&'()*+,=]*)*$/;

// An IPv6 address, or what resolvers take for IPv4: more than the dotted quad of the ABNF, but no domain name looks so.
const numericPattern = /:|^[\d.]+$/;

const ipv6Characters = /^[\dA-Fa-f:.]{2,45}$/;

function parseParts(text: string): Parts {
  const parts = new Parts();
  parts.text = text;
  const colon = text.indexOf('://');
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (scheme !== 'msrp' && scheme !== 'msrps') throw badURI(text, 'it does not begin with msrp:// or msrps://');
  parts.useTLS = scheme === 'msrps';
  const start = colon + 3;
  const slash = text.indexOf('/', start);
  const semicolon = text.indexOf(';', slash === -1 ? start : slash);
  if (semicolon === -1) throw badURI(text, 'there is no transport parameter');
  readAuthority(parts, text.slice(start, slash === -1 ? semicolon : slash));
  if (slash !== -1) {
    parts.sessionId = text.slice(slash + 1, semicolon);
    if (!sessionIdPattern.test(parts.sessionId)) throw badURI(text, 'the session-id is empty or has other characters');
  }
  readParameters(parts, text.slice(semicolon + 1));
  return parts;
}

function readAuthority(parts: Parts, authority: string): void {
  const at = authority.indexOf('@');
  if (at !== -1) {
    parts.user = authority.slice(0, at);
    if (!userPattern.test(parts.user)) throw badURI(parts.text, 'the userinfo has a password or other characters');
  }
  const hostPort = at === -1 ? authority : authority.slice(at + 1);
  const colon = hostPort.indexOf(':', hostPort.startsWith('[') ? Math.max(hostPort.indexOf(']'), 0) : 0);
  const host = canonicalHost(colon === -1 ? hostPort : hostPort.slice(0, colon));
  if (host === undefined) throw badURI(parts.text, 'the host is neither a name nor an address');
  parts.host = host;
  if (colon !== -1) {
    parts.port = parsePort(hostPort.slice(colon + 1));
    if (parts.port === undefined) throw badURI(parts.text, 'the port is not 1 to 65535, or IPv6 lacks its brackets');
  } else if (numericPattern.test(host)) {
    throw badURI(parts.text, 'a numeric host needs a port');
  }
}

/** Returns the canonical host, or undefined if `text` is none. */
function canonicalHost(text: string): string | undefined {
  if (text.startsWith('[')) return text.endsWith(']') ? canonicalIPv6(text.slice(1, -1)) : undefined;
  if (text === '' || !namePattern.test(text)) return undefined;
  return (text.includes('%') ? text.replaceAll(/%\w\w/g, decodeUnreserved) : text).toLowerCase();
}

// The platform knows the grammar of addresses and the spelling of RFC 5952. IPvFuture is refused, for nobody ever gave
// it a meaning, and so are zones, which RFC 3986 does not have.
function canonicalIPv6(text: string): string | undefined {
  if (!ipv6Characters.test(text)) return undefined;
  const url = `http://[${text}]`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

function decodeUnreserved(escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  return /^[\w\-.~]$/.test(character) ? character : escape;
}

/** port = *DIGIT, and by D-URI-2 a usable number. */
function parsePort(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Reads the transport and what comes behind it. */
function readParameters(parts: Parts, text: string): void {
  const end = text.indexOf(';');
  const transport = end === -1 ? text : text.slice(0, end);
  if (!transportPattern.test(transport)) throw badURI(parts.text, 'the transport is not of letters and digits');
  parts.transport = transport.toLowerCase();
  if (end === -1) return;
  const parameters = text
    .slice(end + 1)
    .split(';')
    .map(splitParameter);
  if (!parameters.every(isParameter)) throw badURI(parts.text, 'a parameter is not of the form name[=value]');
  parts.parameters = recordOf(parameters);
}

type Parameter = readonly [name: string, value: string | undefined];

function splitParameter(text: string): Parameter {
  const equals = text.indexOf('=');
  return equals === -1 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

function isParameter([name, value]: Parameter): boolean {
  return isToken(name) && (value === undefined || isToken(value));
}

/** Without a prototype, so that every token may be a name. */
function recordOf(parameters: readonly Parameter[]): URIParameters {
  const record = Object.create(null) as Record<string, string | undefined>;
  for (const [name, value] of parameters) {
    if (!(name in record)) record[name] = value;
  }
  return Object.freeze(record);
}

function badURI(text: string, reason: string): ChunkParseError {
  return new ChunkParseError('bad-uri', `${excerpt(text)} is no MSRP URI: ${reason}`, { action: 'respond' });
}

function checkInit(init: URIInit): Parts {
  const parts = new Parts();
  parts.host = checkHost(init.host);
  parts.useTLS = init.useTLS === true;
  if (init.user !== undefined) parts.user = encodeUser(init.user);
  if (init.port !== undefined && init.port !== 0) parts.port = checkPort(init.port);
  if (init.sessionId !== undefined) parts.sessionId = checkText('sessionId', init.sessionId, sessionIdPattern);
  if (init.transport !== undefined) {
    parts.transport = checkText('transport', init.transport, transportPattern).toLowerCase();
  }
  if (init.parameters !== undefined) parts.parameters = checkParameters(init.parameters);
  const userinfo = parts.user === undefined ? '' : `${parts.user}@`;
  parts.text = formatURI(parts, userinfo, formatParameters(parts.parameters));
  return parts;
}

function checkHost(value: unknown): string {
  const text = typeof value === 'string' ? value : '';
  const host = text.includes(':') && !text.startsWith('[') ? canonicalIPv6(text) : canonicalHost(text);
  if (host === undefined) throw badField('host', value);
  return host;
}

function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badField('port', port);
  return port;
}

function checkText(field: string, value: unknown, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw badField(field, value);
  return value;
}

function encodeUser(value: string): string {
  const user = checkText('user', value, /^[^:]*$/);
  if (!isText(user)) throw badField('user', user);
  return user.replaceAll(/%[\dA-Fa-f]{2}|[^\w\-.~]/gu, (part) => (part.length === 3 ? part : encodeCharacter(part)));
}

function encodeCharacter(character: string): string {
  const octets = Buffer.from(character).toString('hex').toUpperCase();
  return octets.replaceAll(/../g, '%$&');
}

function checkParameters(init: URIParameters): URIParameters {
  const parameters = Object.entries(init);
  const bad = parameters.find((parameter) => !isParameter(parameter));
  if (bad !== undefined) throw badField('parameters', bad.join('='));
  return recordOf(parameters);
}

function badField(field: string, value: unknown): MSRPError {
  const text = typeof value === 'string' || typeof value === 'number' ? excerpt(`${value}`) : typeof value;
  return new MSRPError('MSRP_ERR_BAD_URI', `${text} cannot be the ${field} of an MSRP URI`, { scope: 'transaction' });
}

type Compared = Pick<URI, 'host' | 'useTLS' | 'port' | 'sessionId' | 'transport'>;

function formatURI(uri: Compared, userinfo: string, parameters: string): string {
  const scheme = uri.useTLS ? 'msrps' : 'msrp';
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host;
  const port = uri.port === undefined ? '' : `:${uri.port}`;
  const sessionId = uri.sessionId === undefined ? '' : `/${uri.sessionId}`;
  return `${scheme}://${userinfo}${host}${port}${sessionId};${uri.transport}${parameters}`;
}

function formatParameters(parameters: URIParameters): string {
  let text = '';
  for (const [name, value] of Object.entries(parameters)) {
    text += value === undefined ? `;${name}` : `;${name}=${value}`;
  }
  return text;
}

/**
 * Parses the value of To-Path, From-Path or Use-Path to a frozen list. `tolerant` takes several SP and HTAB between
 * the URIs and around them (D-GRAM-3). Throws a {@link ChunkParseError}: `MSRP_ERR_BAD_URI`, `MSRP_ERR_PATH_TOO_LONG`.
 *
 *     To-Path = "To-Path:" SP MSRP-URI *( SP MSRP-URI )
 */
export function parsePath(
  text: string,
  limits: Partial<Pick<Limits, 'pathURIs'>> = defaultLimits,
  tolerant: boolean = false,
): readonly URI[] {
  // Most paths are one URI, and splitting would cost as much as half the parsing.
  if (!/[ \t]/.test(text)) return Object.freeze([URI.parse(text)]);
  const texts = tolerant ? text.split(/[ \t]+/).filter((uri) => uri !== '') : text.split(' ');
  const most = limits.pathURIs ?? defaultLimits.pathURIs;
  if (texts.length > most) {
    const detail = `a path of ${texts.length} URIs, and ${most} are allowed`;
    throw new ChunkParseError('path-too-long', detail, { action: 'respond' });
  }
  if (texts.length === 0) throw badURI(text, 'the path is empty');
  return Object.freeze(texts.map((uri) => URI.parse(uri)));
}

/** The value of To-Path, From-Path or Use-Path. */
export function formatPath(path: readonly URI[]): string {
  return path.join(' ');
}
