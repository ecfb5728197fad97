// What the sessions of a benchmark do in their shard, or, without shards, in the server's thread.

import { createHash } from 'node:crypto';
import type { MSRPTransport } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';

/** `compute`: some milliseconds of work on each message; `count`: its octets; `echo`: sends it back. */
export type Work = 'compute' | 'count' | 'echo';

const block = Buffer.alloc(65_536, 'x');

/** About two milliseconds. */
function compute(): void {
  const sum = createHash('sha256');
  for (let round = 0; round < 48; round++) sum.update(block);
  sum.digest();
}

/** Gives the octets of all messages. */
export default async function serve(transport: MSRPTransport, work: Work): Promise<number> {
  const session = new MSRPSession(transport);
  let bytes = 0;
  for await (const message of session.messages()) {
    if (work === 'echo') {
      const body = await message.bytes();
      bytes += body.length;
      session.send(body);
    } else {
      for await (const parts of message.batches()) for (const part of parts) bytes += part.length;
    }
    if (work === 'compute') compute();
  }
  return bytes;
}
