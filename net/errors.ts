// What can go wrong between two endpoints, beyond malformed input: a request that is refused, by the peer or by our relay, and time
// that runs out.

import { MSRPError, type MSRPErrorScope } from '../codec/index.ts';

/** A request was not answered with success: by the peer, or, with 408, by nobody in time (RFC 4975 sections 7.1.1 and 10). */
export class MSRPTransactionError extends MSRPError {
  /** The response code; 408 when none came. */
  override readonly status: number;
  /** The phrase of the response. */
  readonly comment: string | undefined;

  constructor(status: number, comment?: string, o: { scope?: MSRPErrorScope; cause?: unknown } = {}) {
    super('MSRP_ERR_TRANSACTION', comment === undefined ? String(status) : `${status} ${comment}`, {
      scope: 'transaction',
      ...o,
      status,
    });
    this.status = status;
    this.comment = comment;
  }
}

/** Our relay does not serve us, or cannot prove that it is ours (RFC 4976 section 5.1). */
export class MSRPRelayAuthError extends MSRPError {
  /** The code of its response to AUTH: 200 when only its proof was wrong, or its path missing. */
  override readonly status: number;

  constructor(status: number, message: string, cause?: unknown) {
    super('MSRP_ERR_RELAY_AUTH', message, { scope: 'session', status, cause });
    this.status = status;
  }
}

/** A step of setting up a session took too long. Each step has a class and a time limit of its own. */
export class MSRPTimeout extends MSRPError {
  readonly seconds: number;

  constructor(step: string, ms: number) {
    super('MSRP_ERR_TIMEOUT', `${step} took longer than ${ms / 1000} s`);
    this.seconds = ms / 1000;
  }
}

/** The connection was not there within `timeouts.connectMs`. */
export class MSRPConnectTimeout extends MSRPTimeout {}

/** Nobody connected within `timeouts.incomingMs`. */
export class MSRPIncomingConnectTimeout extends MSRPTimeout {}

/** The session was not bound within `timeouts.bindMs`. */
export class MSRPBindSessionTimeout extends MSRPTimeout {}

/** The relay did not answer an AUTH within `timeouts.authMs`. */
export class MSRPAuthTimeout extends MSRPTimeout {}
