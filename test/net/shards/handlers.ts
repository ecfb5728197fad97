// A handler for the tests: does what the `data` of its session asks for.

import { createHash } from 'node:crypto';
import { threadId } from 'node:worker_threads';
import { MSRPError, MSRPSession, type MSRPTransport } from '../../../index.ts';

export type Deed =
  /** Sends each chunk back until the peer has gone; gives how many there were. */
  | 'echo'
  /** Takes one message in a session of its own; gives its hash. */
  | 'hash'
  /** Returns at once, and leaves the session as it is. */
  | 'leave'
  | 'throw'
  | 'throw later'
  | 'throw coded'
  | 'return a function'
  | 'exit'
  | 'fill the heap'
  | 'never end';

export interface Task {
  readonly deed: Deed;
}

export interface Outcome {
  readonly threadId: number;
  readonly chunks?: number;
  readonly hash?: string;
}

export default async function handle(transport: MSRPTransport, { deed }: Task): Promise<unknown> {
  if (deed === 'echo') return echo(transport);
  if (deed === 'hash') return hash(transport);
  if (deed === 'leave') return { threadId } satisfies Outcome;
  if (deed === 'never end') for (;;) await transport.readChunk();
  // Whatever is wrong with it shows when the peer says so.
  await transport.readChunk();
  return misbehave(deed);
}

function misbehave(deed: Deed): unknown {
  if (deed === 'throw') throw new Error('no good');
  if (deed === 'throw coded') throw new MSRPError('MSRP_ERR_NOT_READ', 'no good', { scope: 'session', status: 413 });
  if (deed === 'return a function') return () => {};
  if (deed === 'exit') process.exit(3);
  if (deed === 'throw later') {
    setImmediate(() => {
      throw new Error('no good');
    });
    return new Promise(() => {});
  }
  const all: number[][] = [];
  for (;;) all.push(Array.from({ length: 100_000 }, (_, index) => index + all.length));
}

async function echo(transport: MSRPTransport): Promise<Outcome> {
  let chunks = 0;
  for await (const chunk of transport.chunks()) {
    chunks++;
    await transport.writeChunk(transport.makeChunk({ data: chunk.data, failureReport: 'no' }));
  }
  return { threadId, chunks };
}

async function hash(transport: MSRPTransport): Promise<Outcome> {
  const session = new MSRPSession(transport);
  const made = createHash('sha256');
  for await (const message of session.messages()) {
    for await (const bytes of message) made.update(bytes);
    break;
  }
  await session.shutdown({ wait: false });
  return { threadId, hash: made.digest('hex') };
}
