import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import {
  AcceptorRelay,
  ConnectorRelay,
  MSRPAuthTimeout,
  MSRPConnectTimeout,
  MSRPRelayAuthError,
  MSRPRelaySettings,
  type MSRPRelayInit,
  URI,
} from '../../index.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { emptySend } from './raw-peer.ts';
import { alice, connectorIn, openWorld, type RelayWorld } from './relay-world.ts';
import { closeAfterTest, rejectionOf } from './open.ts';
import { answerTo, authentic, challenge, dies, granted, refuses, silent, type Step } from './scripted-relay.ts';

/** What prepare() gives, with the relay's script. */
async function prepared(w: RelayWorld, script: Step[], init: Partial<MSRPRelayInit> = {}): Promise<string[]> {
  w.relay.script.push(...script);
  return (await w.network.settle(connectorIn(w, init).prepare())).map(String);
}

function sent(w: RelayWorld, name: string): (string | undefined)[] {
  return w.relay.auths.map(({ headers }) => headers.get(name));
}

function parameters(w: RelayWorld, name: string): (string | undefined)[] {
  return w.relay.auths.map(({ headers }) => headers.authorization?.parameters.get(name));
}

describe('AUTH', () => {
  test.each(['MD5', 'SHA-256'] as const)(
    'answers a challenge of %s and gives the path of the relay',
    async (algorithm) => {
      const w = await openWorld({ algorithm });
      const path = await prepared(w, []);
      expect(path).toEqual([
        'msrps://relay.test:2855/token1;tcp',
        expect.stringMatching(/^msrps:\/\/[^/]+:\d+\/[A-Za-z0-9]{22};tcp$/),
      ]);
      const [first, second] = w.relay.auths;
      expect(first!.headers.has('Authorization')).toBe(false);
      expect(String(second!.toPath)).toBe('msrps://relay.test:2855;tcp');
      expect(second!.fromPath.map(String)).toEqual([path[1]]);
      expect(second!.transactionId).not.toBe(first!.transactionId);
      expect(parameters(w, 'algorithm')).toEqual([undefined, algorithm]);
      expect(parameters(w, 'uri')).toEqual([undefined, 'msrps://relay.test:2855;tcp']);
      expect(sent(w, 'Expires')).toEqual([undefined, undefined]);
    },
  );

  test('takes the first challenge that it can answer', async () => {
    const w = await openWorld();
    const values = ['SHA-512-256', 'SHA-256', 'MD5'];
    const several: Step = (request) =>
      answerTo(
        request,
        401,
        values.map((name) => ['WWW-Authenticate', `Digest realm="relays", nonce="n", qop="auth", algorithm=${name}`]),
      );
    await prepared(w, [several]);
    expect(parameters(w, 'algorithm')).toEqual([undefined, 'SHA-256']);
  });

  test('answers a stale nonce with the new one, in silence', async () => {
    const w = await openWorld();
    await prepared(w, [challenge({ nonce: 'old' }), challenge({ nonce: 'new', stale: true })]);
    expect(parameters(w, 'nonce')).toEqual([undefined, 'old', 'new']);
    expect(parameters(w, 'nc')).toEqual([undefined, '00000001', '00000001']);
    expect(w.logged).toEqual([]);
  });

  test('leaves the uri out of the Authorization where the profile says that the relay does not take it', async () => {
    const w = await openWorld();
    await w.network.settle(connectorIn(w, {}, { peerProfile: 'msrprelay' }).prepare());
    expect(parameters(w, 'uri')).toEqual([undefined, undefined]);
  });

  test('takes a 200 at once, without challenge and proof', async () => {
    const w = await openWorld();
    expect((await prepared(w, [granted()]))[0]).toContain('/token1;');
    expect(w.relay.auths).toHaveLength(1);
  });

  test.each<[string, number | undefined, [string, string][], (string | undefined)[]]>([
    ['too short', 5, [['Min-Expires', '60']], ['5', '60']],
    ['too long', 86_400, [['Max-Expires', '3600']], ['86400', '3600']],
    ['not given, and it should be longer', undefined, [['Min-Expires', '60']], [undefined, '60']],
    ['not given, and it should be shorter', undefined, [['Max-Expires', '60']], [undefined, '60']],
  ])('asks again where the time is %s', async (_, expires, headers, asked) => {
    const w = await openWorld();
    await prepared(w, [refuses(423, headers)], { expires });
    expect(sent(w, 'Expires')).toEqual([...asked, asked[1]]);
  });

  test.each<[string, Step[], number, string]>([
    ['a wrong password', [challenge({ nonce: 'a' }), challenge({ nonce: 'b' })], 401, 'wrong username or password'],
    ['a challenge without end', Array.from({ length: 9 }, () => challenge({ stale: true })), 401, '6 times'],
    ['nothing that we can answer', [refuses(401, [['WWW-Authenticate', 'Basic realm="r"']])], 401, 'nothing that we'],
    ['no challenge', [refuses(401)], 401, 'nothing that we can answer'],
    ['403', [challenge(), refuses(403)], 403, '403 So'],
    ['403 at once', [refuses(403)], 403, '403 So'],
    ['501, it is no relay', [refuses(501)], 501, '501 So'],
    ['423 without bounds', [refuses(423)], 423, '423 So'],
    ['423 that we keep to', [refuses(423, [['Min-Expires', '60']]), refuses(423, [['Min-Expires', '60']])], 423, '423'],
    [
      'bounds that contradict each other',
      Array.from({ length: 5 }, (_, i) => refuses(423, [i % 2 ? ['Max-Expires', '5'] : ['Min-Expires', '60']])),
      401,
      '6 times',
    ],
    ['a wrong proof', [challenge(), granted({ 'Authentication-Info': `rspauth="${'0'.repeat(32)}"` })], 200, 'rspauth'],
    ['a 200 without Use-Path', [granted({ 'Use-Path': undefined })], 200, 'no Use-Path'],
  ])('ends with MSRP_ERR_RELAY_AUTH for %s', async (_, script, status, message) => {
    const w = await openWorld();
    w.relay.script.push(...script);
    const error = await rejectionOf(w.network.settle(connectorIn(w).prepare()));
    expect(error).toBeInstanceOf(MSRPRelayAuthError);
    expect(error).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status, scope: 'session' });
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('wonderland');
    await w.network.run();
    expect(w.relay.connections.map(({ endpoint }) => endpoint.ended)).toEqual([true]);
  });

  test('a wrong password is not tried twice', async () => {
    const w = await openWorld();
    await rejectionOf(w.network.settle(connectorIn(w, { password: 'looking-glass' }).prepare()));
    expect(w.relay.auths).toHaveLength(2);
  });

  test('a header that cannot be read is a refusal, with why', async () => {
    const w = await openWorld();
    w.relay.script.push(refuses(401, [['WWW-Authenticate', 'Digest realm']]));
    expect(await rejectionOf(w.network.settle(connectorIn(w).prepare()))).toMatchObject({
      code: 'MSRP_ERR_RELAY_AUTH',
      status: 401,
      cause: expect.objectContaining({ code: 'MSRP_ERR_BAD_AUTHORIZATION' }),
    });
  });

  test('a relay that does not answer is an MSRPAuthTimeout after authMs, and is left', async () => {
    const w = await openWorld();
    w.relay.script.push(challenge(), silent);
    const startedAt = w.network.clock.now();
    const prepare = connectorIn(w, {}, { timeouts: { authMs: 7_000 } }).prepare();
    expect(await rejectionOf(w.network.settle(prepare))).toBeInstanceOf(MSRPAuthTimeout);
    const took = w.network.clock.now() - startedAt;
    expect(took).toBeGreaterThanOrEqual(7_000);
    expect(took).toBeLessThan(7_500);
    await w.network.run();
    expect(w.relay.connections[0]!.endpoint.ended).toBe(true);
  });

  test('a relay that closes the connection instead is MSRP_ERR_CLOSED at once', async () => {
    const w = await openWorld();
    w.relay.script.push(dies);
    expect((await rejectionOf(w.network.settle(connectorIn(w).prepare()))).code).toBe('MSRP_ERR_CLOSED');
    expect(w.network.clock.now()).toBeLessThan(100);
  });

  test('a relay that cannot be reached is MSRP_ERR_CONNECT, one that hangs an MSRPConnectTimeout', async () => {
    const w = await openWorld();
    expect((await rejectionOf(w.network.settle(connectorIn(w, { port: 1 }).prepare()))).code).toBe('MSRP_ERR_CONNECT');
    const network = new SimulatedNetwork({ seed: 1, faults: () => ({ connectMs: Number.POSITIVE_INFINITY }) });
    const hanging = connectorIn(w, {}, { network, clock: network.clock });
    expect(await rejectionOf(network.settle(hanging.prepare()))).toBeInstanceOf(MSRPConnectTimeout);
  });

  test('a relay without TLS is only taken with useTLS false', async () => {
    const w = await openWorld({ useTLS: false });
    expect((await rejectionOf(w.network.settle(connectorIn(w).prepare()))).code).toBe('MSRP_ERR_TLS');
    const path = await prepared(w, [], { useTLS: false });
    expect(path.map((uri) => uri.slice(0, 7))).toEqual(['msrp://', 'msrp://']);
    expect(String(w.relay.auths[0]!.toPath)).toBe('msrp://relay.test:2855;tcp');
  });

  test('our URI keeps what it was given, but for its scheme', async () => {
    const w = await openWorld();
    const given = new URI({ host: 'alice.test', port: 9, user: 'alice', sessionId: 'mine' });
    const path = await w.network.settle(connectorIn(w).prepare(given));
    expect(path.map(String)).toEqual(['msrps://relay.test:2855/token1;tcp', 'msrps://alice@alice.test:9/mine;tcp']);
    expect(String(given)).toBe('msrp://alice@alice.test:9/mine;tcp');
  });

  test.each([0, 1])('cleanup() while the relay has to answer AUTH %i leaves nothing', async (before) => {
    const w = await openWorld();
    w.relay.script.push(...[challenge()].slice(0, before), silent);
    const made = new ConnectorRelay([new MSRPRelaySettings(alice), new MSRPRelaySettings(alice)], w.options);
    const prepare = made.prepare();
    await w.network.run(() => w.relay.auths.length > before);
    await made.cleanup();
    expect((await rejectionOf(w.network.settle(prepare))).code).toBe('MSRP_ERR_ABORTED');
    await w.network.run();
    expect(w.relay.connections.map(({ endpoint }) => endpoint.ended)).toEqual([true]);
    expect(w.logged).toEqual([]);
    expect(w.network.clock.now()).toBeLessThan(6_000);
  });
});

