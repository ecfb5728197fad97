import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConnectorRelay, MSRPRelaySettings, nodeNetwork, type Random, type ServiceRecord } from '../../index.ts';
import { findRelays, orderRecords } from '../../net/srv.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import type { Zone } from './dns-server.ts';
import { closeAfterTest, openServer, rejectionOf } from './open.ts';
import { ScriptedRelay } from './scripted-relay.ts';

const program = fileURLToPath(new URL('../../dist/test/net/dns-server.js', import.meta.url));
const never = new AbortController().signal;

function record(name: string, priority = 1, weight = 0, port = 2855): ServiceRecord {
  return { name, priority, weight, port };
}

/** A resolver that asks a name server with that zone. */
async function resolverOf(zone: Zone, o?: { timeout: number; tries: number }): Promise<Resolver> {
  const server = fork(program, [JSON.stringify(zone)]);
  closeAfterTest(async () => {
    server.kill();
    await once(server, 'exit');
  });
  const [{ port }] = (await once(server, 'message')) as [{ port: number }];
  const resolver = new Resolver(o);
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

/** Gives these numbers, whatever the range: they must be in it. */
function chances(...numbers: number[]): Random {
  return { fill: (bytes) => void Buffer.from(bytes.buffer, bytes.byteOffset).writeUIntBE(numbers.shift()!, 0, 6) };
}

async function found(domain: string, resolver: Resolver, useTLS = true): Promise<string[]> {
  const places = await findRelays(domain, { useTLS, resolver, random: chances(0, 0, 0, 0), signal: never });
  return places.map(({ host, port }) => `${host}:${port}`);
}

describe('with a name server', () => {
  const zone: Zone = {
    '_msrps._tcp.good.test': [record('second.test', 20, 5, 7002), record('first.test', 10, 0, 7001)],
    '_msrp._tcp.good.test': [record('plain.test', 1, 0, 7003)],
    '_msrps._tcp.empty.test': [],
    '_msrps._tcp.none.test': [record('.')],
    '_msrps._tcp.mixed.test': [record('.'), record('one.test', 2)],
    '_msrps._tcp.broken.test': 'fails',
    '_msrps._tcp.silent.test': 'silent',
  };

  test('the targets come by priority, and the domain itself behind them', async () => {
    const resolver = await resolverOf(zone);
    expect(await found('good.test', resolver)).toEqual(['first.test:7001', 'second.test:7002', 'good.test:2855']);
    expect(await found('good.test', resolver, false)).toEqual(['plain.test:7003', 'good.test:2855']);
    expect(await found('mixed.test', resolver)).toEqual(['one.test:2855', 'mixed.test:2855']);
  });

  test('without records, or without an answer, the domain itself is left', async () => {
    const resolver = await resolverOf(zone, { timeout: 50, tries: 1 });
    for (const domain of ['missing.test', 'empty.test', 'broken.test', 'silent.test']) {
      expect(await found(domain, resolver)).toEqual([`${domain}:2855`]);
    }
  });

  test('a domain that says it has no relay has none', async () => {
    const resolver = await resolverOf(zone);
    const error = await rejectionOf(found('none.test', resolver));
    expect(error).toMatchObject({
      code: 'MSRP_ERR_CONNECT',
      message: expect.stringContaining('none.test has no relay'),
    });
  });

  test('what is asked is given up with the signal', async () => {
    const resolver = await resolverOf(zone);
    const abort = new AbortController();
    const places = findRelays('silent.test', { useTLS: true, resolver, random: chances(), signal: abort.signal });
    abort.abort();
    expect(await places).toEqual([{ host: 'silent.test', port: 2855 }]);
    resolver.cancel();
  });
});

test('our own resolver leaves nothing when it is given up', async () => {
  const places = findRelays('relay.invalid', { useTLS: true, random: chances(), signal: AbortSignal.abort() });
  expect(await places).toEqual([{ host: 'relay.invalid', port: 2855 }]);
});

describe('a connector', () => {
  let authority: Certificate;
  beforeAll(async () => {
    authority = await makeAuthority('tests');
  });

  test('passes a dead target and one with a wrong certificate, and AUTHs at the third', async () => {
    const good = await makeCertificate({ names: ['good.test'], issuer: authority });
    const wrong = await makeCertificate({ names: ['localhost'], issuer: authority });
    const relay = await ScriptedRelay.listen(nodeNetwork, { host: 'good.test', port: 0, tls: good }, '127.0.0.1');
    closeAfterTest(() => relay.close());
    const other = await openServer({ tls: wrong });
    const dead = await openServer();
    await dead.listener.close();
    const ports = [dead.listener.port, other.listener.port, relay.port];
    const resolver = await resolverOf({
      '_msrps._tcp.good.test': ports.map((port, index) => record('localhost', index, 0, port)),
    });
    const settings = new MSRPRelaySettings({ domain: 'good.test', username: 'alice', password: 'wonderland' });
    const warnings: string[] = [];
    const logger = { ...console, warn: (text: string) => void warnings.push(text) };
    const connector = new ConnectorRelay(settings, { tls: { ca: authority.cert }, resolver, logger });
    const path = await connector.prepare();
    expect(path).toHaveLength(2);
    expect(warnings).toEqual([expect.stringContaining('refused'), expect.stringContaining('does not name good.test')]);
    expect(relay.connections[0]!.endpoint.socket.tls?.serverName).toBe('good.test');
    await connector.cleanup();
    await relay.connections[0]!.endpoint.until(() => relay.connections[0]!.endpoint.ended);
  });
});

describe('the order of records', () => {
  const names = (records: readonly ServiceRecord[]): string => records.map(({ name }) => name).join('');

  test.each<[string, ServiceRecord[], number[], string]>([
    ['none', [], [], ''],
    ['by priority', [record('b', 2), record('a', 1), record('c', 3)], [0, 0, 0], 'abc'],
    ['by priority before weight', [record('b', 2, 100), record('a', 1, 0)], [0, 100], 'ab'],
    // Sorted a0 b1 c2: the running sums are 0, 1 and 3.
    [
      'chance 0 draws the one without weight',
      [record('c', 1, 2), record('b', 1, 1), record('a', 1, 0)],
      [0, 0, 0],
      'abc',
    ],
    ['chance 1 the next', [record('c', 1, 2), record('b', 1, 1), record('a', 1, 0)], [1, 1, 0], 'bca'],
    ['chance 2 and 3 the heaviest', [record('c', 1, 2), record('b', 1, 1), record('a', 1, 0)], [3, 1, 0], 'cba'],
    ['a chance is folded into the sum', [record('a', 1, 1), record('b', 1, 1)], [3, 0], 'ab'],
  ])('%s', (_, records, numbers, expected) => {
    expect(names(orderRecords(records, chances(...numbers)))).toBe(expected);
  });

  test('follows the weights', () => {
    const random = new SeededRandom(1);
    const records = [record('a', 1, 10), record('b', 1, 30), record('c', 1, 60)];
    const firsts = Array.from({ length: 10_000 }, () => orderRecords(records, random)[0]!.name);
    for (const [name, share] of [
      ['a', 0.1],
      ['b', 0.3],
      ['c', 0.6],
    ] as const) {
      expect(firsts.filter((first) => first === name).length / 10_000).toBeCloseTo(share, 1);
    }
  });

  test('is all of them, the lowest priority first', () => {
    const one = fc.record({
      name: fc.string(),
      port: fc.nat(65_535),
      priority: fc.nat(3),
      weight: fc.oneof(fc.constant(0), fc.nat(65_535)),
    });
    fc.assert(
      fc.property(fc.array(one), fc.nat(), (records, seed) => {
        const ordered = orderRecords(records, new SeededRandom(seed));
        expect(new Set(ordered)).toEqual(new Set(records));
        expect(ordered).toHaveLength(records.length);
        const priorities = ordered.map(({ priority }) => priority);
        expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
      }),
    );
  });
});
