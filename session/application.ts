// Calls of the application's functions: one that fails is a fault of the application, and may neither cost the connection, which others may
// share, nor go unnoticed.

import type { Logger } from '../net/index.ts';

/** Gives the promise that it returned, if it did. What it throws, or rejects with, is logged, or a warning where there is no logger. */
export function callApplication(
  logger: Logger | undefined,
  what: string,
  call: () => unknown,
): Promise<unknown> | undefined {
  try {
    const result = call();
    return result instanceof Promise ? result.catch((error: unknown) => tell(logger, what, error)) : undefined;
  } catch (error) {
    tell(logger, what, error);
    return undefined;
  }
}

function tell(logger: Logger | undefined, what: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (logger !== undefined) logger.error(`${what} failed: ${text}`);
  else process.emitWarning(`${what} failed: ${text}`, 'MSRPWarning');
}