const innerToken = 'msrps://relay.test:2855/inner;tcp';
const outerToken = 'msrps://outer.test:2855/outer;tcp';
const bob = 'msrps://bob.test:9/bob;tcp';
const outer = new MSRPRelaySettings({ domain: 'outer.test', username: 'alice', password: 'wonderland' });

/** What the inner relay says, and what comes through it from the outer one. */
function chainScript(last: Record<string, string> = {}, first: Record<string, string> = {}): Step[] {
  return [
    challenge(),
    granted({ 'Use-Path': innerToken, ...first }),
    challenge({ nonce: 'o' }),
    granted({ 'Use-Path': `${innerToken} ${outerToken}`, ...last }),
  ];
}

test('cleanup() at whatever moment after the 200 leaves nothing', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const w = await openWorld();
    const made = connectorIn(w);
    w.relay.script.push(granted());
    let cleanedUp: Promise<void> | undefined;
    const onReceived = (event: unknown): void => {
      const { head } = event as { head: { code?: number } };
      if (head.code === 200) cleanedUp ??= afterTurns(turns, () => made.cleanup());
    };
    subscribe('msrp.chunk.received', onReceived);
    await w.network
      .settle(made.prepare())
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'MSRP_ERR_ABORTED' }));
    unsubscribe('msrp.chunk.received', onReceived);
    await cleanedUp;
    await w.network.run();
    expect([turns, w.relay.connections[0]!.endpoint.ended]).toEqual([turns, true]);
  }
});

