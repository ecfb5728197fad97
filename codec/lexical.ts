// The small words of the grammar that several header values share (RFC 4975 section 9), as sources of regular
// expressions, and both directions of a quoted-string. What may follow a run of characters never belongs to the run,
// so no pattern made of these backtracks: they are linear on any input.

import { isText } from './text.ts';

/**
 * The characters of a token, for use inside a character class.
 *
 *     token = 1*( %x21 / %x23-27 / %x2A-2B / %x2D-2E / %x30-39 / %x41-5A / %x5E-7E )
 */
export const tokenCharacters = "!#-'*+\\-.0-9A-Z^-~";

// quoted-string = DQUOTE *( qdtext / qd-esc ) DQUOTE
// qdtext = SP / HTAB / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII
// qd-esc = ( "\" "\" ) / ( "\" DQUOTE )
const qdtext = '[\\t !#-[\\]-~\\u0080-\\uffff]*';

/** A whole quoted-string, quotes included. MSRP has no other escapes than these two, unlike MIME and HTTP. */
export const quotedString: string = `"${qdtext}(?:\\\\[\\\\"]${qdtext})*"`;

const tokenPattern = new RegExp(`^[${tokenCharacters}]+$`);
const quotedStringPattern = new RegExp(`^${quotedString}$`);

const fieldNamePattern = new RegExp(`^[A-Za-z][${tokenCharacters}]*$`);

/** hname = ALPHA [token] */
export function isFieldName(text: string): boolean {
  return fieldNamePattern.test(text);
}

/** Whether `value` is a token; `false` for what is no string. */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && tokenPattern.test(value);
}

/** The content of a quoted-string, or `undefined` if the whole of `text` is not one. */
export function parseQuotedString(text: string): string | undefined {
  return quotedStringPattern.test(text) ? unquote(text) : undefined;
}

/** The content of what is known to be a quoted-string; any other text is returned as it is. */
export function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
}

/** The quoted-string whose content is `text`, or `undefined` if there is none: control characters have no escape. */
export function formatQuotedString(text: string): string | undefined {
  return isText(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : undefined;
}

/** `text` as an error message shows it: quoted, with escapes for what does not print, and cut to 100 characters. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
