// What a head must hold beyond its grammar, in the order that D-ERR-8 asks for: From-Path, To-Path, their order, Message-ID,
// report flags, Byte-Range, what the method asks for, MIME fields. The first fault found counts (D-ERR-4).

import { checkAuthorization } from './digest-header.ts';
import { type ChunkErrorAction, type ChunkErrorKind, ChunkParseError } from './errors.ts';
import type { Head } from './head.ts';
import { parseSeconds } from './headers.ts';
import { isIdent, maxIdentLength, maxTolerantIdentLength } from './ident.ts';
import type { Limits } from './limits.ts';
import { isMediaType } from './media-type.ts';
import { parseNickname } from './nickname.ts';
import { parseStatus } from './status.ts';
import { parsePath } from './uri.ts';

export interface HeadRules {
  readonly limits: Limits;
  readonly tolerant: boolean;
  readonly defaultContentType: string | undefined;
}

/** A fault of a frame whose end is known; what to do about it, `withReaction` says. */
export function fault(kind: ChunkErrorKind, detail: string): ChunkParseError {
  return new ChunkParseError(kind, detail, { action: 'respond' });
}

type Rule = (head: Head, rules: HeadRules) => void;

const rules: readonly Rule[] = [checkPaths, checkMessageId, checkReportFlags, checkByteRange, checkMethod, checkMIME];

/** Returns the first fault of a head whose start-line and header syntax are good. */
export function checkHead(head: Head, options: HeadRules): ChunkParseError | undefined {
  try {
    for (const rule of rules) rule(head, options);
    return undefined;
  } catch (error) {
    if (error instanceof ChunkParseError) return error;
    throw error;
  }
}

/**
 * What to do about a frame whose end is known (D-ERR-2, D-ERR-3): a request is answered where its sender can be reached and
 * wants it; a REPORT or response never is.
 */
export function withReaction(found: ChunkParseError, head: Head, isResponse: boolean): ChunkParseError {
  const action = actionFor(head, isResponse);
  const status = found.kind === 'bad-nickname' ? 424 : 400;
  return new ChunkParseError(found.kind, found.message, { action, status, offset: head.offset });
}

function actionFor(head: Head, isResponse: boolean): ChunkErrorAction {
  if (isResponse || head.method === 'REPORT') return 'ignore';
  if (replyPath(head) === undefined) return 'close';
  const flags = head.headers.all('Failure-Report');
  return flags.length === 1 && flags[0]!.toLowerCase() === 'no' ? 'ignore' : 'respond';
}

/** The From-Path, read as generously as we can: it is only used to say what is wrong. */
function replyPath(head: Head): readonly unknown[] | undefined {
  try {
    const text = head.headers.get('From-Path');
    return text === undefined ? undefined : (head.headers.block.fromPath ??= parsePath(text, undefined, true));
  } catch {
    return undefined;
  }
}

function checkPaths(head: Head, { limits, tolerant }: HeadRules): void {
  const { block } = head.headers;
  const from = block.get('from-path');
  if (from === undefined) throw fault('missing-from-path', 'there is no From-Path');
  block.fromPath = parsePath(from, limits, tolerant);
  const to = block.get('to-path');
  if (to === undefined) throw fault('missing-to-path', 'there is no To-Path');
  block.toPath = parsePath(to, limits, tolerant);
  if (block.names[0] !== 'to-path' || block.names[1] !== 'from-path') {
    throw fault('path-order', 'To-Path comes first, From-Path second');
  }
}

/** A bodiless SEND, which binds or keeps alive, may go without: some peers' do, and nothing depends on it. */
function checkMessageId(head: Head, { tolerant }: HeadRules): void {
  const id = head.messageId;
  if (id === undefined) {
    const needed = head.method === 'REPORT' || (head.method === 'SEND' && head.hasBody);
    if (needed) throw fault('missing-message-id', `a ${head.method} needs a Message-ID`);
  } else if (!isIdent(id, tolerant ? maxTolerantIdentLength : maxIdentLength)) {
    throw fault('bad-message-id', `"${id.slice(0, 100)}" cannot be a Message-ID`);
  }
}

function checkReportFlags(head: Head): void {
  void head.successReport;
  void head.failureReport;
}

function checkByteRange(head: Head): void {
  void head.byteRange;
}

function checkMethod(head: Head, { limits, tolerant }: HeadRules): void {
  const { headers, method } = head;
  if (method === 'REPORT') {
    forbidReportFlags(head);
    const status = headers.get('Status');
    if (status === undefined) throw fault('missing-status', 'a REPORT needs a Status');
    headers.block.status = parseStatus(status, tolerant);
  } else if (method === 'NICKNAME') {
    forbidReportFlags(head);
    const nickname = headers.get('Use-Nickname');
    if (nickname === undefined) throw fault('missing-nickname', 'a NICKNAME needs a Use-Nickname');
    parseNickname(nickname);
  } else if (method === 'AUTH' || head.code !== undefined) {
    for (const name of ['Expires', 'Min-Expires', 'Max-Expires']) {
      const seconds = headers.get(name);
      if (seconds !== undefined) parseSeconds(seconds);
    }
    const authorization = headers.get('Authorization');
    if (authorization !== undefined) checkAuthorization(authorization);
    if (headers.all('WWW-Authenticate').length > limits.challenges) {
      throw fault('bad-header', `more than ${limits.challenges} WWW-Authenticate`);
    }
  }
}

function forbidReportFlags(head: Head): void {
  for (const name of ['Success-Report', 'Failure-Report']) {
    if (head.headers.has(name)) throw fault('forbidden-header', `a frame of this method may not have ${name}`);
  }
}

function checkMIME(head: Head, { tolerant, defaultContentType }: HeadRules): void {
  const { names } = head.headers.block;
  if (head.hasBody && head.code !== undefined) throw fault('response-with-body', 'a response has no body');
  if (!head.hasBody) {
    if (!tolerant && names.some((name) => name.startsWith('content-'))) {
      throw fault('content-type-without-body', 'MIME fields, but no body');
    }
    return;
  }
  checkType(head, defaultContentType);
  if (names.includes('content-transfer-encoding')) {
    throw fault('forbidden-header', 'bodies are binary: no Content-Transfer-Encoding');
  }
  if (!tolerant && names.includes('content-type') && names.at(-1) !== 'content-type') {
    throw fault('content-type-not-last', 'Content-Type comes last');
  }
}

/** Some old clients leave it out, and some send what is none, such as `image/*`. */
function checkType({ headers }: Head, defaultContentType: string | undefined): void {
  const type = headers.block.get('content-type');
  if (type !== undefined && isMediaType(type)) return;
  if (defaultContentType !== undefined) headers.block.contentType = defaultContentType;
  else if (type === undefined) throw fault('missing-content-type', 'a body needs a Content-Type');
  else throw fault('bad-content-type', `"${type.slice(0, 100)}" is no media type`);
}
