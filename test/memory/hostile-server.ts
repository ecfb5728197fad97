// A server with one session, for a peer in another process that means no good. Its first argument says what the application does:
// `nothing`, or `takes` the messages and never reads their bodies, or `reads` them, or `reads all but the first`. Tells its URI, then answers each message with the
// octets that it holds.

import { MSRPServer, MSRPSession, URI } from '../../index.ts';

const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');
const [, , deed] = process.argv;

process.on('message', () => {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ held: heapUsed + external });
});

const server = new MSRPServer();
const [uri] = await server.prepare(new URI({ host: '127.0.0.1' }));
process.send?.({ uri: String(uri) });
const session = new MSRPSession(await server.complete());
if (deed === 'nothing') await session.closed;
else {
  const taken: unknown[] = [];
  for await (const message of session.messages()) {
    if (deed === 'takes' || (deed !== 'reads' && taken.length === 0)) taken.push(message);
    else message.bytes().catch(() => {});
  }
}
