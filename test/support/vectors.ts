// The vectors: exact octets with what is expected of them (test/vectors/README.md).

import { readFileSync } from 'node:fs';

const folder = new URL('../vectors/', import.meta.url);

export interface FrameVector {
  type: 'request' | 'response';
  transactionId: string;
  method?: string;
  status?: number;
  comment?: string | null;
  toPath: string[];
  fromPath: string[];
  headers: [string, string][];
  byteRange: { start: number; end: number | null; total: number | null } | null;
  messageId: string | null;
  failureReport?: string;
  successReport?: string;
  hasBody: boolean;
  bodyLength: number;
  bodySha256?: string;
  contentType?: string;
  continuation: string;
  offset: number;
  length: number;
}

export interface Vectors {
  valid: { id: string; file: string; frames: FrameVector[] }[];
  lenient: { id: string; file: string; strictResult: string; lenientResult: Partial<FrameVector>[] }[];
  malformed: {
    id: string;
    file: string;
    errorKind: string;
    mustReject: boolean;
    validFramesBefore: number;
    transport?: string;
    expected: { action: string; status?: number; transactionId?: string; responseToPath?: string[] };
  }[];
  semantic: {
    id: string;
    file: string;
    context: string;
    frame: FrameVector;
    expected: { respond: number | null; effect?: string };
  }[];
}

export const vectors = JSON.parse(readFileSync(new URL('vectors.json', folder), 'utf8')) as Vectors;

export function octetsOf(file: string): Buffer {
  return readFileSync(new URL(file, folder));
}
