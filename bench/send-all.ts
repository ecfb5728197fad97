// So many messages in a session, a window of them under way.

import type { MSRPSession, SendOptions } from '../session/index.ts';
import type { Usage } from './peer-process.ts';

export interface SendCall {
  readonly messages: number;
  readonly bytes: number;
  /** Messages that are under way at a time. */
  readonly window: number;
}

export interface Sent extends Usage {
  readonly seconds: number;
}

/** Resolves when all are delivered; with how long each took, in milliseconds. */
export async function sendAll(
  session: MSRPSession,
  { messages, bytes, window }: SendCall,
  options?: SendOptions,
): Promise<number[]> {
  const data = Buffer.alloc(bytes, 'x');
  const latencies: number[] = [];
  let sent = 0;
  const work = async (): Promise<void> => {
    while (sent++ < messages) {
      const at = performance.now();
      await session.send(data, options).delivered;
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: window }, work));
  return latencies;
}
