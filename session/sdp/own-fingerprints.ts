// The fingerprints of our own certificate that go into SDP: SHA-256, and the hash function of its signature, which is all that
// peers of RFC 4572 accept (RFC 8122 section 5.1).

import { X509Certificate } from 'node:crypto';
import { MSRPError } from '../../codec/index.ts';
import { type Fingerprint, type FingerprintHash, fingerprintOf, type PEM } from '../../net/index.ts';

/** The signature algorithms with RSA and ECDSA, as a certificate holds them (DER), and their hash functions. */
const signatures: readonly (readonly [oid: string, hash: FingerprintHash])[] = [
  ['06092a864886f70d010105', 'sha-1'],
  ['06072a8648ce3d0401', 'sha-1'],
  ['06092a864886f70d01010c', 'sha-384'],
  ['06082a8648ce3d040303', 'sha-384'],
  ['06092a864886f70d01010d', 'sha-512'],
  ['06082a8648ce3d040304', 'sha-512'],
];

/** Of the first certificate in `cert`. Throws `MSRP_ERR_TLS` when there is none. */
export function ownFingerprints(cert: PEM): Fingerprint[] {
  const der = derOf(cert);
  // Should the octets stand for something else there, we give one fingerprint more than asked, which harms nobody.
  const signature = signatures.find(([oid]) => der.includes(Buffer.from(oid, 'hex')));
  const hashes: FingerprintHash[] = signature === undefined ? ['sha-256'] : ['sha-256', signature[1]];
  return hashes.map((hash) => fingerprintOf(der, hash));
}

function derOf(cert: PEM): Buffer {
  try {
    return new X509Certificate(cert).raw;
  } catch (cause) {
    throw new MSRPError('MSRP_ERR_TLS', 'the certificate cannot be read', { cause });
  }
}
