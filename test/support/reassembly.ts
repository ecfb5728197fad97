// Chunks of one message in the order in which they arrive, and what becomes of it (test/vectors/README.md).

import { readFileSync } from 'node:fs';

export interface ReassemblyVector {
  id: string;
  chunks: { byteRange: string | null; body: string | null; flag: '$' | '+' | '#' }[];
  /** The body; null: more is awaited. */
  complete?: string | null;
  error?: string;
  aborted?: boolean;
}

const file = new URL('../vectors/reassembly-vectors.json', import.meta.url);

export const reassemblies: ReassemblyVector[] = (
  JSON.parse(readFileSync(file, 'utf8')) as { vectors: ReassemblyVector[] }
).vectors;