async function afterTurns(turns: number, callback: () => Promise<void>): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  await callback();
}

describe('several relays', () => {
  test.each([
    ['all of the path', `${innerToken} ${outerToken}`],
    ['only itself', outerToken],
  ])('are AUTHed in order, each through those before; the last names %s', async (_, usePath) => {
    const w = await openWorld();
    const path = await prepared(w, chainScript({ 'Use-Path': usePath }), { outer });
    expect(path.slice(0, 2)).toEqual([outerToken, innerToken]);
    expect(w.relay.auths.map(({ toPath }) => toPath.map(String))).toEqual([
      ['msrps://relay.test:2855;tcp'],
      ['msrps://relay.test:2855;tcp'],
      [innerToken, 'msrps://outer.test;tcp'],
      [innerToken, 'msrps://outer.test;tcp'],
    ]);
    expect(w.relay.auths.every(({ fromPath }) => fromPath.map(String).join() === path[2])).toBe(true);
    expect(parameters(w, 'nonce')).toEqual([undefined, 'n', undefined, 'o']);
    expect(parameters(w, 'uri')[3]).toBe('msrps://outer.test;tcp');
  });

  test('carry the session, the nearest first in To-Path, the furthest in the SDP', async () => {
    const w = await openWorld();
    const made = connectorIn(w, { outer });
    w.relay.script.push(...chainScript());
    await w.network.settle(made.prepare());
    const transport = await w.network.settle(made.complete([URI.parse(bob)]));
    closeAfterTest(() => transport.destroy());
    const local = String(transport.localUri);
    expect(transport.fullLocalPath.map(String)).toEqual([outerToken, innerToken, local]);
    expect(transport.makeChunk().toPath.map(String)).toEqual([innerToken, outerToken, bob]);
    for (const [path, status] of [
      [`${innerToken} ${outerToken} ${bob}`, undefined],
      [`${outerToken} ${innerToken} ${bob}`, 481],
    ] as const) {
      const frame = emptySend('fromBob', local, 'Failure-Report: no\r\n', path);
      w.relay.connections[0]!.endpoint.socket.write([Buffer.from(frame)]);
      const chunk = await w.network.settle(transport.readChunk());
      expect(transport.checkIncomingSendChunk(chunk)?.status).toBe(status);
    }
  });

  test.each([
    [100, 600],
    [600, 100],
  ])('are renewed by the shorter of their times, %i and %i', async (inner, furthest) => {
    const w = await openWorld();
    await prepared(w, chainScript({ Expires: String(furthest) }, { Expires: String(inner) }), { outer });
    await w.network.run(w.network.clock.now() + 79_000);
    expect(w.relay.auths).toHaveLength(4);
    await w.network.run(w.network.clock.now() + 2_000);
    expect(w.relay.auths.length).toBeGreaterThan(4);
  });

  test('the next one is used where one fails, whatever it is', async () => {
    for (const [script, failed] of [
      [[dies], 1],
      [[challenge(), refuses(403)], 2],
    ] as const) {
      const w = await openWorld();
      const relays = ['alice', 'alice'].map((username) => new MSRPRelaySettings({ ...alice, username }));
      w.relay.script.push(...script);
      const made = new ConnectorRelay(relays, w.options);
      closeAfterTest(() => made.cleanup());
      const path = await w.network.settle(made.prepare());
      expect(path).toHaveLength(2);
      expect(w.relay.auths).toHaveLength(failed + 2);
      expect(w.logged).toHaveLength(1);
    }
  });

  test('where all fail, each says why, and the first has the code', async () => {
    const w = await openWorld();
    const relays = [alice, { ...alice, port: 1 }].map((init) => new MSRPRelaySettings(init));
    w.relay.script.push(refuses(403));
    const made = new ConnectorRelay(relays, w.options);
    const error = await rejectionOf(w.network.settle(made.prepare()));
    expect(error).toMatchObject({ code: 'MSRP_ERR_RELAY_AUTH', status: 403 });
    expect(error.message).toMatch(/403 So; connecting to relay\.test:1 failed/);
    expect((await rejectionOf(new AcceptorRelay([], w.options).prepare())).code).toBe('MSRP_ERR_ARGUMENT');
  });
});

