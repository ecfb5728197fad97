// One header line of a CPIM message, and what its value is made of (RFC 3862 sections 2.2, 2.3 and 3.6).
//
//   Header       = [ Name-prefix "." ] Name ":" *( ";" Parameter ) SP Header-value CRLF
//   Parameter    = ( "lang=" Language-tag ) / ( Name "=" ( Token / Number / String ) )
//   NAMECHAR     = %x21 / %x23-27 / %x2A-2B / %x2D / %x5E-60 / %x7C / %x7E / ALPHA / DIGIT
//   TOKENCHAR    = NAMECHAR / "." / UCS-high
//   String       = DQUOTE *( Str-char / Escape ) DQUOTE
//   Escape       = "\" ( "u" 4HEXDIG / "b" / "t" / "n" / "r" / DQUOTE / "'" / "\" )
//
// No folding, no control characters, exactly one space before the value. Names are case-sensitive.

import { malformed, unwritable } from './malformed.ts';

/** A header line taken apart. */
export interface CPIMField {
  readonly prefix: string | undefined;
  readonly name: string;
  /** By name; `lang` is the language of the value. */
  readonly parameters: ReadonlyMap<string, string>;
  /** As on the wire. */
  readonly value: string;
}

/** Somebody, as From, To and cc have it. */
export interface CPIMAddress {
  /** Such as `sip:bob@example.com`. */
  readonly uri: string;
  /** The name to show. */
  readonly name?: string;
}

const nameCharacter = "[!#-'*+\\-^-`|~A-Za-z0-9]";
const tokenCharacter = "[!#-'*+\\-.^-`|~A-Za-z0-9\\u0080-\\uffff]";
const string = '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"';
const uri = '[A-Za-z][A-Za-z0-9+.\\-]*:[^<>"\\s\\0-\\x1f\\x7f]+';
const parameter = `;${nameCharacter}+=(?:${string}|${tokenCharacter}+)`;

const linePattern = new RegExp(
  `^(?:(${nameCharacter}+)\\.)?(${nameCharacter}+):((?:${parameter})*)([ \\t]*)(.*)$`,
  's',
);
const parameterPattern = new RegExp(`;(${nameCharacter}+)=(${string}|${tokenCharacter}+)`, 'gs');
const namePattern = new RegExp(`^${nameCharacter}+$`);
const prefixedPattern = new RegExp(`^(?:${nameCharacter}+\\.)?${nameCharacter}+$`);
const tokenPattern = new RegExp(`^${tokenCharacter}+$`);
const tokensPattern = new RegExp(`^${tokenCharacter}+(?: ${tokenCharacter}+)*$`);
const addressPattern = new RegExp(`^(?:(${string}) *|((?:${tokenCharacter}+ )*))<(${uri})>$`, 's');
const uriPattern = new RegExp(`^${uri}$`);
const control = /[\0-\x1f\x7f]/;
const controlButTab = /[\0-\x08\n-\x1f\x7f]/;

/** Tolerant: any white space before the value and behind it. */
export function parseField(line: string, tolerant: boolean): CPIMField {
  const match = linePattern.exec(line);
  if (match === null || (tolerant ? controlButTab : control).test(line)) throw malformed('no CPIM header field', line);
  const [, prefix, name = '', parameters = '', gap, value = ''] = match;
  if (!tolerant && (gap !== ' ' || value.endsWith(' '))) {
    throw malformed('a CPIM header has one space before its value and none behind it', line);
  }
  return { prefix, name, parameters: parseParameters(parameters), value: tolerant ? value.trimEnd() : value };
}

function parseParameters(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(parameterPattern)];
  return new Map(pairs.map(([, name = '', value = '']) => [name, value.startsWith('"') ? unquote(value) : value]));
}

/** Throws `MSRP_ERR_ARGUMENT` for a name or parameter that the grammar has not; whatever `value` is is escaped. */
export function formatField(name: string, value: string | CPIMAddress, parameters: Iterable<[string, string]>): string {
  if (!prefixedPattern.test(name)) throw unwritable(`"${name}" cannot be the name of a CPIM header`);
  const text = typeof value === 'string' ? escapeText(value) : formatAddress(value);
  return `${name}:${Array.from(parameters, formatParameter).join('')} ${text}\r\n`;
}

function formatParameter([name, value]: [string, string]): string {
  if (!isName(name) || (name === 'lang' && !isToken(value))) {
    throw unwritable(`"${name}=${value}" cannot be a parameter of a CPIM header`);
  }
  return `;${name}=${isToken(value) ? value : quote(value)}`;
}

/**
 *     Formal-name = 1*( Token SP ) / String
 *     From-header = "From: " [ Formal-name ] "<" URI ">"
 */
export function parseAddress(value: string): CPIMAddress {
  const match = addressPattern.exec(value);
  if (match === null) throw malformed('no CPIM address', value);
  const [, quoted, tokens = '', address = ''] = match;
  // Only the space behind the last token: another white space may be a name.
  const name = quoted === undefined ? tokens.slice(0, -1) : unquote(quoted);
  return name === '' ? { uri: address } : { uri: address, name };
}

/** Throws `MSRP_ERR_ARGUMENT` for what is no URI. */
export function formatAddress({ uri: address, name = '' }: CPIMAddress): string {
  if (!isURI(address)) throw unwritable(`"${address}" cannot be the URI of a CPIM address`);
  if (name === '') return `<${address}>`;
  return `${tokensPattern.test(name) ? name : quote(name)} <${address}>`;
}

/** Whether `text` is a name without prefix, or a prefix. */
export function isName(text: string): boolean {
  return namePattern.test(text);
}

export function isToken(text: string): boolean {
  return tokenPattern.test(text);
}

export function isURI(text: string): boolean {
  return uriPattern.test(text);
}

const lettersByControl: Readonly<Record<string, string>> = { '\b': 'b', '\t': 't', '\n': 'n', '\r': 'r', '\\': '\\' };
const controlsByLetter: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', r: '\r' };

/** Header text as it is written: only what must be escaped is. */
function escapeText(text: string): string {
  return text.replaceAll(/[\\\0-\x1f\x7f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\${lettersByControl[character] ?? `u${code}`}`;
  });
}

/**
 * Header text as it is meant: an unknown escape is the character behind the backslash, a last backslash is nothing (R3862-2.3-1), and half
 * a character is U+FFFD.
 */
export function unescapeText(value: string): string {
  const text = value.replaceAll(/\\(?:u([0-9A-Fa-f]{4})|(.?))/gs, (_, code: string | undefined, letter: string) =>
    code === undefined ? (controlsByLetter[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return text.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}

function quote(text: string): string {
  return `"${escapeText(text).replaceAll('"', '\\"')}"`;
}

function unquote(text: string): string {
  return unescapeText(text.slice(1, -1));
}
