// A certificate for the occasion, where none was given: the peer knows it by its fingerprint.

import { X509Certificate } from 'node:crypto';
import { fingerprintOf, formatFingerprint } from '../index.ts';

export interface OwnCertificate {
  /** PEM, both. */
  readonly cert: string;
  readonly key: string;
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
