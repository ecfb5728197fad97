// Octets from a stranger on somebody's terminal: controls are spelled out, so that nothing can move the cursor, change
// colours or turn the writing round, and what is no text is shown in hexadecimal.

import { isUtf8 } from 'node:buffer';

/** C0, DEL and C1 controls, separators of lines, marks of direction, the byte order mark. */
const invisible = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Controls that no text has: all of C0 but HTAB, LF and CR, and DEL. */
const binary = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** `text` with what cannot be seen as `\x1b` or `\u202e`. */
export function visible(text: string): string {
  return text.replaceAll(invisible, escapeOf);
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
}

/** The text in `octets`; undefined if it is none. `isCut`: more follows, so the last character may be incomplete. */
export function textOf(octets: Buffer, isCut: boolean): string | undefined {
  for (let missing = 0; missing <= (isCut ? 3 : 0); missing++) {
    const whole = octets.subarray(0, Math.max(octets.length - missing, 0));
    if (!isUtf8(whole)) continue;
    const text = whole.toString();
    return binary.test(text) ? undefined : text;
  }
  return undefined;
}

/** `octets` as ASCII, with all beyond it spelled out: for text that is damaged. */
export function asciiOf(octets: Buffer): string {
  return octets.toString('latin1').replaceAll(/[\x80-\xff]/g, escapeOf);
}

export interface LineLimits {
  readonly lines: number;
  /** Characters of one line. */
  readonly width: number;
}

/** The first lines of `text`, each shortened, fit for a terminal. `isCut`: `text` was not all; then an ellipsis says so. */
export function linesOf(text: string, limits: LineLimits, isCut: boolean): string[] {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const shown = lines.slice(0, limits.lines).map((line) => shorten(line, limits.width));
  if (lines.length > limits.lines) shown.push('…');
  else if (isCut) shown.push(`${shown.pop() ?? ''}…`);
  return shown;
}

function shorten(line: string, width: number): string {
  const spaced = line.replaceAll('\t', '  ');
  if (spaced.length <= width) return visible(spaced);
  const characters = Array.from(spaced);
  return characters.length <= width ? visible(spaced) : `${visible(characters.slice(0, width).join(''))}…`;
}

/** `octets` in rows of 16: in hexadecimal, then as ASCII. */
export function hexRows(octets: Buffer): string[] {
  const rows: string[] = [];
  for (let at = 0; at < octets.length; at += 16) {
    const row = octets.subarray(at, at + 16);
    const hex = row.toString('hex').replaceAll(/../g, '$& ').padEnd(48);
    rows.push(`${hex.slice(0, 24)} ${hex.slice(24)} ${row.toString('latin1').replaceAll(/[^ -~]/g, '.')}`);
  }
  return rows;
}
