// Kamailio as a relay, in a process of its own on free ports: users alice/secret1 and bob/secret2.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, makeCertificate } from '../net/certificates.ts';

/** Debian's packages `kamailio`, `kamailio-extra-modules` and `kamailio-tls-modules`. */
export const hasKamailio: boolean = spawnSync('kamailio', ['-v']).status === 0;

const ownConfig = new URL('kamailio-msrp.cfg', import.meta.url);

export interface Kamailio {
  /** Without TLS, and with. */
  readonly port: number;
  readonly tlsPort: number;
  /** Its certificate, which is for 127.0.0.1 and vouches for itself. */
  readonly certificate: Certificate;
  /** Of its first process, the parent of the others. */
  readonly pid: number;
  close(): Promise<void>;
  /** Waits for nothing: for when this process ends. */
  kill(): void;
}

/** `template`: its configuration, where that is not beside this file. */
export async function startKamailio(template: URL = ownConfig): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'msrp-kamailio-'));
  const certificate = await makeCertificate({ addresses: ['127.0.0.1'] });
  const [port, tlsPort] = [await freePort(), await freePort()];
  const inside = (name: string): string => join(folder, name);
  writeFileSync(inside('cert.pem'), certificate.cert);
  writeFileSync(inside('key.pem'), certificate.key);
  writeFileSync(inside('kamailio-tls.cfg'), tlsConfig(inside('cert.pem'), inside('key.pem')));
  const config = readFileSync(template, 'utf8').replace('28555!g', `${port}!g`).replace('28556!g', `${tlsPort}!g`);
  writeFileSync(inside('kamailio.cfg'), config.replace('"kamailio-tls.cfg"', `"${inside('kamailio-tls.cfg')}"`));
  const options = ['-DD', '-E', '-A', 'WITH_TLS', '-m', '128', '-M', '32', '-w', folder, '-Y', folder];
  const kamailio = spawn('kamailio', [...options, '-P', inside('pid'), '-f', inside('kamailio.cfg')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  kamailio.stderr.on('data', (text) => {
    log += String(text);
  });
  await Promise.all([listens(port, kamailio, () => log), listens(tlsPort, kamailio, () => log)]);
  const close = async (): Promise<void> => {
    const closed = once(kamailio, 'close');
    kamailio.kill();
    await closed;
    rmSync(folder, { recursive: true });
  };
  const kill = (): void => {
    kamailio.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, tlsPort, certificate, pid: kamailio.pid!, close, kill };
}

function tlsConfig(cert: string, key: string): string {
  return `[server:default]
method = TLSv1.2+
verify_certificate = no
private_key = ${key}
certificate = ${cert}

[client:default]
method = TLSv1.2+
verify_certificate = no
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries until somebody listens there. */
async function listens(port: number, child: ChildProcess, log: () => string): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      // Not yet.
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`Kamailio ended: ${log().slice(-2000)}`);
}
