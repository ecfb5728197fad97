// What `msrp relay` makes of its users file and its configuration.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { load, readConfig } from '../../cli/relay-config.ts';
import { registryOf } from '../../cli/relay-metrics.ts';
import { RelayUsers } from '../../cli/relay-users.ts';
import { MSRPRelay } from '../../index.ts';

const md5 = '5a87026b4215991e6de7793bc98f7bf2';
const sha256 = '9050101459ddb30a54fe1a2d29676c10c7bdd9644cc2ea4ef6275a59a6162534';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-relay-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe('a users file', () => {
  test('holds passwords and digests, comments and empty lines', () => {
    const users = new RelayUsers(
      `# people\n\nalice:wonder:land\r\nbob:example.com:${md5}\nbob:example.com:${sha256}\n`,
    );
    expect(users.size).toBe(2);
    expect(users.find('alice', 'anywhere')).toEqual({ password: 'wonder:land' });
    expect(users.find('bob', 'Example.COM')).toEqual({ ha1: [md5, sha256] });
    for (const [name, realm] of [
      ['bob', 'example.org'],
      ['carol', 'example.com'],
      ['__proto__', ''],
    ]) {
      expect(users.find(name!, realm!)).toBeUndefined();
    }
  });

  test.each([
    ['a:x', ['SHA-256', 'MD5']],
    [`a:r:${md5}\nb:x`, ['MD5']],
    [`a:r:${sha256}`, ['SHA-256']],
    [`a:r:${sha256}\na:r:${md5}`, ['SHA-256', 'MD5']],
    [`a:r:${sha256}\nb:r:${md5}`, ['SHA-256', 'MD5']],
  ])('%s can answer %s', (text, algorithms) => {
    expect(new RelayUsers(text).algorithms).toEqual(algorithms);
  });

  test.each(['alice', ':x', 'alice:'])(
    'with the line %j is refused, with its number and not its text',
    async (line) => {
      const path = file('users', `bob:x\n${line}\n`);
      await expect(RelayUsers.read(path)).rejects.toMatchObject({
        message: `${path}: line 2 is neither name:password nor name:realm:HA1`,
        exitCode: 2,
      });
    },
  );

  test('that is not there is a failure of input', async () => {
    await expect(RelayUsers.read(join(folder, 'none'))).rejects.toMatchObject({ exitCode: 3 });
  });
});

describe('a configuration file', () => {
  test('gives what options do not', async () => {
    const users = file('users', 'alice:x');
    const config = file(
      'relay.json',
      JSON.stringify({ users, domain: ['a.example'], limits: { sessionsPerUser: 2 }, drain: 5 }),
    );
    const loaded = await load({ config, domain: ['b.example'] });
    expect(loaded.config).toMatchObject({ drain: 5 });
    expect(loaded.options).toMatchObject({ domains: ['b.example'], limits: { sessionsPerUser: 2 } });
  });

  test.each([
    ['{', / is no JSON: /],
    ['[]', / is no JSON object$/],
    ['{"colour": 1}', /: there is no "colour"$/],
    ['{"__proto__": 1}', /: there is no "__proto__"$/],
    ['{"listen": "msrps://x"}', /: "listen" cannot be "msrps:\/\/x"$/],
    ['{"limits": {"sessionsPerUser": "2"}}', /: "limits" cannot be /],
    ['{"drain": -1}', /: "drain" cannot be -1$/],
  ])('%s is refused', async (text, message) => {
    await expect(readConfig(file('relay.json', text))).rejects.toMatchObject({
      message: expect.stringMatching(message),
      exitCode: 2,
    });
  });
});

test('every number that a relay counts is a metric', async () => {
  const relay = new MSRPRelay({ credentials: () => undefined });
  const metrics = await registryOf(relay).getMetricsAsJSON();
  const own = metrics.filter(({ name }) => name.startsWith('msrp_relay_'));
  // Of latencies there are two: by bound, and how many.
  expect(own).toHaveLength(Object.keys(relay.stats()).length + 1);
});
