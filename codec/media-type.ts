// Content-Type, and whether a peer takes it: accept-types and accept-wrapped-types (RFC 4975 sections 8.6 and 9).
//
//   media-type = type "/" subtype *( ";" gen-param )         type = token    subtype = token
//   gen-param  = pname [ "=" pval ]                          pname = token   pval = token / quoted-string
//
// Beyond the grammar we accept SP and HTAB around ";": nearly every MIME writer sends "text/plain; charset=utf-8".
// Within it we refuse "*" as type or subtype: it is a token, but no body is of any type.

import { ChunkParseError } from './errors.ts';
import { excerpt, quotedString, tokenCharacters, unquote } from './lexical.ts';

/** A media type taken apart. */
export interface MediaType {
  /** In lower case. */
  readonly type: string;
  /** In lower case. */
  readonly subtype: string;
  /**
   * By name in lower case, values without quotes; `undefined` for a name without "=". Of a name that comes twice the
   * first counts.
   */
  readonly parameters: ReadonlyMap<string, string | undefined>;
}

const token = `[${tokenCharacters}]+`;
const parameter = `[ \\t]*;[ \\t]*(${token})(?:=(${token}|${quotedString}))?`;
const mediaTypePattern = new RegExp(`^(?!\\*/)${token}/(?!\\*(?:[ \\t;]|$))${token}(?:${parameter})*$`);
const parameterPattern = new RegExp(parameter, 'g');

/** Whether `value` can be a Content-Type. Allocates nothing. */
export function isMediaType(value: string): boolean {
  return mediaTypePattern.test(value);
}

/** Parses the value of Content-Type. Throws a {@link ChunkParseError} `MSRP_ERR_BAD_CONTENT_TYPE`. */
export function parseMediaType(value: string): MediaType {
  if (!isMediaType(value)) {
    throw new ChunkParseError('bad-content-type', `${excerpt(value)} is no media type`, { action: 'respond' });
  }
  const parameters = new Map<string, string | undefined>();
  for (const [, name = '', text] of value.matchAll(parameterPattern)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, text === undefined ? undefined : unquote(text));
  }
  const essence = essenceOf(value);
  const slash = essence.indexOf('/');
  return { type: essence.slice(0, slash), subtype: essence.slice(slash + 1), parameters };
}

/**
 * Splits the value of the SDP attributes accept-types and accept-wrapped-types into its entries, as spelled. Never
 * throws: an entry that is no media type is kept and matches nothing that a peer may send.
 *
 *     format-list  = format-entry *( SP format-entry )       leading SP as RFC 4976 section 11 prints it (X-19)
 *     format-entry = type "/" ( subtype / "*" ) *( ";" gen-param ) / "*"
 */
export function parseAcceptTypes(value: string): string[] {
  return value.match(/(?:[^ "]+|"(?:[^"\\]+|\\.)*"?)+/gs) ?? [];
}

/** Whether the list has the type: as `*`, `type/*` or by name, in any case. Parameters of both sides are ignored. */
export function acceptsMediaType(accept: readonly string[], contentType: string): boolean {
  const essence = essenceOf(contentType);
  const anySubtype = `${essence.slice(0, essence.indexOf('/'))}/*`;
  return accept.some((entry) => {
    const accepted = essenceOf(entry);
    return accepted === '*' || accepted === essence || accepted === anySubtype;
  });
}

/**
 * Whether a part of that type may stand inside a `container` such as message/cpim: the container must be in
 * accept-types, the part in either list (R4975-8.6-4). What is not wrapped needs {@link acceptsMediaType} only.
 */
export function acceptsWrapped(
  acceptTypes: readonly string[],
  acceptWrappedTypes: readonly string[],
  container: string,
  contentType: string,
): boolean {
  if (!acceptsMediaType(acceptTypes, container)) return false;
  return acceptsMediaType(acceptTypes, contentType) || acceptsMediaType(acceptWrappedTypes, contentType);
}

/** The type and subtype in lower case, without parameters. */
function essenceOf(value: string): string {
  const end = value.search(/[ \t;]/);
  return (end === -1 ? value : value.slice(0, end)).toLowerCase();
}
