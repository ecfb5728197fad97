// Errors that cross between threads: a clone of an error loses its class and its code, so that these are made anew.

import {
  ChunkParseError,
  type ChunkErrorKind,
  MSRPError,
  type MSRPErrorCode,
  type MSRPErrorScope,
} from '../../codec/index.ts';

export interface ErrorRecord {
  readonly message: string;
  /** Of an `MSRPError`. */
  readonly code?: MSRPErrorCode;
  readonly scope?: MSRPErrorScope;
  readonly status?: number | undefined;
  /** Of a `ChunkParseError`. */
  readonly kind?: ChunkErrorKind;
  readonly action?: ChunkParseError['action'];
  readonly offset?: number;
  /** Only its message. */
  readonly cause?: string | undefined;
}

export function recordOf(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message } = error;
  if (!(error instanceof MSRPError)) return { message };
  const { code, scope, status, cause } = error;
  const record = { message, code, scope, status, cause: cause instanceof Error ? cause.message : undefined };
  if (!(error instanceof ChunkParseError)) return record;
  const { kind, action, offset } = error;
  return { ...record, kind, action, offset };
}

export function errorOf(record: ErrorRecord): Error {
  const { message, code, scope, status, kind, action, offset } = record;
  const cause = record.cause === undefined ? undefined : new Error(record.cause);
  if (code === undefined) return new Error(message);
  if (kind === undefined) {
    return new MSRPError(code, message, {
      cause,
      ...(scope !== undefined && { scope }),
      ...(status !== undefined && { status }),
    });
  }
  return new ChunkParseError(kind, message, {
    ...(action !== undefined && { action }),
    ...(offset !== undefined && { offset }),
    ...(status !== undefined && { status }),
  });
}
