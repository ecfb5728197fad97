// The short way for octets that are all there, such as captures and tests.

import { ChunkAssembler } from './chunk-assembler.ts';
import { ChunkDecoder, type DecoderOptions } from './chunk-decoder.ts';
import type { Chunk } from './chunk.ts';

export interface DecodeOptions extends DecoderOptions {
  /** See {@link AssemblerOptions.segmentSize}. */
  segmentSize?: number;
}

/**
 * The chunks in `input`: their bodies are views of it. Throws a {@link ChunkParseError} at the first fault, also one that a peer
 * would only be answered for, and for a frame that is cut short.
 */
export function decodeChunks(input: Buffer | Iterable<Buffer>, options: DecodeOptions = {}): Chunk[] {
  const chunks: Chunk[] = [];
  const assembler = new ChunkAssembler({ segmentSize: options.segmentSize, onChunk: (chunk) => chunks.push(chunk) });
  const decoder = new ChunkDecoder(assembler, options);
  for (const read of Buffer.isBuffer(input) ? [input] : input) decoder.write(read);
  decoder.end();
  return chunks;
}
