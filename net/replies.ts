// Responses and REPORTs: who is told what about a request (section 7 of RFC 4975, R4975-7.2-2 to 7.2-4, 7.1.3 and 7.1.4), in one table.
//
//   Failure-Report   200        error response     failure REPORT      success REPORT: Success-Report yes, whatever this says
//   yes              sent       sent               sent
//   partial          -          sent               sent
//   no               -          -                  -
//
// Requests other than SEND are always answered, REPORTs never.

import {
  Chunk,
  type ByteRange,
  formatByteRange,
  formatPath,
  formatStatus,
  type Head,
  type HeaderEntry,
  type URI,
} from '../codec/index.ts';

/** Whether a response with that code may be sent to `request`. */
export function mayRespond(request: Head, code: number): boolean {
  if (request.method === undefined || request.method === 'REPORT') return false;
  if (request.method !== 'SEND') return true;
  const wanted = request.failureReport;
  return wanted === 'yes' || (wanted === 'partial' && !isSuccess(code));
}

/** Whether a REPORT with that code may be sent about `request`. */
export function mayReport(request: Head, code: number): boolean {
  if (request.method !== 'SEND') return false;
  return isSuccess(code) ? request.successReport === 'yes' : request.failureReport !== 'no';
}

/** Unknown 2xx count as 200 (D-RESP-3). */
export function isSuccess(code: number): boolean {
  return code >= 200 && code < 300;
}

/** The phrases of the registered codes. */
const phrases: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'Timeout',
  413: 'Stop sending',
  415: 'Unsupported media type',
  423: 'Parameter out of bounds',
  424: 'Malformed nickname',
  425: 'Nickname reserved or in use',
  481: 'No such session',
  501: 'Unknown method',
  506: 'Session already in use',
};

export function phraseOf(code: number): string {
  return phrases[code] ?? 'Error';
}

/**
 * A response goes back one hop for SEND, the whole way for other methods, and comes from the URI that was asked (D-RESP-1). As text,
 * all ASCII: receiving a file means making one for each chunk.
 */
export function formatResponse(request: Head, code: number, from: string = String(request.toPath[0])): string {
  return formatWith(pathLines(request, from), request.transactionId, code);
}

function formatWith(paths: string, id: string, code: number): string {
  return `MSRP ${id} ${code} ${phraseOf(code)}\r\n${paths}-------${id}$\r\n`;
}

function pathLines(request: Head, from: string): string {
  return `To-Path: ${responsePath(request)}\r\nFrom-Path: ${from}\r\n`;
}

/** Formats the responses and REPORTs of a connection. The chunks of a message share their paths, and so does what is said about them. */
export class ReplyFormat {
  #method: string | undefined;
  #toPath: readonly URI[] | undefined;
  #fromPath: readonly URI[] | undefined;
  #pathLines = '';

  response(request: Head, code: number): string {
    return formatWith(this.#pathLinesOf(request), request.transactionId, code);
  }

  /** As {@link makeReport}, with the phrase of the code. */
  report(request: Head, id: string, range: ByteRange, code: number): string {
    const { fromPath, messageId = '' } = request;
    const paths = fromPath.length === 1 ? this.#pathLinesOf(request) : reportPathLines(request);
    const fields = `Message-ID: ${messageId}\r\nByte-Range: ${reportRange(range)}\r\nStatus: ${formatStatus(code, phraseOf(code))}\r\n`;
    return `MSRP ${id} REPORT\r\n${paths}${fields}-------${id}$\r\n`;
  }

  #pathLinesOf(request: Head): string {
    const { method, toPath, fromPath } = request;
    if (toPath !== this.#toPath || fromPath !== this.#fromPath || method !== this.#method) {
      this.#method = method;
      this.#toPath = toPath;
      this.#fromPath = fromPath;
      this.#pathLines = pathLines(request, String(toPath[0]));
    }
    return this.#pathLines;
  }
}

function reportPathLines({ fromPath, toPath }: Head): string {
  return `To-Path: ${formatPath(fromPath)}\r\nFrom-Path: ${String(toPath[0])}\r\n`;
}

/** D-ERR-7: nobody takes a range that ends beyond its total, and of no octets only one that begins with 1. */
function reportRange({ start, end, total }: ByteRange): string {
  if (end !== undefined && end < start) return formatByteRange({ start: 1, end: 0, total });
  const isBeyond = total !== undefined && end !== undefined && end > total;
  return formatByteRange({ start, end, total: isBeyond ? undefined : total });
}

function responsePath(request: Head): string {
  const path = request.fromPath;
  return request.method === 'SEND' || path.length === 1 ? String(path[0]) : formatPath(path);
}

export function makeResponse(request: Head, code: number, comment: string = phraseOf(code)): Chunk | undefined {
  if (!mayRespond(request, code)) return undefined;
  const headers: HeaderEntry[] = [
    ['To-Path', responsePath(request)],
    ['From-Path', String(request.toPath[0])],
  ];
  return new Chunk({ transactionId: request.transactionId, code, comment, headers });
}

/** `range`: the octets that are reported on. The REPORT takes the whole way back, and is not answered. */
export function makeReport(
  request: Head,
  transactionId: string,
  range: ByteRange,
  code: number,
  comment: string = phraseOf(code),
): Chunk | undefined {
  if (!mayReport(request, code) || request.messageId === undefined) return undefined;
  const headers: HeaderEntry[] = [
    ['To-Path', formatPath(request.fromPath)],
    ['From-Path', String(request.toPath[0])],
    ['Message-ID', request.messageId],
    ['Byte-Range', reportRange(range)],
    ['Status', formatStatus(code, comment)],
  ];
  return new Chunk({ transactionId, method: 'REPORT', headers });
}
