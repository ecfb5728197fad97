// The ways of npm start from one process to another. Each gives how long it took, and what both ends say that they had.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { URI } from '../../index.ts';
import { makeLoopbackCertificate } from '../own-certificate.ts';
import { type Children, type Event, type Events, next } from './children.ts';

/** At both ends, in the order sender, receiver. */
export interface Transfer {
  readonly seconds: number;
  readonly hashes: readonly string[];
}

/** PEM files of a certificate for 127.0.0.1 that vouches for itself. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const main = fileURLToPath(new URL('../main.js', import.meta.url));
const bareEnd = fileURLToPath(new URL('bare-end.js', import.meta.url));
const user = 'demo';

export async function makeCertificate(folder: string): Promise<CertificateFiles> {
  const { cert, key } = await makeLoopbackCertificate();
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  return files;
}

/** msrp relay, msrp receive and msrp send, over TLS. */
export async function throughRelay(
  children: Children,
  file: string,
  folder: string,
  { cert, key }: CertificateFiles,
): Promise<Transfer> {
  const [users, secret] = [join(folder, 'users'), join(folder, 'secret')];
  const password = crypto.randomUUID();
  await writeFile(users, `${user}:${password}\n`, { mode: 0o600 });
  await writeFile(secret, password, { mode: 0o600 });
  const tls = ['--cert', cert, '--key', key];
  const listen = ['--listen', 'msrps://127.0.0.1:0', '--users', users, '--drain', '0'];
  const relay = children.start(main, 'relay', '--json', ...listen, ...tls);
  const { host, port } = URI.parse(String((await nextNamed(relay, 'listening'))['uri']));
  const behind = ['--relay', `msrps://${user}@${host}:${String(port)}`, '--password-file', secret, '--ca', cert];
  const transfer = await overMSRP(children, file, join(folder, 'relayed'), behind);
  await children.end();
  return transfer;
}

/** msrp receive and msrp send, over TCP. */
export async function direct(children: Children, file: string, folder: string): Promise<Transfer> {
  const transfer = await overMSRP(children, file, join(folder, 'direct'));
  await children.end();
  return transfer;
}

async function overMSRP(children: Children, file: string, folder: string, relay: string[] = []): Promise<Transfer> {
  const receiver = children.start(main, 'receive', '--json', '--dir', folder, ...relay);
  const { path = '' } = await nextNamed(receiver, 'listening');
  const sender = children.start(main, 'send', '--json', String(path), file, ...relay);
  const [sent, received] = await Promise.all([nextNamed(sender, 'sent'), nextNamed(receiver, 'received')]);
  await sender.next();
  return transferOf(sent, received);
}

/** What is of no interest here, such as a log line, is passed over. */
async function nextNamed(events: Events, name: string): Promise<Event> {
  for (;;) {
    const event = await next(events);
    if (event['event'] === name) return event;
    if (event['event'] === 'failed') throw new Error(String(event['message']));
  }
}

/** The same file read from disk and hashed at both ends, but nothing else than a socket in between. */
export async function overSocket(
  children: Children,
  file: string,
  size: number,
  tls?: CertificateFiles,
): Promise<Transfer> {
  const receiver = children.start(bareEnd, 'sink', String(size), ...(tls === undefined ? [] : [tls.cert, tls.key]));
  const { port = 0 } = await next(receiver);
  const sender = children.start(bareEnd, 'source', file, String(port), ...(tls === undefined ? [] : [tls.cert]));
  const [sent, received] = await Promise.all([next(sender), next(receiver)]);
  await Promise.all([sender.next(), receiver.next()]);
  return transferOf(sent, received);
}

function transferOf(sent: Event, received: Event): Transfer {
  return { seconds: Number(sent['seconds']), hashes: [String(sent['sha256']), String(received['sha256'])] };
}
