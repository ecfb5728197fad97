import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkAuthorization, parseAuthenticationInfo, parseDigestHeader } from '../../codec/digest-header.ts';
import { type Chunk, decodeChunks } from '../../codec/index.ts';
import {
  type Challenge,
  chooseChallenge,
  computeDigest,
  type DigestAlgorithm,
  DigestClient,
  type DigestInput,
  formatChallenge,
  formatProof,
  hashA1,
  isAuthentic,
  isSameDigest,
  readCredentials,
} from '../../net/digest.ts';

const folder = new URL('../vectors/', import.meta.url);

interface Vector extends DigestInput {
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly response: string;
  readonly rspauth: string;
}

const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(new URL('digest-vectors.json', folder), 'utf8'));

describe('the digest vectors', () => {
  test.each(vectors)('$algorithm for $username at $realm with $nonce gives $response', (vector) => {
    const { algorithm, username, realm, password } = vector;
    expect(hashA1(algorithm, username, realm, password)).toBe(vector.ha1);
    expect(computeDigest(vector)).toBe(vector.response);
    expect(computeDigest({ ...vector, method: '' })).toBe(vector.rspauth);
  });
});

const flows = [
  ['authflow-md5-single-relay', 3],
  ['authflow-md5-two-relays', 3],
  ['authflow-sha256', 1],
  ['authflow-stale-nonce', 2],
  ['authflow-423-interval', 2],
  ['authflow-403-not-authorised', 1],
] as const;

/** `outer.example.net` has another password than the rest. */
function passwordFor(realm: string): string {
  return realm === 'outer.example.net' ? 'looking-glass' : 'wonderland';
}

function uriOf(request: Chunk): string {
  return String(request.toPath.at(-1));
}

describe('the AUTH flows', () => {
  test.each(flows)('in %s every AUTH is authentic, and every proof ours', (name, count) => {
    const requests = new Map<string, Chunk>();
    let checked = 0;
    for (const chunk of decodeChunks(readFileSync(new URL(`${name}.msrp`, folder)))) {
      const request = requests.get(chunk.transactionId);
      requests.set(chunk.transactionId, chunk);
      const info = chunk.headers.get('Authentication-Info');
      const header = (request ?? chunk).headers.authorization;
      if (header === undefined) continue;
      const credentials = readCredentials(header)!;
      const ha1 = hashA1(
        credentials.algorithm,
        credentials.username,
        credentials.realm,
        passwordFor(credentials.realm),
      );
      if (request === undefined) {
        expect(isAuthentic(credentials, ha1, uriOf(chunk))).toBe(true);
        expect(isAuthentic(credentials, ha1.replace(/./, 'x'), uriOf(chunk))).toBe(false);
        expect(isAuthentic(credentials, ha1, `${uriOf(chunk)};x`)).toBe(false);
        expect(credentials.uri).toBe(uriOf(chunk));
        checked++;
      }
      if (info === undefined || request === undefined) continue;
      const nextnonce = parseAuthenticationInfo(info).get('nextnonce');
      expect(formatProof(credentials, ha1, uriOf(request), nextnonce)).toBe(info);
    }
    expect(checked).toBeGreaterThanOrEqual(count);
  });

  test.each(flows)('in %s the client answers each challenge octet by octet', (name) => {
    const clients = new Map<string, DigestClient>();
    let cnonce = '';
    for (const chunk of decodeChunks(readFileSync(new URL(`${name}.msrp`, folder)))) {
      const challenge = chooseChallenge(chunk.headers.wwwAuthenticate);
      if (challenge !== undefined) {
        const client = new DigestClient('alice', passwordFor(challenge.realm), () => cnonce);
        client.take(challenge);
        clients.set(challenge.nonce, client);
      }
      const nonce = chunk.headers.authorization?.parameters.get('nonce') ?? '';
      const client = clients.get(nonce);
      if (client === undefined) continue;
      cnonce = chunk.headers.authorization!.parameters.get('cnonce')!;
      expect(client.authorize(uriOf(chunk))).toBe(chunk.headers.get('Authorization'));
      clients.delete(nonce);
    }
    expect(clients.size).toBe(0);
  });
});

const algorithms: DigestAlgorithm[] = ['MD5', 'SHA-256'];
const uri = 'msrps://relay.example.com;tcp';

function clientOf(password = 'wonderland'): DigestClient {
  let count = 0;
  return new DigestClient('al"ice', password, () => `cnonce${++count}`);
}

