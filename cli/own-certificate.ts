// Certificates for the occasion: where none was given, and the peer knows it by its fingerprint; and for this machine alone.

import { X509Certificate } from 'node:crypto';
import { fingerprintOf, formatFingerprint } from '../index.ts';

/** PEM, both. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface OwnCertificate extends Certificate {
  /** As SDP has it. */
  readonly fingerprint: string;
}

export async function makeCertificate(host: string): Promise<OwnCertificate> {
  // Loaded here alone: it takes as long as all else that the command loads.
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: host }], { keySize: 2048, algorithm: 'sha256' });
  const fingerprint = formatFingerprint(fingerprintOf(new X509Certificate(made.cert).raw));
  return { cert: made.cert, key: made.private, fingerprint };
}

/** For 127.0.0.1 as an address, which relays and clients check, and its own authority. */
export async function makeLoopbackCertificate(): Promise<Certificate> {
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: 'loopback' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  return { cert: made.cert, key: made.private };
}
