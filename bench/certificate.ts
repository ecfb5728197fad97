// A certificate for what is measured over TLS, its own authority.

import { generate } from 'selfsigned';

/** PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** For 127.0.0.1 as an address: a relay checks it, and clients may. */
export async function makeCertificate(): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'bench' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  return { cert: made.cert, key: made.private };
}
