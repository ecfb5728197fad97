// Certificates for the tests, made anew in each run: EC keys, so that making one takes a millisecond or two.

import { generate } from 'selfsigned';

/** A certificate and its private key in PEM form. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateInit {
  /** The DNS names in the subjectAltName. Default: none. */
  readonly names?: readonly string[];
  /** The IP addresses in the subjectAltName. Default: none. */
  readonly addresses?: readonly string[];
  /** Default: `test`. */
  readonly commonName?: string;
  /** Who signs. Default: its own key. */
  readonly issuer?: Certificate;
  /** Default: a year from now. */
  readonly notAfter?: Date;
}

const dayMs = 86_400_000;

export async function makeAuthority(commonName: string): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

export async function makeCertificate(init: CertificateInit): Promise<Certificate> {
  const { names = [], addresses = [], commonName = 'test', issuer, notAfter } = init;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 30 * dayMs),
    notAfterDate: notAfter ?? new Date(Date.now() + 365 * dayMs),
    ...(issuer && { ca: issuer }),
    extensions: [
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2, value }) as const),
          ...addresses.map((ip) => ({ type: 7, ip }) as const),
        ],
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}
