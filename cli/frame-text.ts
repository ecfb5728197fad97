// Frames for people: a block each, with the head as it stands on the wire and the body shortened.

import type { ChunkErrorAction, ChunkParseError, Continuation, Head } from '../codec/index.ts';
import type { Frame } from './frame-reader.ts';
import { asciiOf, hexRows, type LineLimits, linesOf, textOf, visible } from './printable.ts';
import type { Format, Style } from './style.ts';

/** How much of a body or malformed frame is needed to show it. */
export const shownBytes = 512;
const bodyLimits = { lines: 6, width: 110 };
const faultLimits = { lines: 12, width: 110 };
const hexBytes = 32;

const endings: Readonly<Record<Continuation, readonly [Format, string]>> = {
  $: ['green', 'complete'],
  '+': ['cyan', 'more follows'],
  '#': ['yellow', 'given up by the sender'],
};

/** Several lines, with an empty one behind. */
export function formatFrameText(frame: Frame, style: Style): string {
  const { head } = frame;
  const lines = [`${offsetOf(head.offset, style)} ${startLineOf(head, style)}`];
  for (const [name, value] of head.headers) lines.push(`  ${style('dim', `${name}:`)} ${visible(value)}`);
  for (const line of bodyOf(frame)) lines.push(`  ${style('dim', '│')} ${line}`);
  lines.push(`  ${endingOf(frame, style)}`);
  return `${lines.join('\n')}\n\n`;
}

/** `start`: the first octets of the frame at fault, of which `shownBytes` are enough. */
export function formatFaultText(fault: ChunkParseError, start: Buffer, style: Style): string {
  const lines = [`${offsetOf(fault.offset, style)} ${style(['bold', 'red'], `malformed: ${fault.kind}`)}`];
  lines.push(`  ${style('red', visible(fault.message))}`);
  for (const line of damagedOf(start)) lines.push(`  ${style('red', '│')} ${line}`);
  lines.push(`  ${style('bold', fault.action)} ${style('dim', reactionTo(fault))}`);
  return `${lines.join('\n')}\n\n`;
}

function offsetOf(offset: number, style: Style): string {
  return style('dim', `@${offset}`);
}

function startLineOf(head: Head, style: Style): string {
  const start = `${style('dim', 'MSRP')} ${head.transactionId}`;
  if (head.code === undefined) return `${start} ${style(['bold', 'cyan'], head.method ?? '')}`;
  const status = [String(head.code).padStart(3, '0'), ...(head.comment === undefined ? [] : [visible(head.comment)])];
  return `${start} ${style(['bold', head.code < 300 ? 'green' : 'yellow'], status.join(' '))}`;
}

function bodyOf({ bodyStart, bodyBytes }: Frame): string[] {
  return bodyBytes === 0 ? [] : octetsOf(bodyStart, bodyBytes > bodyStart.length, bodyLimits);
}

/** As text, or else the first few in hexadecimal. */
function octetsOf(octets: Buffer, isCut: boolean, limits: LineLimits): string[] {
  const text = textOf(octets, isCut);
  return text === undefined ? hexRows(octets.subarray(0, hexBytes)) : linesOf(text, limits, isCut);
}

/** A malformed frame that is one at all has lines to show, whatever is in them. */
function damagedOf(start: Buffer): string[] {
  const isCut = start.length >= shownBytes;
  const isFrame = start.toString('latin1', 0, 5) === 'MSRP ';
  return isFrame && textOf(start, isCut) === undefined
    ? linesOf(asciiOf(start), faultLimits, isCut)
    : octetsOf(start, isCut, faultLimits);
}

function endingOf(frame: Frame, style: Style): string {
  const [format, words] = endings[frame.continuation];
  return `${style(format, `${frame.continuation} ${words}`)}${style('dim', `, ${sizeOf(frame)}`)}`;
}

function sizeOf({ bodyBytes, bodySha256 }: Frame): string {
  if (bodySha256 === undefined) return 'no body';
  return `body of ${countOf(bodyBytes, 'byte')}, sha256 ${bodySha256.slice(0, 12)}`;
}

function reactionTo({ action, status }: ChunkParseError): string {
  const reactions: Record<ChunkErrorAction, string> = {
    close: 'the connection without an answer; reading stops here',
    respond: `with ${status ?? ''}; the connection stays`,
    ignore: 'it, without an answer; the connection stays',
  };
  return reactions[action];
}

const numbers = new Intl.NumberFormat('en-US');

/** As in `1 byte` and `1,234 bytes`. */
export function countOf(count: number, noun: string): string {
  return `${numbers.format(count)} ${noun}${count === 1 ? '' : 's'}`;
}