describe('the two sides', () => {
  test.each(algorithms)('agree with %s', (algorithm) => {
    const client = clientOf();
    expect(client.authorize(uri)).toBeUndefined();
    const challenge: Challenge = { realm: 'r "é"', nonce: 'n=', algorithm, opaque: 'o' };
    const read = chooseChallenge([parseDigestHeader(formatChallenge(challenge))])!;
    expect(read).toEqual({ ...challenge, stale: false });
    client.take(read);
    const credentials = readCredentials(checkAuthorization(client.authorize(uri)!))!;
    expect(credentials).toMatchObject({ username: 'al"ice', uri, count: 1, nc: '00000001', opaque: 'o', algorithm });
    const ha1 = hashA1(algorithm, 'al"ice', challenge.realm, 'wonderland');
    expect(isAuthentic(credentials, ha1, uri)).toBe(true);
    expect(client.accept(parseAuthenticationInfo(formatProof(credentials, ha1, uri)))).toBe(true);
    const wrong = hashA1(algorithm, 'al"ice', challenge.realm, 'Wonderland');
    expect(isAuthentic(credentials, wrong, uri)).toBe(false);
    expect(client.accept(parseAuthenticationInfo(formatProof(credentials, wrong, uri)))).toBe(false);
  });

  test('a nonce is counted up in hex, each time with another cnonce, and the next one from 1', () => {
    const client = clientOf();
    client.take({ realm: 'r', nonce: 'first' });
    const seen = Array.from({ length: 17 }, () => readCredentials(parseDigestHeader(client.authorize(uri)!))!);
    expect(seen.map(({ nc }) => nc).slice(8)).toEqual(
      ['9', 'a', 'b', 'c', 'd', 'e', 'f', '10', '11'].map((digits) => digits.padStart(8, '0')),
    );
    expect(new Set(seen.map(({ cnonce }) => cnonce)).size).toBe(17);
    expect(client.accept(parseAuthenticationInfo('nextnonce="second"'))).toBe(true);
    expect(readCredentials(parseDigestHeader(client.authorize(uri)!))).toMatchObject({ nonce: 'second', count: 1 });
  });

  test('the uri can be left out, and is in the digest all the same', () => {
    const client = clientOf();
    client.take({ realm: 'r', nonce: 'n' });
    const credentials = readCredentials(parseDigestHeader(client.authorize(uri, false)!))!;
    expect(credentials.uri).toBeUndefined();
    expect(isAuthentic(credentials, hashA1('MD5', 'al"ice', 'r', 'wonderland'), uri)).toBe(true);
  });

  test('a 200 without proof is taken, as several relays send none', () => {
    const client = clientOf();
    client.take({ realm: 'r', nonce: 'n' });
    client.authorize(uri);
    expect(client.accept(undefined)).toBe(true);
    expect(client.accept(new Map())).toBe(true);
    expect(client.accept(new Map([['rspauth', '']]))).toBe(false);
  });
});

describe('a challenge', () => {
  const base = 'Digest realm="r", nonce="n"';
  test.each<[string, string[], Partial<Challenge> | undefined]>([
    ['the first that we can answer', [`${base}, qop="auth", algorithm=SHA-512-256`, `${base}, qop="auth"`], {}],
    ['the first of two', [`${base}, qop="auth", algorithm=SHA-256`, `${base}, qop="auth"`], { algorithm: 'SHA-256' }],
    ['also MD5 before SHA-256', [`${base}, qop="auth"`, `${base}, qop="auth", algorithm=SHA-256`], {}],
    ['an algorithm in any case', [`${base}, qop=auth, algorithm="md5"`], { algorithm: 'MD5' }],
    ['qop among others', [`${base}, qop="auth-int, auth"`], {}],
    ['stale in any case', [`${base}, qop="auth", stale=TRUE`], { stale: true }],
    ['stale false', [`${base}, qop="auth", stale=false`], {}],
    ['no qop', [base], undefined],
    ['only auth-int', [`${base}, qop="auth-int"`], undefined],
    ['MD5-sess', [`${base}, qop="auth", algorithm=MD5-sess`], undefined],
    ['no nonce', ['Digest realm="r", qop="auth"'], undefined],
    ['no realm', ['Digest nonce="n", qop="auth"'], undefined],
    ['Basic', ['Basic realm="r"'], undefined],
    ['none at all', [], undefined],
  ])('%s', (_, values, expected) => {
    const challenge = chooseChallenge(values.map(parseDigestHeader));
    const rest = { realm: 'r', nonce: 'n', algorithm: undefined, opaque: undefined, stale: false };
    expect(challenge).toEqual(expected && { ...rest, ...expected });
  });

  test('says stale when it is', () => {
    expect(formatChallenge({ realm: 'r', nonce: 'n', stale: true })).toBe(`${base}, qop="auth", stale=true`);
  });
});

describe('credentials', () => {
  const good = `username="u", realm="r", nonce="n", cnonce="c", nc=0000000f`;
  const md5 = '0'.repeat(32);
  test.each([
    [`Digest ${good}, qop=auth, response="${md5}"`, true],
    [`Digest ${good}, qop="auth", response="${md5}", algorithm=md5`, true],
    [`Digest ${good}, qop=auth, response="${md5}${md5}", algorithm=SHA-256`, true],
    [`Digest ${good}, qop=auth, response="${md5}", algorithm=SHA-256`, false],
    [`Digest ${good}, qop=auth, response="${md5}${md5}"`, false],
    [`Digest ${good}, qop=auth, response="${md5}", algorithm=MD5-sess`, false],
    [`Digest ${good}, qop=auth-int, response="${md5}"`, false],
    ['Basic dTpw', false],
  ])('%s are of use: %j', (value, isOfUse) => {
    expect(readCredentials(checkAuthorization(value))?.count).toBe(isOfUse ? 15 : undefined);
  });
});

test.each([
  ['', '', true],
  ['ab', 'ab', true],
  ['ab', 'aB', false],
  ['ab', 'abc', false],
  ['é', 'e', false],
])('%j and %j are the same digest: %j', (a, b, isSame) => {
  expect(isSameDigest(a, b)).toBe(isSame);
});
