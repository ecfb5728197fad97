// Sends messages with long heads, each when the one before is delivered. Prints how many octets it holds more behind the last than behind
// the first hundred.

import { AcceptorDirect, ConnectorDirect, MSRPSession } from '../../index.ts';

const messages = Number(process.argv[2]);
const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');

const connector = new ConnectorDirect();
const acceptor = new AcceptorDirect();
const offer = await connector.prepare();
const answer = await acceptor.prepare();
const [near, far] = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
const sender = new MSRPSession(near);
const receiver = new MSRPSession(far);
const reading = (async () => {
  for await (const message of receiver.messages()) await message.bytes();
})();

async function send(count: number): Promise<number> {
  for (let sent = 0; sent < count; sent++) {
    // No two heads are alike.
    const long = String(sent).padEnd(15_000, 'x');
    const headers = ['X-First', 'X-Second'].map((name) => [name, long] as const);
    await sender.send('x', { headers }).delivered;
  }
  gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const before = await send(100);
const held = (await send(messages)) - before;
await sender.shutdown();
await reading;
console.log(JSON.stringify({ held }));
