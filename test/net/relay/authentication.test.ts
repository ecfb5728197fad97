import { describe, expect, test } from 'vitest';
import { type Chunk, decodeChunks, formatDigestHeader, type HeaderEntry, URI } from '../../../codec/index.ts';
import { computeDigest, hashA1, readCredentials } from '../../../net/digest.ts';
import { octetsOf } from '../../support/vectors.ts';
import { Scene, type SceneOptions, type ScriptedEnd } from './scene.ts';

/** The first nonce that is offered to `end`. */
async function nonceFor(scene: Scene, end: ScriptedEnd): Promise<string> {
  const answer = await scene.answerTo(end, end.request('AUTH', end.relayUri));
  return answer.headers.wwwAuthenticate[0]!.parameters.get('nonce')!;
}

interface Proof {
  username?: string;
  password?: string;
  nonce: string;
  nc?: string;
  uri?: string;
  realm?: string;
  algorithm?: 'MD5' | 'SHA-256';
  qop?: string;
}

function authorization(end: ScriptedEnd, o: Proof): HeaderEntry {
  const { username = 'alice', password = 'wonderland', nonce, nc = '00000001', algorithm = 'MD5', qop = 'auth' } = o;
  const uri = o.uri ?? end.relayUri;
  const realm = o.realm ?? 'relay.example.com';
  const ha1 = hashA1(algorithm, username, realm, password);
  const cnonce = 'c0ffee';
  const response = computeDigest({ algorithm, ha1, nonce, nc, cnonce, method: 'AUTH', uri });
  return [
    'Authorization',
    formatDigestHeader('Digest', [
      ['username', username, true],
      ['realm', realm, true],
      ['nonce', nonce, true],
      ['uri', uri, true],
      ['response', response, true],
      ['qop', qop, false],
      ['cnonce', cnonce, true],
      ['nc', nc, false],
      ['algorithm', algorithm, false],
    ]),
  ];
}

async function newEnd(scene: Scene): Promise<ScriptedEnd> {
  const end = await scene.connect('relay.example.com', '10.0.1.1');
  end.uri = 'msrps://alice.example.com:9892/98cjs3k2Lq0;tcp';
  return end;
}

const ask = (scene: Scene, end: ScriptedEnd, fields: readonly HeaderEntry[]): Promise<Chunk> =>
  scene.answerTo(end, end.request('AUTH', end.relayUri, fields));

const isStale = (answer: Chunk): boolean =>
  answer.headers.wwwAuthenticate.every(({ parameters }) => parameters.get('stale') === 'true');

