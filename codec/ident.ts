// The two character classes that the wire is read by (RFC 4975 section 9).
//
//   ident      = ALPHANUM 3*31ident-char               ; 4 to 32 characters
//   ident-char = ALPHANUM / "." / "-" / "+" / "%" / "="

/** The longest `ident`: transaction ids and Message-IDs. */
export const maxIdentLength = 32;

/** The longest Message-ID that tolerant mode takes: some RCS stacks send UUIDs and more (D-GRAM-3). */
export const maxTolerantIdentLength = 128;

/** By octet: 2 for ALPHANUM, 1 for the other ident characters, 0 for all else. */
export const identClass: Uint8Array = classOf(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  '.-+%=',
);

function classOf(alphanumeric: string, others: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of alphanumeric) table[character.charCodeAt(0)] = 2;
  for (const character of others) table[character.charCodeAt(0)] = 1;
  return table;
}

/** Where the run of ident characters that starts at `at` ends, if it is an `ident` of at most `longest` octets; else -1. */
export function identEnd(input: Buffer, at: number, longest: number): number {
  if (identClass[input[at] ?? 0] !== 2) return -1;
  let end = at + 1;
  while (end < input.length && identClass[input[end]!] !== 0) end++;
  const length = end - at;
  return length >= 4 && length <= longest ? end : -1;
}

const ident = /^[A-Za-z0-9][A-Za-z0-9.\-+%=]*$/;

export function isIdent(text: string, longest: number = maxIdentLength): boolean {
  return text.length >= 4 && text.length <= longest && ident.test(text);
}
