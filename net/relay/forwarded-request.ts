// A request other than SEND on its way through the relay: whole, for its body is small (RFC 4975 section 7.1). Its response comes from the
// other end and goes back the way that the request came (RFC 4976 section 6.4.2); a REPORT has none.

import { Chunk, type Continuation, type Head, lengthOf, type URI } from '../../codec/index.ts';
import type { Transaction } from '../transactions.ts';
import { pathsBehind } from './forward-format.ts';
import type { Answered, BodyTaker, Way } from './roles.ts';

/** Takes the request until it is whole. */
export class RequestBody implements BodyTaker {
  readonly #head: Head;
  readonly #flow: Way;
  readonly #parts: Buffer[] = [];

  constructor(head: Head, flow: Way) {
    this.#head = head;
    this.#flow = flow;
  }

  onBody(bytes: Buffer): void {
    this.#parts.push(bytes);
  }

  onEnd(flag: Continuation): void {
    const flow = this.#flow;
    if (!flow.isOpen) return;
    const { method, hasBody } = this.#head;
    const format = flow.formatOf(this.#head);
    const id = flow.newId();
    const head = Buffer.from(format.head(id, this.#head, undefined), format.encoding);
    const end = Buffer.from(`${hasBody ? '\r\n' : ''}-------${id}${flag}\r\n`, 'latin1');
    const request = method === 'REPORT' ? undefined : new ForwardedRequest(id, this.#head, flow);
    flow.counters.otherRequests++;
    const buffers = [head, ...this.#parts, end];
    flow.push({ buffers, bytes: lengthOf(buffers), answered: request });
  }
}

class ForwardedRequest implements Answered {
  readonly ident: string;
  nextEntry: Transaction | undefined;
  due: number = Number.POSITIVE_INFINITY;
  readonly isCounted = true;
  readonly #head: Head;
  readonly #flow: Way;

  constructor(ident: string, head: Head, flow: Way) {
    this.ident = ident;
    this.#head = head;
    this.#flow = flow;
  }

  onWritten(): void {
    this.#flow.to?.transactions.start(this);
  }

  /** It goes back with the transaction id that the request had; its other fields are for who sent that (D-AUTH-4). */
  onResponse(response: Head): void {
    const { from, moved } = this.#flow;
    this.#flow.to?.onAnswerAfter(this.due, response.code!);
    this.#flow.to?.onSettled(this);
    const [to, back] = pathsBehind(response.toPath.length > moved ? response : this.#expected(response), moved);
    const { code, comment, headers } = response;
    const frame = new Chunk({
      transactionId: this.#head.transactionId,
      code: code!,
      ...(comment !== undefined && { comment }),
      headers: headers.with('To-Path', to).with('From-Path', back),
    });
    from.connection.outbox.controlChunk(frame);
    from.onAnswered(this.#head, response);
  }

  /** The paths of a response that has lost its own. */
  #expected({ fromPath }: Head): { toPath: readonly URI[]; fromPath: readonly URI[] } {
    const ours = this.#head.toPath.slice(0, this.#flow.moved).toReversed();
    return { toPath: [...ours, ...this.#head.fromPath], fromPath };
  }

  onTimeout(): void {
    this.#flow.counters.timeouts++;
    this.onEnd();
  }

  /** The connection is lost. */
  onEnd(): void {
    this.#flow.to?.onSettled(this);
    this.onUnsent();
  }

  onUnsent(): void {
    this.#flow.from.connection.respond(this.#head, 408);
  }
}
