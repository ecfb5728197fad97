import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type FingerprintHash,
  fingerprintOf,
  formatFingerprint,
  matchesFingerprint,
  parseFingerprint,
  preferredFingerprints,
} from '../../net/fingerprint.ts';
import { faultOf } from '../support/fault.ts';

/** Any bytes do: the hash is over the DER form, whatever it says. */
const certificate = Buffer.from('a certificate in DER form');
const other = Buffer.from('another certificate');

const hashes: { hash: FingerprintHash; algorithm: string }[] = [
  { hash: 'sha-1', algorithm: 'sha1' },
  { hash: 'sha-224', algorithm: 'sha224' },
  { hash: 'sha-256', algorithm: 'sha256' },
  { hash: 'sha-384', algorithm: 'sha384' },
  { hash: 'sha-512', algorithm: 'sha512' },
];

function textOf(hash: FingerprintHash, bytes: Buffer = certificate): string {
  return formatFingerprint(fingerprintOf(bytes, hash));
}

describe('a fingerprint', () => {
  test.each(hashes)('of $hash is its hash function over the certificate', ({ hash, algorithm }) => {
    const digits = createHash(algorithm).update(certificate).digest('hex').toUpperCase();
    const text = `${hash.toUpperCase()} ${digits.match(/../g)!.join(':')}`;
    expect(textOf(hash)).toBe(text);
    expect(parseFingerprint(text)).toEqual(fingerprintOf(certificate, hash));
  });

  test('is of SHA-256 by default, in upper case with colons', () => {
    expect(formatFingerprint(fingerprintOf(certificate))).toMatch(/^SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  test('of RFC 8122 section 5 is read as it stands there', () => {
    const text =
      'SHA-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD';
    expect(formatFingerprint(parseFingerprint(text))).toBe(text);
  });

  test.each([
    ['lower case', (text: string) => text.toLowerCase()],
    ['no colons', (text: string) => text.replaceAll(':', '')],
    ['no hash function', (text: string) => text.split(' ')[1]!],
    ['only digits', (text: string) => text.split(' ')[1]!.replaceAll(':', '').toLowerCase()],
    ['space around and more between', (text: string) => ` ${text.replace(' ', ' \t ')}\n`],
  ])('is read with %s', (_name, change) => {
    for (const { hash } of hashes) {
      expect(parseFingerprint(change(textOf(hash)))).toEqual(fingerprintOf(certificate, hash));
    }
  });

  test.each([
    ['empty text', ''],
    ['a hash function alone', 'SHA-256'],
    ['MD5', `MD5 ${createHash('md5').update(certificate).digest('hex')}`],
    ['MD5 without its name', createHash('md5').update(certificate).digest('hex')],
    ['MD2', 'md2 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF'],
    ['an unknown hash function', `sha3-256 ${'00'.repeat(32)}`],
    ['too few digits for its hash function', `SHA-256 ${'00'.repeat(31)}`],
    ['too many digits for its hash function', `SHA-256 ${'00'.repeat(33)}`],
    ['an odd digit', `SHA-256 ${'00'.repeat(31)}0`],
    ['a colon at the end', `SHA-256 ${'00:'.repeat(32)}`],
    ['what is no digit', `SHA-256 ${'0G'.repeat(32)}`],
    ['something behind', `SHA-256 ${'00'.repeat(32)} x`],
  ])('is refused for %s', (_name, text) => {
    expect(faultOf(() => parseFingerprint(text)).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('verifying', () => {
  test.each(hashes)('by $hash accepts its certificate and no other', ({ hash }) => {
    const fingerprints = preferredFingerprints([textOf(hash)]);
    expect(matchesFingerprint(certificate, fingerprints)).toBe(true);
    expect(matchesFingerprint(other, fingerprints)).toBe(false);
  });

  test('accepts each of several certificates of one hash function', () => {
    const fingerprints = preferredFingerprints([textOf('sha-256'), textOf('sha-256', other)]);
    expect([certificate, other].every((one) => matchesFingerprint(one, fingerprints))).toBe(true);
  });

  test('goes by the strongest hash function offered, whatever a weaker one says', () => {
    const fingerprints = preferredFingerprints([textOf('sha-1', other), textOf('sha-256'), textOf('sha-224', other)]);
    expect(fingerprints).toEqual([fingerprintOf(certificate, 'sha-256')]);
    expect(matchesFingerprint(other, fingerprints)).toBe(false);
  });

  test('takes parsed ones as well', () => {
    const parsed = fingerprintOf(certificate, 'sha-512');
    expect(preferredFingerprints([parsed, textOf('sha-256')])).toEqual([parsed]);
  });

  test('passes over hash functions that are not used, if another is left', () => {
    const offered = ['MD5 00', 'sha3-256 00', textOf('sha-256')];
    expect(preferredFingerprints(offered)).toEqual([fingerprintOf(certificate)]);
  });

  test.each([
    ['nothing', []],
    ['only hash functions that are not used', ['MD5 00:11', 'md2 00']],
    ['something that is no fingerprint', [`SHA-256 ${'00'.repeat(32)}`, 'rubbish']],
  ])('is refused for %s', (_name, offered) => {
    expect(faultOf(() => preferredFingerprints(offered)).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('by no fingerprint accepts nothing', () => {
    expect(matchesFingerprint(certificate, [])).toBe(false);
  });
});
