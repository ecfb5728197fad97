// The head of a CPIM message: header lines, a blank line, MIME fields, a blank line (RFC 3862 section 2).
//
// Headers are known by namespace and name, not by prefix: NS binds a prefix, or the lack of one, for the lines behind it
// (section 3.4). A prefix without its NS is malformed: nobody can tell what the header is.

import type { Headers } from '../../codec/index.ts';
import {
  type CPIMAddress,
  type CPIMField,
  isName,
  isURI,
  parseAddress,
  parseField,
  unescapeText,
} from './cpim-fields.ts';
import { malformed } from './malformed.ts';
import { type HeadBlock, parseMIMEFields, type PayloadOptions, readBlock } from './mime-head.ts';

/** The namespace of the headers that RFC 3862 defines, and of all without a prefix. */
export const cpimNamespace = 'urn:ietf:params:cpim-headers:';

/** What a header is: prefixes differ, this does not. */
export interface CPIMName {
  readonly namespace: string;
  /** Without prefix, in the case that it is defined in. */
  readonly name: string;
}

export interface CPIMHeader extends CPIMName {
  /** By name; `lang` is the language of the text. */
  readonly parameters: ReadonlyMap<string, string>;
  /** As on the wire. */
  readonly value: string;
  /** With its escapes resolved. */
  readonly text: string;
}

export interface CPIMSubject {
  readonly text: string;
  /** A language tag such as `fr`. */
  readonly language?: string;
}

/** What a head says. */
export interface CPIMHead {
  /** All header lines but NS, in wire order. */
  readonly headers: readonly CPIMHeader[];
  readonly from: CPIMAddress;
  /** At least one. */
  readonly to: readonly CPIMAddress[];
  readonly cc: readonly CPIMAddress[];
  /** RFC 3339, as on the wire. */
  readonly dateTime: string | undefined;
  /** One at most by RFC 4975 section 13; RFC 3862 has several, in different languages. */
  readonly subjects: readonly CPIMSubject[];
  /** The headers that the receiver must understand. */
  readonly required: readonly CPIMName[];
  /** The MIME fields of the content. */
  readonly contentHeaders: Headers;
  readonly contentType: string;
  /** Where the content begins. */
  readonly end: number;
}

/** Throws `MSRP_ERR_BAD_PAYLOAD`. */
export function readHead(input: Buffer, options: PayloadOptions): CPIMHead {
  const { lines, fields, end } = readBlocks(input, options);
  const { headers, required } = readLines(lines, options.tolerant === true);
  const named = (name: string): CPIMHeader[] =>
    headers.filter((header) => header.namespace === cpimNamespace && header.name === name);
  for (const name of ['From', 'DateTime', 'Require']) {
    if (named(name).length > 1) throw malformed(`${name} occurs twice`);
  }
  const contentHeaders = parseMIMEFields(fields);
  const [from] = named('From');
  const to = named('To');
  const dateTime = named('DateTime')[0]?.value;
  if (from === undefined || to.length === 0) throw malformed(`${from === undefined ? 'From' : 'To'} is missing`);
  if (dateTime !== undefined && !dateTimePattern.test(dateTime)) throw malformed('no date and time', dateTime);
  if (contentHeaders.contentType === undefined) throw malformed('Content-Type is missing in the MIME part');
  return {
    headers,
    from: parseAddress(from.value),
    to: to.map(({ value }) => parseAddress(value)),
    cc: named('cc').map(({ value }) => parseAddress(value)),
    dateTime,
    subjects: named('Subject').map(subjectOf),
    required,
    contentHeaders,
    contentType: contentHeaders.contentType,
    end,
  };
}

/** RFC 3339 with offset or Z, and fractions (D-CPIM-4). */
const dateTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

function subjectOf({ text, parameters }: CPIMHeader): CPIMSubject {
  const language = parameters.get('lang');
  return language === undefined ? { text } : { text, language };
}

interface Blocks {
  readonly lines: readonly string[];
  readonly fields: readonly string[];
  readonly end: number;
}

function readBlocks(input: Buffer, options: PayloadOptions): Blocks {
  const first = readBlock(input, 0, options);
  if (first === undefined) throw malformed('no blank line behind the CPIM headers');
  if (options.tolerant === true) {
    const merged = splitMerged(first);
    if (merged !== undefined) return merged;
  }
  const second = readBlock(input, first.next, options);
  if (second === undefined) throw malformed('no MIME part');
  return { lines: first.lines, fields: second.lines, end: second.next };
}

/** RFC 4975, 5547 and 7701 print messages without the first blank line, and some peers send them so (D-CPIM-1). */
function splitMerged({ lines, next }: HeadBlock): Blocks | undefined {
  const at = lines.findIndex((line) => /^content-[^.:]*:/i.test(line));
  return at === -1 ? undefined : { lines: lines.slice(0, at), fields: lines.slice(at), end: next };
}

/** The prefixes bound so far; `''` is none. */
type Bindings = Map<string, string>;

function readLines(lines: readonly string[], tolerant: boolean): Pick<CPIMHead, 'headers' | 'required'> {
  const bindings: Bindings = new Map([['', cpimNamespace]]);
  const headers: CPIMHeader[] = [];
  const required: CPIMName[] = [];
  for (const line of lines) {
    const field = parseField(line, tolerant);
    const { namespace, name } = resolve(bindings, field.prefix, field.name);
    // Without a prefix NS is always NS: else nothing could bring the default namespace back.
    const isCPIM = namespace === cpimNamespace;
    if (name === 'NS' && (isCPIM || field.prefix === undefined)) bind(bindings, field);
    else {
      headers.push({
        namespace,
        name,
        parameters: field.parameters,
        value: field.value,
        text: unescapeText(field.value),
      });
    }
    if (name === 'Require' && isCPIM) required.push(...requirements(bindings, field.value));
  }
  return { headers, required };
}

/**
 *     NS-header = "NS: " [ Name-prefix ] "<" URI ">"      ; the examples have a space before "<"
 */
function bind(bindings: Bindings, { value }: CPIMField): void {
  const [, prefix = '', uri = ''] = /^(?:([^ <]+) ?)?<([^<>]*)>$/.exec(value) ?? [];
  if (!isURI(uri) || (prefix !== '' && !isName(prefix))) throw malformed('no namespace', value);
  bindings.set(prefix, uri);
}

function resolve(bindings: Bindings, prefix: string | undefined, name: string): CPIMName {
  const namespace = bindings.get(prefix ?? '');
  if (namespace === undefined) throw malformed('a prefix is used before its NS', prefix);
  return { namespace, name };
}

/**
 *     Require-header = "Require: " Header-name *( "," Header-name )
 */
function requirements(bindings: Bindings, value: string): CPIMName[] {
  return value.split(',').map((text) => {
    const [name = '', prefix] = text.trim().split('.').toReversed();
    if (!isName(name)) throw malformed('no name of a CPIM header', text);
    return resolve(bindings, prefix, name);
  });
}
