// Certificate fingerprints (RFC 8122 section 5, RFC 4975 section 14.4): the hash over the DER form of a certificate.
//
//   fingerprint-attribute = "fingerprint" ":" hash-func SP fingerprint
//   hash-func             = "sha-1" / "sha-224" / "sha-256" / "sha-384" / "sha-512" / "md5" / "md2" / token
//   fingerprint           = 2UHEX *( ":" 2UHEX )        ; UHEX = DIGIT / %x41-46
//
// We take lower case (D-TLS-2), digits without colons (what certificate tools print), and digits without a hash-func,
// which their number then tells. MD5 and MD2 are never used, neither to make nor to verify. SHA-1 is: RFC 4572 peers
// send nothing else, and to find a second certificate for a given one is not what is broken about it.

import { createHash, timingSafeEqual } from 'node:crypto';
import { MSRPError } from '../codec/index.ts';

/** The hash functions that we verify with, by their SDP names. */
export type FingerprintHash = 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';

/** The hash of a certificate. */
export interface Fingerprint {
  readonly hash: FingerprintHash;
  /** 20 to 64 octets. */
  readonly digest: Buffer;
}

/** The octets of each digest; from the weakest to the strongest. */
const digestBytes: Record<FingerprintHash, number> = {
  'sha-1': 20,
  'sha-224': 28,
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
};

const hashes = Object.keys(digestBytes) as FingerprintHash[];

const fingerprintText = /^(?:(?<name>[^\s:]+)[ \t]+)?(?<digits>[0-9a-f]{2}(?::?[0-9a-f]{2})*)$/i;

/** Parses `SHA-256 AB:CD:...`; throws `MSRP_ERR_ARGUMENT` for a hash that we do not use and for digits that are not its. */
export function parseFingerprint(text: string): Fingerprint {
  const groups = fingerprintText.exec(text.trim())?.groups;
  if (groups === undefined) throw badFingerprint(text, 'it is not a hash name and pairs of hexadecimal digits');
  const digest = Buffer.from(groups['digits']!.replaceAll(':', ''), 'hex');
  const name = groups['name']?.toLowerCase();
  const hash = hashes.find((known) => (name === undefined ? digestBytes[known] === digest.length : known === name));
  if (hash === undefined) throw badFingerprint(text, 'only SHA-1, -224, -256, -384 and -512 are used');
  if (digest.length !== digestBytes[hash]) throw badFingerprint(text, `${hash} has ${digestBytes[hash]} octets`);
  return { hash, digest };
}

/** The fingerprint as SDP has it: hash name and digits in upper case. */
export function formatFingerprint(fingerprint: Fingerprint): string {
  const digits = fingerprint.digest.toString('hex').toUpperCase();
  return `${fingerprint.hash.toUpperCase()} ${digits.replaceAll(/..(?!$)/g, '$&:')}`;
}

/** The fingerprint of the certificate whose DER form `certificate` is. */
export function fingerprintOf(certificate: Uint8Array, hash: FingerprintHash = 'sha-256'): Fingerprint {
  return { hash, digest: createHash(hash.replace('-', '')).update(certificate).digest() };
}

/**
 * Those to verify by: of the strongest hash function among them (RFC 8122 section 5.1). Text with a hash function that
 * we do not use is passed over, as a peer may send it beside others. Throws `MSRP_ERR_ARGUMENT` for text that is no
 * fingerprint and when none is left: to verify nothing is never the answer.
 */
export function preferredFingerprints(offered: readonly (string | Fingerprint)[]): Fingerprint[] {
  const usable = offered
    .filter((one) => typeof one !== 'string' || !hasUnusedHash(one))
    .map((one) => (typeof one === 'string' ? parseFingerprint(one) : one));
  const strongest = hashes.findLast((hash) => usable.some((one) => one.hash === hash));
  if (strongest === undefined) throw badFingerprint(offered.map(String).join(), 'no hash among them is used');
  return usable.filter((one) => one.hash === strongest);
}

/** Whether the certificate whose DER form `certificate` is has one of `fingerprints`. */
export function matchesFingerprint(certificate: Uint8Array, fingerprints: readonly Fingerprint[]): boolean {
  return fingerprints.some((one) => {
    const { digest } = fingerprintOf(certificate, one.hash);
    return digest.length === one.digest.length && timingSafeEqual(digest, one.digest);
  });
}

function hasUnusedHash(text: string): boolean {
  const name = fingerprintText.exec(text.trim())?.groups?.['name']?.toLowerCase();
  return name !== undefined && !hashes.some((hash) => hash === name);
}

function badFingerprint(text: string, why: string): MSRPError {
  return new MSRPError('MSRP_ERR_ARGUMENT', `bad fingerprint "${text}": ${why}`);
}
