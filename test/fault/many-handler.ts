// Serves one of many sessions: answers its one message with a hash of what came and of whose it is, and waits for the peer to go.

import { createHash } from 'node:crypto';
import { MSRPSession, type MSRPTransport } from '../../index.ts';

export function answerTo(text: string, sessionId: string): string {
  return createHash('sha256').update(`${sessionId} ${text}`).digest('hex');
}

/** Gives the hash of all that came, which must be one message. */
export default async function handle(transport: MSRPTransport): Promise<string> {
  const session = new MSRPSession(transport);
  const made = createHash('sha256');
  for await (const message of session.messages()) {
    const text = await message.text();
    made.update(text);
    await session.send(answerTo(text, transport.localUri.sessionId ?? '')).delivered;
  }
  return made.digest('hex');
}
