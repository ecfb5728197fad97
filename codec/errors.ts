// Every error of the package is an MSRPError with a stable code. What a peer sends wrong has one of the kinds below
// and a scope that says how far the damage goes: the connection (bytes can no longer be trusted to be in step) or
// the one transaction (the frame's end is known, reading goes on behind it).

/** What can be wrong with a frame, by its name in the code: `bad-start-line` is `MSRP_ERR_BAD_START_LINE`. */
export type ChunkErrorKind =
  | 'bad-start-line'
  | 'bad-transaction-id'
  | 'bad-method'
  | 'bad-status'
  | 'bare-lf'
  | 'bare-cr'
  | 'line-too-long'
  | 'headers-too-large'
  | 'bad-utf8'
  | 'bad-header'
  | 'duplicate-header'
  | 'path-order'
  | 'missing-to-path'
  | 'missing-from-path'
  | 'bad-uri'
  | 'path-too-long'
  | 'bad-byte-range'
  | 'missing-byte-range'
  | 'bad-message-id'
  | 'missing-message-id'
  | 'bad-report-flag'
  | 'missing-status'
  | 'bad-status-header'
  | 'forbidden-header'
  | 'bad-content-type'
  | 'missing-content-type'
  | 'content-type-not-last'
  | 'content-type-without-body'
  | 'bad-continuation'
  | 'body-too-large'
  | 'response-with-body'
  | 'bad-end-line'
  | 'truncated'
  | 'missing-nickname'
  | 'bad-nickname'
  | 'bad-expires'
  | 'bad-authorization'
  | 'ws-framing';

type Underscored<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}_${Underscored<Tail>}`
  : Name;

/** The code of a {@link ChunkErrorKind}. */
export type ChunkErrorCode = `MSRP_ERR_${Uppercase<Underscored<ChunkErrorKind>>}`;

/** Every code that an {@link MSRPError} of this package can have. */
export type MSRPErrorCode =
  | ChunkErrorCode
  | 'MSRP_ERR_ABORTED'
  | 'MSRP_ERR_ARGUMENT'
  | 'MSRP_ERR_BAD_PAYLOAD'
  | 'MSRP_ERR_BIND_REFUSED'
  | 'MSRP_ERR_CLOSED'
  | 'MSRP_ERR_CONNECT'
  | 'MSRP_ERR_END_LINE_IN_BODY'
  | 'MSRP_ERR_FILE'
  | 'MSRP_ERR_LISTEN'
  | 'MSRP_ERR_NICKNAME'
  | 'MSRP_ERR_NOT_READ'
  | 'MSRP_ERR_QUEUE_FULL'
  | 'MSRP_ERR_RELAY_AUTH'
  | 'MSRP_ERR_SDP'
  | 'MSRP_ERR_SESSION'
  | 'MSRP_ERR_SOURCE'
  | 'MSRP_ERR_STATE'
  | 'MSRP_ERR_TIMEOUT'
  | 'MSRP_ERR_TLS'
  | 'MSRP_ERR_TRANSACTION';

/** How far the damage of an error goes. */
export type MSRPErrorScope = 'message' | 'transaction' | 'session' | 'connection';

export interface MSRPErrorOptions {
  /** Default: `connection`. */
  scope?: MSRPErrorScope;
  /** The response code that tells the peer, or that the peer gave. */
  status?: number;
  cause?: unknown;
}

/** The one base class. `code` is stable and documented, `message` is for people and may change. */
export class MSRPError extends Error {
  readonly code: MSRPErrorCode;
  readonly scope: MSRPErrorScope;
  readonly status?: number;

  constructor(code: MSRPErrorCode, message: string, options: MSRPErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.scope = options.scope ?? 'connection';
    if (options.status !== undefined) this.status = options.status;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** What the receiver of a malformed frame does: drop the connection, answer and go on, or go on in silence. */
export type ChunkErrorAction = 'close' | 'respond' | 'ignore';

/** Malformed input from the peer. */
export class ChunkParseError extends MSRPError {
  readonly kind: ChunkErrorKind;
  readonly action: ChunkErrorAction;
  /** Where in the stream the frame at fault begins, in octets from the start of the connection. */
  readonly offset: number;

  /** `status` is the response code for the action `respond`. */
  constructor(
    kind: ChunkErrorKind,
    detail: string,
    o: { action?: ChunkErrorAction; offset?: number; status?: number } = {},
  ) {
    const action = o.action ?? 'close';
    super(codeOf(kind), detail, {
      scope: action === 'close' ? 'connection' : 'transaction',
      ...(action === 'respond' && { status: o.status ?? 400 }),
    });
    this.kind = kind;
    this.action = action;
    this.offset = o.offset ?? 0;
  }
}

function codeOf(kind: ChunkErrorKind): ChunkErrorCode {
  return `MSRP_ERR_${kind.replaceAll('-', '_').toUpperCase()}` as ChunkErrorCode;
}
