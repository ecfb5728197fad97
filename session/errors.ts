// What can go wrong with a session, beyond a single transaction.

import { MSRPError, type MSRPErrorOptions } from '../codec/index.ts';

/** The session has failed or is over: nothing more can be sent. */
export class MSRPSessionError extends MSRPError {
  constructor(message: string, options: MSRPErrorOptions = {}) {
    super('MSRP_ERR_SESSION', message, { scope: 'session', ...options });
  }
}
