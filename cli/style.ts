// Colours on a terminal. The platform decides whether a stream gets any: a terminal does, NO_COLOR takes them away and
// FORCE_COLOR gives them to files and pipes too.

import { styleText } from 'node:util';

export type Format = Parameters<typeof styleText>[0];

/** Puts `text` in a colour, or leaves it as it is. */
export type Style = (format: Format, text: string) => string;

export function styleFor(stream: NodeJS.WritableStream): Style {
  // Asked once: every call looks at the environment again, and Node 20 does not for a list of formats.
  if (styleText('red', '-', { stream }) === '-') return (_, text) => text;
  return (format, text) => styleText(format, text, { validateStream: false });
}
