// An end of a bare socket, as a process of its own: the file is read from disk and hashed at both ends, and that is all.
//
//   sink SIZE [CERT KEY]        takes one connection, and answers when so many octets are there
//   source FILE PORT [CERT]     sends the file, and waits for the answer
//
// With a certificate over TLS.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTLS, createServer as createTLSServer } from 'node:tls';

const host = '127.0.0.1';

function tell(event: Readonly<Record<string, string | number>>): void {
  console.log(JSON.stringify(event));
}

async function sink(size: number, cert?: string, key?: string): Promise<void> {
  const isTLS = cert !== undefined && key !== undefined;
  const server: Server = isTLS ? createTLSServer({ cert: readFileSync(cert), key: readFileSync(key) }) : createServer();
  await once(server.listen(0, host), 'listening');
  const address = server.address();
  tell({ port: typeof address === 'object' && address !== null ? address.port : 0 });
  const [socket] = (await once(server, isTLS ? 'secureConnection' : 'connection')) as [Socket];
  server.close();
  const hash = createHash('sha256');
  let bytes = 0;
  const take = (piece: Buffer): void => {
    hash.update(piece);
    bytes += piece.length;
    if (bytes === size) socket.end('done');
  };
  take(Buffer.alloc(0));
  socket.on('data', take);
  await once(socket, 'close');
  tell({ sha256: hash.digest('hex') });
}

async function source(file: string, port: number, cert?: string): Promise<void> {
  const isTLS = cert !== undefined;
  const socket: Socket = isTLS ? connectTLS({ host, port, ca: readFileSync(cert) }) : connect(port, host);
  const answered = once(socket, 'data');
  await once(socket, isTLS ? 'secureConnect' : 'connect');
  const started = performance.now();
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(file, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>) {
    hash.update(bytes);
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  await answered;
  socket.end();
  tell({ seconds: (performance.now() - started) / 1000, sha256: hash.digest('hex') });
}

const [role, first = '', second = '', third] = process.argv.slice(2);
if (role === 'sink') await sink(Number(first), second === '' ? undefined : second, third);
else await source(first, Number(second), third);
