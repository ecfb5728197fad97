// The codec: octets to chunks and back. Synchronous; no input or output, no clock, no randomness.

export { type ByteRange, formatByteRange, parseByteRange } from './byte-range.ts';
export { bufferOf, Chunk, type ChunkInit, type Continuation } from './chunk.ts';
export { type AssemblerOptions, ChunkAssembler } from './chunk-assembler.ts';
export { ChunkDecoder, type ChunkSink, type DecoderOptions } from './chunk-decoder.ts';
export { decodeChunks, type DecodeOptions } from './decode-chunks.ts';
export * from './digest-header.ts';
export { encodeChunk, endLineTail, hasEndLine } from './encode-chunk.ts';
export * from './errors.ts';
export { Head, type StartLine } from './head.ts';
export { type HeaderEntry, Headers } from './headers.ts';
export { isIdent } from './ident.ts';
export { defaultLimits, type Limits } from './limits.ts';
export * from './media-type.ts';
export * from './nickname.ts';
export { copyOf, lengthOf, takeOctets } from './octets.ts';
export { formatStatus, parseStatus, type Status } from './status.ts';
export * from './uri.ts';
