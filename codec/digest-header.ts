// The syntax of WWW-Authenticate, Authorization and Authentication-Info (RFC 4976 section 7); what the values mean is
// for who computes digests. One parser for all three:
//
//   WWW-Authenticate    = "WWW-Authenticate:" SP "Digest" SP digest-param *( "," SP digest-param )
//   Authorization       = "Authorization:" SP "Digest" SP digest-response *( "," SP digest-response )
//   Authentication-Info = "Authentication-Info:" SP ainfo *( "," ainfo )
//   auth-param          = token "=" ( token / quoted-string )
//
// Beyond the grammar we accept SP and HTAB around every comma, since the RFC's own examples mix both forms, and
// each value with or without quotes, since peers quote qop, algorithm and nc as they like. Values are kept out of error
// messages: these end in logs.

import { ChunkParseError, MSRPError } from './errors.ts';
import { excerpt, formatQuotedString, isToken, quotedString, tokenCharacters, unquote } from './lexical.ts';

/** The parameters of a digest header: names in lower case, values without quotes and escapes. */
export type DigestParameters = ReadonlyMap<string, string>;

/** The value of WWW-Authenticate or Authorization. */
export interface DigestHeader {
  /** In lower case: `digest`. */
  readonly scheme: string;
  /** Empty for all schemes but Digest: they have other grammars, and MSRP forbids them (R4976-9.1-2). */
  readonly parameters: DigestParameters;
}

/** One parameter to write. */
export type DigestParameter = readonly [name: string, value: string, quoted: boolean];

const parameterPattern = new RegExp(`([${tokenCharacters}]+)=([${tokenCharacters}]+|${quotedString})`, 'y');
const commaPattern = /[ \t]*,[ \t]*/y;

/**
 * Parses the value of WWW-Authenticate or Authorization. Which parameters there must be is not looked at. Throws a
 * {@link ChunkParseError} `MSRP_ERR_BAD_AUTHORIZATION`; whether it is answered depends on the frame (D-ERR-3).
 */
export function parseDigestHeader(value: string): DigestHeader {
  const space = value.indexOf(' ');
  const scheme = (space === -1 ? value : value.slice(0, space)).toLowerCase();
  if (!isToken(scheme)) throw badAuthorization('it does not begin with a scheme');
  return { scheme, parameters: scheme === 'digest' ? parseParameters(value, 'digest '.length) : new Map() };
}

/** Parses the value of Authentication-Info. Throws as {@link parseDigestHeader} does. */
export function parseAuthenticationInfo(value: string): DigestParameters {
  return parseParameters(value, 0);
}

function parseParameters(text: string, start: number): DigestParameters {
  const parameters = new Map<string, string>();
  for (let at = start; ; ) {
    parameterPattern.lastIndex = at;
    const match = parameterPattern.exec(text);
    if (match === null) throw badAuthorization(`there is no parameter at ${at}`);
    const name = match[1]!.toLowerCase();
    if (parameters.has(name)) throw badAuthorization(`${name} comes twice`);
    parameters.set(name, unquote(match[2]!));
    commaPattern.lastIndex = at + match[0].length;
    if (commaPattern.lastIndex === text.length) return parameters;
    if (!commaPattern.test(text)) throw badAuthorization(`there is no comma behind ${name}`);
    at = commaPattern.lastIndex;
  }
}

const required: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['username', /^/],
  ['realm', /^/],
  ['nonce', /^/],
  // response = "response=" DQUOTE 32LHEX DQUOTE                     64LHEX for SHA-256, D-AUTH-6
  ['response', /^(?:[\da-f]{32}|[\da-f]{64})$/],
  ['cnonce', /^/],
  // message-qop = "qop=" qop-value
  ['qop', new RegExp(`^[${tokenCharacters}]+$`)],
  // nonce-count = "nc=" 8LHEX
  ['nc', /^[\da-f]{8}$/],
];

/**
 * Checks that an Authorization is well-formed and complete (R2617-3.2.1-2, R4976-9.1-5 and 6) and returns it parsed.
 * One with another scheme is not malformed, only useless. Throws as {@link parseDigestHeader} does.
 */
export function checkAuthorization(value: string): DigestHeader {
  const header = parseDigestHeader(value);
  if (header.scheme !== 'digest') return header;
  for (const [name, pattern] of required) {
    const text = header.parameters.get(name);
    if (text === undefined) throw badAuthorization(`there is no ${name}`);
    if (!pattern.test(text)) throw badAuthorization(`${name} has a wrong form`);
  }
  return header;
}

function badAuthorization(reason: string): ChunkParseError {
  return new ChunkParseError('bad-authorization', `malformed digest header: ${reason}`, { action: 'respond' });
}

/** The value of WWW-Authenticate or Authorization. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatDigestHeader(scheme: string, parameters: readonly DigestParameter[]): string {
  if (!isToken(scheme)) throw badArgument(`${excerpt(scheme)} is no scheme`);
  return `${scheme} ${formatAuthenticationInfo(parameters)}`;
}

/** The value of Authentication-Info. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatAuthenticationInfo(parameters: readonly DigestParameter[]): string {
  return parameters.map(formatParameter).join(', ');
}

function formatParameter([name, value, quoted]: DigestParameter): string {
  const text = quoted ? formatQuotedString(value) : value;
  if (!isToken(name) || text === undefined || (!quoted && !isToken(value))) {
    throw badArgument(`the digest parameter ${excerpt(name)} cannot be written`);
  }
  return `${name}=${text}`;
}

function badArgument(detail: string): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', detail, { scope: 'transaction' });
}
