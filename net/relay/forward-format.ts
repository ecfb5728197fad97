// The heads of requests that are passed on: the first URIs of To-Path move to the front of From-Path (RFC 4976 section 6.4.1), all other
// fields stay as they came and where they were. The chunks of a message share one block of fields, so this is made once for all of them:
//
//   MSRP ▢ SEND↵ To-Path: …↵ From-Path: …↵ Message-ID: ▢↵ Byte-Range: ▢↵ Content-Type: …↵ ↵
//
// The path lines keep their length, for what one loses the other gains: with a transaction id of equal length a whole frame can be passed
// on in the memory it was read into.

import type { Head, URI } from '../../codec/index.ts';

type Blank = 'message-id' | 'byte-range' | undefined;

interface Piece {
  readonly text: string;
  /** What follows it. */
  readonly blank: Blank;
}

const beyondASCII = /[^\0-\x7f]/;

export class ForwardFormat {
  /** The block of fields that it is for. */
  readonly block: object;
  readonly encoding: 'latin1' | 'utf8';
  /** The two path lines as they leave. */
  readonly pathLines: Buffer;
  /** Octets of the start-line behind the transaction id. */
  readonly startLineBytes: number;
  readonly #start: string;
  readonly #pieces: readonly Piece[];
  readonly #hasRange: boolean;

  /** `moved`: so many URIs of To-Path are ours. */
  constructor(head: Head, moved: number) {
    this.block = head.headers.block;
    const { entries } = head.headers;
    const [to, from] = pathsBehind(head, moved);
    const fields = entries.map(
      ([name, value], index) => [name, index === 0 ? to : index === 1 ? from : value] as const,
    );
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
    this.#start = ` ${head.method!}\r\n`;
    this.pathLines = Buffer.from(lines[0]! + lines[1]!);
    this.startLineBytes = this.#start.length;
    this.encoding = beyondASCII.test(lines.join('')) ? 'utf8' : 'latin1';
    this.#pieces = piecesOf(fields, lines, head.hasBody);
    this.#hasRange = this.#pieces.some(({ blank }) => blank === 'byte-range');
  }

  /** The head of a frame, up to its body if it has one. `range`: its Byte-Range; undefined: as it came. */
  head(id: string, arrived: Head, range: string | undefined): string {
    let text = `MSRP ${id}${this.#start}`;
    for (const { text: piece, blank } of this.#pieces) {
      text += piece;
      if (blank === 'message-id') text += this.#idAnd(range, arrived);
      else if (blank === 'byte-range') text += range ?? arrived.headers.get('byte-range')!;
    }
    return text;
  }

  /** A Byte-Range that the request did not have goes behind its Message-ID. */
  #idAnd(range: string | undefined, { messageId = '' }: Head): string {
    return range === undefined || this.#hasRange ? messageId : `${messageId}\r\nByte-Range: ${range}`;
  }

  /** A frame without body that gives the message up (D-SEND-4). */
  abort(id: string, arrived: Head): string {
    const others = arrived.headers.entries.slice(2).filter(([name]) => !/^(content-|byte-range$)/i.test(name));
    const fields = others.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return `MSRP ${id}${this.#start}${this.pathLines.toString()}${fields}-------${id}#\r\n`;
  }
}

function piecesOf(fields: readonly (readonly [string, string])[], lines: readonly string[], hasBody: boolean): Piece[] {
  const pieces: Piece[] = [];
  let text = '';
  for (const [index, [name]] of fields.entries()) {
    const lower = name.toLowerCase();
    if (lower !== 'message-id' && lower !== 'byte-range') {
      text += lines[index];
      continue;
    }
    pieces.push({ text: `${text}${name}: `, blank: lower });
    text = '\r\n';
  }
  return [...pieces, { text: hasBody ? `${text}\r\n` : text, blank: undefined }];
}

/** To-Path and From-Path behind this relay: the URI passed last is the first of the way back (D-RELAY-11). */
export function pathsBehind(
  { toPath, fromPath }: { toPath: readonly URI[]; fromPath: readonly URI[] },
  moved: number,
): [string, string] {
  return [toPath.slice(moved).join(' '), [...toPath.slice(0, moved).toReversed(), ...fromPath].join(' ')];
}
