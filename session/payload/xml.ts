// The small XML documents of IMDN and isComposing, as a tree of elements.
//
// A document type declaration is refused: there are no entities but the five of XML, nothing external is read, and no
// document grows beyond what came on the wire.

import { isUtf8 } from 'node:buffer';
import { SaxesParser } from 'saxes';
import { bufferOf, MSRPError } from '../../codec/index.ts';
import { malformed, unwritable } from './malformed.ts';

/** Octets of a document; the real ones have some hundred. */
const longestDocument = 65_536;

/** Elements in one another. */
const deepest = 32;

export interface XMLElement {
  readonly namespace: string;
  /** Without prefix. */
  readonly name: string;
  readonly children: readonly XMLElement[];
  /** Its own characters, without those of its children and without white space around. */
  readonly text: string;
}

interface OpenElement extends XMLElement {
  readonly children: OpenElement[];
  text: string;
}

/** The root element. Throws `MSRP_ERR_BAD_PAYLOAD` for what is not well-formed, is no UTF-8, declares a type, or is too large. */
export function parseXML(input: Uint8Array | string): XMLElement {
  const bytes = bufferOf(input);
  if (bytes.length > longestDocument) throw malformed(`an XML document has at most ${longestDocument} octets`);
  if (!isUtf8(bytes)) throw malformed('an XML document is UTF-8');
  try {
    return read(bytes.toString());
  } catch (error) {
    throw error instanceof MSRPError ? error : malformed(error instanceof Error ? error.message : String(error));
  }
}

function read(text: string): XMLElement {
  const document: OpenElement = { namespace: '', name: '', children: [], text: '' };
  const open = [document];
  const parser = new SaxesParser({ xmlns: true });
  const addText = (more: string): void => {
    const current = open.at(-1);
    if (current !== undefined) current.text += more;
  };
  parser.on('doctype', () => {
    throw malformed('an XML document may not declare its type');
  });
  parser.on('opentag', ({ uri, local }) => {
    const opened: OpenElement = { namespace: uri, name: local, children: [], text: '' };
    open.at(-1)?.children.push(opened);
    if (open.push(opened) > deepest) throw malformed(`an XML document has at most ${deepest} levels`);
  });
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed !== undefined) closed.text = closed.text.trim();
  });
  parser.write(text).close();
  const [root] = document.children;
  if (root === undefined) throw malformed('an XML document has an element');
  return root;
}

/** The first child of that name in the namespace of its parent: what extensions put between is ignored. */
export function childOf(parent: XMLElement, name: string): XMLElement | undefined {
  return parent.children.find((child) => child.name === name && child.namespace === parent.namespace);
}

/** An element: names are ours, text is escaped. Children that are undefined are left out. */
export function element(name: string, content: string | undefined): string {
  return content === undefined ? '' : `<${name}>${escapeXML(content)}</${name}>`;
}

/** Throws `MSRP_ERR_ARGUMENT` for characters that XML cannot carry, not even escaped. */
function escapeXML(text: string): string {
  if (/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) {
    throw unwritable(`${JSON.stringify(text.slice(0, 100))} cannot be written in XML`);
  }
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}
