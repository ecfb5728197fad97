// What the sessions of a benchmark do in their shard, or, without shards, in the server's thread.

import { createHash } from 'node:crypto';
import type { MSRPTransport } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';

/** `compute`: some milliseconds of work on each message; `count`: its octets; `idle`: nothing, in a thread that collects its garbage. */
export type Work = 'compute' | 'count' | 'idle';

const block = Buffer.alloc(65_536, 'x');

/** About two milliseconds. */
function compute(): void {
  const sum = createHash('sha256');
  for (let round = 0; round < 48; round++) sum.update(block);
  sum.digest();
}

/** A thread that has nothing to do collects nothing either. */
let collecting: NodeJS.Timeout | undefined;

function collectNowAndThen(): void {
  collecting ??= setInterval(() => globalThis.gc?.(), 1000).unref();
}

/** Gives the octets of all messages. */
export default async function serve(transport: MSRPTransport, work: Work): Promise<number> {
  if (work === 'idle') collectNowAndThen();
  const session = new MSRPSession(transport);
  let bytes = 0;
  for await (const message of session.messages()) {
    for await (const parts of message.batches()) for (const part of parts) bytes += part.length;
    if (work === 'compute') compute();
  }
  return bytes;
}