describe('SRV', () => {
  const domain = { ...alice, port: undefined };

  test('leads to the relay, whose certificate must name the domain', async () => {
    const w = await openWorld({ port: 7000 });
    w.network.names.set('one.test', '127.0.0.1');
    const asked: string[] = [];
    const resolver = {
      resolveSrv: async (name: string) => {
        asked.push(name);
        return [
          { name: 'dead.test', port: 9, priority: 1, weight: 0 },
          { name: 'one.test', port: 7000, priority: 2, weight: 0 },
        ];
      },
    };
    w.relay.script.push(authentic);
    await w.network.settle(connectorIn(w, domain, { resolver }).prepare());
    expect(asked).toEqual(['_msrps._tcp.relay.test']);
    expect(w.relay.connections[0]!.endpoint.socket.tls?.serverName).toBe('relay.test');
    expect(String(w.relay.auths[0]!.toPath)).toBe('msrps://relay.test;tcp');
  });

  test('a relay that refuses us is not asked again at its other places', async () => {
    const w = await openWorld({ port: 7000 });
    const record = { name: '127.0.0.1', port: 7000, priority: 1, weight: 0 };
    w.relay.script.push(refuses(403));
    const prepare = connectorIn(w, domain, { resolver: { resolveSrv: async () => [record, record] } }).prepare();
    expect(await rejectionOf(w.network.settle(prepare))).toMatchObject({ status: 403 });
    expect(w.relay.connections).toHaveLength(1);
  });

  test('is not asked for a port, a host or an address', async () => {
    const w = await openWorld();
    w.network.names.set('there.test', '127.0.0.1');
    let asked = 0;
    const resolver = { resolveSrv: () => Promise.reject(new Error(`asked ${++asked} times`)) };
    for (const init of [alice, { ...domain, host: 'there.test' }, { ...domain, domain: '127.0.0.1' }]) {
      const path = await w.network.settle(connectorIn(w, init, { resolver }).prepare());
      expect(path).toHaveLength(2);
    }
    expect(asked).toBe(0);
  });

  test('a DNS that does not answer within connectMs counts as no record', async () => {
    const w = await openWorld();
    const resolver = { resolveSrv: () => new Promise<never>(() => {}) };
    const path = await w.network.settle(connectorIn(w, domain, { resolver, timeouts: { connectMs: 3_000 } }).prepare());
    expect(path).toHaveLength(2);
    expect(w.network.clock.now()).toBeGreaterThanOrEqual(3_000);
  });
});

describe('the settings of a relay', () => {
  test.each<[Partial<MSRPRelayInit>, string]>([
    [{ domain: '' }, 'MSRP_ERR_BAD_URI'],
    [{ port: 70_000 }, 'MSRP_ERR_BAD_URI'],
    [{ expires: 0 }, 'MSRP_ERR_ARGUMENT'],
    [{ expires: 1.5 }, 'MSRP_ERR_ARGUMENT'],
  ])('%j are refused at once', (init, code) => {
    expect(() => new MSRPRelaySettings({ ...alice, ...init })).toThrow(expect.objectContaining({ code }));
  });

  test('do not show the password when they are logged', async () => {
    const { inspect } = await import('node:util');
    const made = new MSRPRelaySettings(alice);
    expect(made.password).toBe('wonderland');
    expect(inspect(made) + JSON.stringify(made)).not.toContain('wonderland');
  });
});
