// A server in a process that may not open many files, with as many shards as its argument says. Tells its URI, then sends back what comes.

import { MSRPServer, URI } from '../../index.ts';

const server = new MSRPServer({ shards: Number(process.argv[2]), timeouts: { bindMs: 60_000 } });
const [uri] = await server.prepare(new URI({ host: '127.0.0.1' }));
process.send?.({ uri: String(uri) });
const transport = await server.complete();
for await (const chunk of transport.chunks()) {
  await transport.writeChunk(transport.makeChunk({ data: chunk.data, failureReport: 'no' }));
}
await server.close({ drain: 5000 });
process.disconnect();
