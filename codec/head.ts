// A head is all of a frame before its body: the start-line and the header fields (RFC 4975 section 7).
//
//   req-start  = pMSRP SP transact-id SP method CRLF
//   resp-start = pMSRP SP transact-id SP status-code [SP comment] CRLF

import type { ByteRange } from './byte-range.ts';
import type { Headers } from './headers.ts';
import type { Status } from './status.ts';
import type { URI } from './uri.ts';

/** What a start-line says behind the transaction id: a method, or a code and perhaps a comment. */
export interface StartLine {
  readonly method: string | undefined;
  readonly code: number | undefined;
  readonly comment: string | undefined;
}

/** The start-line and the header fields of a request or response. Immutable. */
export class Head {
  readonly transactionId: string;
  /** SEND, REPORT, AUTH, NICKNAME or another; undefined on a response. */
  readonly method: string | undefined;
  /** The response code; undefined on a request. */
  readonly code: number | undefined;
  /** The phrase behind the code: undefined when there is none, which differs from an empty one on the wire. */
  readonly comment: string | undefined;
  readonly headers: Headers;
  /** Whether a body follows, which may be empty: that is not the same as none (RFC 4975 section 7.1). */
  readonly hasBody: boolean;
  /** Where the frame begins in the stream, in octets from the start of the connection. 0 on one that we make. */
  readonly offset: number;

  constructor(transactionId: string, startLine: StartLine, headers: Headers, hasBody: boolean, offset: number) {
    this.transactionId = transactionId;
    this.method = startLine.method;
    this.code = startLine.code;
    this.comment = startLine.comment;
    this.headers = headers;
    this.hasBody = hasBody;
    this.offset = offset;
  }

  get toPath(): readonly URI[] {
    return this.headers.toPath;
  }

  get fromPath(): readonly URI[] {
    return this.headers.fromPath;
  }

  get messageId(): string | undefined {
    return this.headers.messageId;
  }

  get byteRange(): ByteRange | undefined {
    return this.headers.byteRange;
  }

  get contentType(): string | undefined {
    return this.headers.contentType;
  }

  /** `yes` when absent. */
  get failureReport(): 'yes' | 'no' | 'partial' {
    return this.headers.failureReport;
  }

  /** `no` when absent. */
  get successReport(): 'yes' | 'no' {
    return this.headers.successReport;
  }

  get status(): Status | undefined {
    return this.headers.status;
  }
}