describe('AUTH', () => {
  test('without Authorization is challenged: SHA-256 first, then MD5, qop auth, no domain', async () => {
    const scene = await Scene.open();
    const answer = await ask(scene, await newEnd(scene), []);
    const offered = answer.headers.wwwAuthenticate.map(({ parameters }) => Object.fromEntries(parameters));
    expect(answer.code).toBe(401);
    expect(offered.map(({ nonce, ...rest }) => [rest, typeof nonce])).toEqual([
      [{ realm: 'relay.example.com', qop: 'auth', algorithm: 'SHA-256' }, 'string'],
      [{ realm: 'relay.example.com', qop: 'auth', algorithm: 'MD5' }, 'string'],
    ]);
  });

  test.each(['MD5', 'SHA-256'] as const)(
    'with the right %s digest gives a token, and proof that the relay knows the password',
    async (algorithm) => {
      const scene = await Scene.open();
      const end = await newEnd(scene);
      const nonce = await nonceFor(scene, end);
      const answer = await ask(scene, end, [authorization(end, { nonce, algorithm })]);
      expect(answer.code).toBe(200);
      const ha1 = hashA1(algorithm, 'alice', 'relay.example.com', 'wonderland');
      const rspauth = computeDigest({
        algorithm,
        ha1,
        nonce,
        nc: '00000001',
        cnonce: 'c0ffee',
        method: '',
        uri: end.relayUri,
      });
      expect(Object.fromEntries(answer.headers.authenticationInfo!)).toMatchObject({
        rspauth,
        cnonce: 'c0ffee',
        nc: '00000001',
        qop: 'auth',
      });
      expect(answer.headers.expires).toBe(900);
      expect(answer.headers.usePath).toHaveLength(1);
      expect(answer.headers.usePath[0]!.sessionId).toMatch(/^[A-Za-z0-9]{22,24}$/);
    },
  );

  test('takes an H(A1) instead of a password, for its own algorithm alone', async () => {
    const ha1 = hashA1('MD5', 'alice', 'relay.example.com', 'wonderland');
    const scene = await Scene.open({ credentials: () => ({ ha1 }) });
    const end = await newEnd(scene);
    const nonce = await nonceFor(scene, end);
    expect((await ask(scene, end, [authorization(end, { nonce, algorithm: 'SHA-256' })])).code).toBe(401);
    expect((await ask(scene, end, [authorization(end, { nonce })])).code).toBe(200);
  });

  const refusals: [string, number, (nonce: string) => Partial<Proof>, SceneOptions?][] = [
    ['a wrong password', 401, () => ({ password: 'x' })],
    ['an unknown user', 401, () => ({ username: 'nobody' })],
    ['the name of an object property', 401, () => ({ username: '__proto__' })],
    ['a forged nonce with a wrong password', 401, () => ({ nonce: 'bm9uY2U', password: 'x' })],
    ['another realm', 401, () => ({ realm: 'example.org' })],
    ['another qop', 401, () => ({ qop: 'auth-int' })],
    ['a uri that is not the request’s', 400, () => ({ uri: 'msrps://alice@relay.example.com;tcp' })],
    ['a user who may not', 403, () => ({}), { authorize: () => false }],
    ['a store of users that fails', 403, () => ({}), { credentials: () => Promise.reject(new Error('no database')) }],
    ['an unusable H(A1)', 403, () => ({}), { credentials: () => ({ ha1: 'none' }) }],
  ];

  test.each(refusals)('with %s is refused with %d', async (_, code, change, options) => {
    const scene = await Scene.open(options);
    const end = await newEnd(scene);
    const nonce = await nonceFor(scene, end);
    const answer = await ask(scene, end, [authorization(end, { nonce, ...change(nonce) })]);
    expect(answer.code).toBe(code);
    expect(answer.headers.has('Use-Path')).toBe(false);
    if (code === 401) expect(isStale(answer)).toBe(false);
    expect(scene.relay.stats().sessions).toBe(0);
  });

  test('an unknown user and a wrong password get the same answer', async () => {
    const scene = await Scene.open();
    const answers: unknown[] = [];
    for (const proof of [{ username: 'nobody' }, { password: 'x' }]) {
      const end = await newEnd(scene);
      const answer = await ask(scene, end, [authorization(end, { nonce: await nonceFor(scene, end), ...proof })]);
      answers.push([
        answer.code,
        answer.comment,
        answer.headers.entries.map(([name, value]) => [name, value.replaceAll(/nonce="[^"]*"/g, '')]),
      ]);
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  const strange: [string, (nonce: string) => string][] = [
    ['not ours', () => 'bm9uY2U'],
    ['ours, but spelled otherwise', (nonce) => `${nonce}=`],
    ['of another relay', (nonce) => Buffer.from(nonce, 'base64url').fill(1, 20).toString('base64url')],
  ];

  test.each(strange)(
    'with the right digest over a nonce that is %s is asked again: stale, and no failure',
    async (_, change) => {
      const scene = await Scene.open();
      const end = await newEnd(scene);
      const nonce = change(await nonceFor(scene, end));
      const answer = await ask(scene, end, [authorization(end, { nonce })]);
      expect([answer.code, isStale(answer), scene.relay.stats().authFailures]).toEqual([401, true, 0]);
    },
  );

  test('a nonce of another connection is stale', async () => {
    const scene = await Scene.open();
    const nonce = await nonceFor(scene, await newEnd(scene));
    const end = await newEnd(scene);
    expect(isStale(await ask(scene, end, [authorization(end, { nonce })]))).toBe(true);
  });

  test('a nonce grows old on a connection that lives', async () => {
    const scene = await Scene.open({ expires: { max: 86_400, default: 86_400 } });
    const alice = await scene.client();
    const nonce = await nonceFor(scene, alice);
    await scene.pass(299_000);
    expect((await ask(scene, alice, [authorization(alice, { nonce })])).code).toBe(200);
    await scene.pass(1001);
    expect(isStale(await ask(scene, alice, [authorization(alice, { nonce, nc: '00000002' })]))).toBe(true);
  });

  test('is not taken twice: a nonce count that was used is stale, a higher one is good', async () => {
    const scene = await Scene.open();
    const end = await newEnd(scene);
    const nonce = await nonceFor(scene, end);
    const codes: unknown[] = [];
    for (const nc of ['00000001', '00000001', '00000003', '00000002', '00000004']) {
      codes.push((await ask(scene, end, [authorization(end, { nonce, nc })])).code);
    }
    expect(codes).toEqual([200, 401, 200, 401, 200]);
    expect(scene.relay.stats()).toMatchObject({ authFailures: 0, sessions: 1 });
  });

  test('again on the same connection extends the token, which stays the same', async () => {
    const scene = await Scene.open();
    const alice = await scene.client('alice', { expires: 60 });
    await scene.pass(59_000);
    expect(await scene.authenticate(alice, 'alice', 'wonderland', 60)).toBe(alice.token);
    await scene.pass(59_000);
    expect(scene.relay.stats().sessions).toBe(1);
    await scene.pass(1500);
    expect(scene.relay.stats().sessions).toBe(0);
  });

  test('of another session on the same connection gives another token', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    alice.uri = 'msrps://alice.example.com:9892/another;tcp';
    expect(await scene.authenticate(alice, 'alice', 'wonderland')).not.toBe(alice.token);
    expect(scene.relay.stats().sessions).toBe(2);
  });

  const times: [number, number, HeaderEntry[]][] = [
    [59, 423, [['Min-Expires', '60']]],
    [0, 423, [['Min-Expires', '60']]],
    [60, 200, []],
    [3600, 200, []],
    [3601, 423, [['Max-Expires', '3600']]],
    [1e15 - 1, 423, [['Max-Expires', '3600']]],
  ];

  test.each(times)('for %d s is answered with %d', async (seconds, code, fields) => {
    const scene = await Scene.open();
    const end = await newEnd(scene);
    const nonce = await nonceFor(scene, end);
    const answer = await ask(scene, end, [['Expires', String(seconds)], authorization(end, { nonce })]);
    expect(answer.code).toBe(code);
    for (const [name, value] of fields) expect(answer.headers.get(name)).toBe(value);
    if (code === 200) expect(answer.headers.expires).toBe(seconds);
  });

  test('without TLS is refused without a challenge, unless that is allowed', async () => {
    for (const allowPlainAuth of [false, true]) {
      const scene = await Scene.open({ allowPlainAuth });
      await scene.relay.listen(URI.parse('msrp://relay.example.com:2856;tcp'));
      const end = await scene.connect('relay.example.com', '10.0.1.1', { plain: true, port: 2856 });
      end.uri = 'msrp://alice.example.com:1/98cjs;tcp';
      const answer = await scene.answerTo(end, end.request('AUTH', 'msrp://relay.example.com:2856;tcp'));
      expect([answer.code, answer.headers.has('WWW-Authenticate')]).toEqual(
        allowPlainAuth ? [401, true] : [403, false],
      );
    }
  });

  test('to a domain of the relay has that as its realm, and the URI of the public name', async () => {
    const scene = await Scene.open({
      domains: ['example.com'],
      publicUri: URI.parse('msrps://one.example.com:443;tcp'),
    });
    const end = await newEnd(scene);
    const usePath = await scene.authenticate(end, 'alice', 'wonderland', undefined, 'msrps://alice@example.com;tcp');
    expect(usePath).toMatch(/^msrps:\/\/one\.example\.com:443\/[A-Za-z0-9]{22,24};tcp$/);
  });
});

describe('limits on AUTH', () => {
  test('a connection is closed with its fifth wrong AUTH, which is still answered', async () => {
    const scene = await Scene.open();
    const end = await newEnd(scene);
    const nonce = await nonceFor(scene, end);
    for (let count = 1; count <= 5; count++) {
      expect(end.isEnded, `${count}`).toBe(false);
      expect((await ask(scene, end, [authorization(end, { nonce, password: 'x' })])).code).toBe(401);
    }
    await scene.pass();
    expect(end.isEnded).toBe(true);
  });

  test('a right AUTH makes the wrong ones before it forgotten', async () => {
    const scene = await Scene.open();
    const end = await newEnd(scene);
    for (let round = 0; round < 2; round++) {
      const nonce = await nonceFor(scene, end);
      for (let count = 0; count < 4; count++) await ask(scene, end, [authorization(end, { nonce, password: 'x' })]);
      expect((await ask(scene, end, [authorization(end, { nonce })])).code).toBe(200);
    }
    await scene.pass();
    expect(end.isEnded).toBe(false);
  });

  test('an address that was wrong too often is refused for a minute, others are not', async () => {
    const scene = await Scene.open({ limits: { authFailuresPerAddress: 3 } });
    for (let count = 0; count < 3; count++) {
      const end = await newEnd(scene);
      await ask(scene, end, [authorization(end, { nonce: await nonceFor(scene, end), password: 'x' })]);
    }
    expect((await ask(scene, await newEnd(scene), [])).code).toBe(403);
    const other = await scene.connect('relay.example.com', '10.0.1.2');
    other.uri = 'msrps://alice.example.com:9892/other;tcp';
    expect(await scene.authenticate(other, 'alice', 'wonderland')).toBeDefined();
    await scene.pass(60_250);
    expect(await scene.authenticate(await newEnd(scene), 'alice', 'wonderland')).toBeDefined();
  });

  test('a user has so many tokens at a time', async () => {
    const scene = await Scene.open({ limits: { sessionsPerUser: 1 } });
    const alice = await scene.client();
    const second = await newEnd(scene);
    expect(await scene.authenticate(second, 'alice', 'wonderland')).toBeUndefined();
    expect(await scene.authenticate(alice, 'alice', 'wonderland')).toBe(alice.token);
    await scene.client('carol', { from: '10.0.1.2' });
    alice.socket.end();
    await scene.pass();
    expect(await scene.authenticate(second, 'alice', 'wonderland')).toBeDefined();
  });

  test('wrong passwords for another relay count as well, for a client', async () => {
    const scene = await Scene.open({ limits: { authFailures: 2 } });
    await scene.relayAt('outer.example.net');
    const alice = await scene.client();
    const to = `${alice.token} msrps://outer.example.net;tcp`;
    for (let count = 0; count < 2; count++) {
      const fields = [
        authorization(alice, {
          nonce: 'bm9uY2U',
          password: 'x',
          realm: 'outer.example.net',
          uri: 'msrps://outer.example.net;tcp',
        }),
      ];
      await scene.answerTo(alice, alice.request('AUTH', to, fields));
    }
    await scene.pass();
    expect(alice.isEnded).toBe(true);
  });
});

describe('authflow-*.msrp', () => {
  const files: [string, SceneOptions][] = [
    ['authflow-md5-single-relay', {}],
    ['authflow-sha256', {}],
    ['authflow-stale-nonce', {}],
    ['authflow-423-interval', {}],
    ['authflow-403-not-authorised', { authorize: () => false }],
  ];

  /** The AUTH of the file with our nonce: the one offered last, or for its first one a stale one. */
  function retold(request: Chunk, nonce: string, nc: string): HeaderEntry[] {
    const fields = [...request.headers].slice(2);
    const given = request.headers.authorization && readCredentials(request.headers.authorization);
    if (given === undefined) return fields;
    const uri = String(request.toPath.at(-1));
    const ha1 = hashA1(given.algorithm, given.username, given.realm, 'wonderland');
    const response = computeDigest({ ...given, nonce, nc, ha1, method: 'AUTH', uri });
    return fields.map(([name, value]) =>
      name === 'Authorization'
        ? [
            name,
            value
              .replace(/nonce="[^"]*"/, `nonce="${nonce}"`)
              .replace(/response="[^"]*"/, `response="${response}"`)
              .replace(/nc=\d+/, `nc=${nc}`),
          ]
        : [name, value],
    );
  }

  test.each(files)('%s: the relay answers as there', async (name, options) => {
    const frames = decodeChunks(octetsOf(`${name}.msrp`));
    const scene = await Scene.open({
      algorithms: name === 'authflow-sha256' ? ['SHA-256', 'MD5'] : ['MD5'],
      ...options,
    });
    const end = await newEnd(scene);
    let nonce = name === 'authflow-stale-nonce' ? 'bm9uY2Utc3RhbGU' : await nonceFor(scene, end);
    let uses = 0;
    for (let at = 0; at < frames.length; at += 2) {
      const [request, expected] = [frames[at]!, frames[at + 1]!];
      const nc = (++uses).toString(16).padStart(8, '0');
      const answer = await scene.answerTo(
        end,
        end.request('AUTH', request.toPath.join(' '), retold(request, nonce, nc)),
      );
      const names = (chunk: Chunk): string[] => chunk.headers.entries.map(([field]) => field);
      expect([answer.code, names(answer)]).toEqual([expected.code, names(expected)]);
      expect(answer.headers.entries.slice(0, 2)).toEqual(expected.headers.entries.slice(0, 2));
      for (const field of ['Expires', 'Min-Expires', 'Max-Expires']) {
        expect(answer.headers.get(field)).toBe(expected.headers.get(field));
      }
      const [challenge] = answer.headers.wwwAuthenticate;
      if (challenge === undefined) continue;
      nonce = challenge.parameters.get('nonce')!;
      uses = 0;
      expect(challenge.parameters.get('stale')).toBe(expected.headers.wwwAuthenticate[0]!.parameters.get('stale'));
    }
  });

  test('authflow-md5-two-relays: one AUTH for each relay, the second through the first', async () => {
    const scene = new Scene();
    scene.network.names.set('inner.example.com', '10.0.0.4');
    await scene.relayAt('inner.example.com');
    await scene.relayAt('outer.example.net', { credentials: () => ({ password: 'looking-glass' }) });
    const alice = await scene.connect('inner.example.com', '10.0.1.1');
    alice.uri = 'msrps://alice.example.com:9892/98cjs3k2Lq0;tcp';
    const inner = await scene.authenticate(
      alice,
      'alice',
      'wonderland',
      undefined,
      'msrps://alice@inner.example.com;tcp',
    );
    const path = await scene.authenticate(
      alice,
      'alice',
      'looking-glass',
      1800,
      `${inner} msrps://outer.example.net;tcp`,
    );
    expect(path!.split(' ')).toEqual([
      inner,
      expect.stringMatching(/^msrps:\/\/outer\.example\.net:2855\/\w{22,24};tcp$/),
    ]);
    const answer = alice.responses.at(-1)!;
    expect(answer.toPath.join(' ')).toBe(alice.uri);
    expect(answer.fromPath.join(' ')).toBe(`${inner} msrps://outer.example.net;tcp`);
    expect([answer.headers.expires, answer.headers.has('Authentication-Info')]).toEqual([1800, true]);
  });

  test('the second relay is where the SRV records of its domain say, the first of which may be dead', async () => {
    const asked: string[] = [];
    const records = [
      { name: 'one.example.net', port: 7001, priority: 1, weight: 0 },
      { name: 'two.example.net', port: 7002, priority: 2, weight: 0 },
    ];
    const resolver = {
      resolveSrv: async (name: string) => {
        asked.push(name);
        return records;
      },
    };
    const scene = await Scene.open({ resolver });
    scene.network.names.set('outer.example.net', '10.9.9.9');
    scene.network.names.set('one.example.net', '10.0.0.5');
    scene.network.names.set('two.example.net', '10.0.0.6');
    await scene.relayAt('two.example.net', { domains: ['outer.example.net'] }, 7002);
    const alice = await scene.client();
    const toPath = `${alice.token} msrps://outer.example.net;tcp`;
    const path = await scene.authenticate(alice, 'alice', 'wonderland', undefined, toPath);
    expect(path).toMatch(/ msrps:\/\/two\.example\.net:7002\/\w+;tcp$/);
    expect(new Set(asked)).toEqual(new Set(['_msrps._tcp.outer.example.net']));
  });
});
