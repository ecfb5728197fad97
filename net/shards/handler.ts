// Handlers: modules whose default export serves a session, in a shard or in the thread of the server.

import { MSRPError } from '../../codec/index.ts';
import type { MSRPTransport } from '../msrp-transport.ts';

/** What a handler module exports by default: serves a session that is bound. What it returns must be fit to be cloned. */
export type Handler = (transport: MSRPTransport, data: unknown) => unknown;

/** Rejects with `MSRP_ERR_ARGUMENT`. */
export async function loadHandler(url: string): Promise<Handler> {
  try {
    const { default: handler } = (await import(url)) as { default?: unknown };
    if (typeof handler === 'function') return handler as Handler;
  } catch (cause) {
    throw new MSRPError('MSRP_ERR_ARGUMENT', `the handler ${url} does not load: ${String(cause)}`, { cause });
  }
  throw new MSRPError('MSRP_ERR_ARGUMENT', `the handler ${url} has no function as its default export`);
}

/** What its session ends with: an error of the package as it is, anything else as the handler's. */
export function handlerFailure(error: unknown): MSRPError {
  if (error instanceof MSRPError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new MSRPError('MSRP_ERR_SESSION', `the handler failed: ${reason}`, { scope: 'session', cause: error });
}
