import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConnectorRelay, MSRPRelaySettings, nodeNetwork, parsePath } from '../../index.ts';
import { closeAfterTest } from '../net/open.ts';
import { ScriptedRelay } from '../net/scripted-relay.ts';
import { msrp, said } from './msrp.ts';
import { hashOf, Workplace } from './transfer.ts';

const place = new Workplace();

async function openRelay(): Promise<{ relay: ScriptedRelay; uri: string }> {
  const o = { host: '127.0.0.1', port: 0, useTLS: false };
  const relay = await ScriptedRelay.listen(nodeNetwork, o, '127.0.0.1');
  closeAfterTest(() => relay.close());
  return { relay, uri: `msrp://alice@127.0.0.1:${relay.port}` };
}

describe('msrp receive and msrp send', () => {
  test('find each other behind a relay', { timeout: 30_000 }, async () => {
    const { uri } = await openRelay();
    const secret = place.file('secret', 'wonderland\n');
    const content = randomBytes(300_000);
    const file = place.file('photo.jpg', content);
    const receiver = await place.receive('--relay', uri, '--password-file', secret);
    expect(receiver.path.split(' ')).toHaveLength(2);
    const isReceived = said(receiver.child, '"received"');
    const sent = await msrp(['send', receiver.path, file, '--relay', uri], '', { MSRP_PASSWORD: 'wonderland' });
    expect(sent).toMatchObject({ exitCode: 0, stderr: '' });
    await isReceived;
    const { events } = await receiver.stop();
    expect(events).toMatchObject([{ event: 'received', bytes: content.length, sha256: hashOf(content) }]);
    expect(readFileSync(join(place.inbox, 'photo.jpg')).equals(content)).toBe(true);
  });

  test('a sender that is silent has gone, and the next one gets another path', { timeout: 30_000 }, async () => {
    const { uri, relay } = await openRelay();
    const secret = place.file('secret', 'wonderland');
    const receiver = await place.receive('--relay', uri, '--password-file', secret, '--idle', '0.3');
    const isReadyAgain = said(receiver.child, '"listening"');
    const settings = {
      domain: '127.0.0.1',
      port: relay.port,
      username: 'alice',
      password: 'wonderland',
      useTLS: false,
    };
    const connector = new ConnectorRelay(new MSRPRelaySettings(settings));
    await connector.prepare();
    const transport = await connector.complete(parsePath(receiver.path));
    await isReadyAgain;
    await transport.close();
    const { events } = await receiver.stop();
    expect(events).toMatchObject([{ event: 'listening' }]);
    expect(events[0]!['path']).not.toBe(receiver.path);
  });

  test.each(['send', 'receive'])('%s says in one line that the relay refuses', async (command) => {
    const { uri } = await openRelay();
    const args = command === 'send' ? ['msrp://127.0.0.1:9/x;tcp', place.file('a', 'a')] : ['--dir', place.inbox];
    const end = await msrp([command, ...args, '--relay', uri], '', { MSRP_PASSWORD: 'looking-glass' });
    expect(end.stderr).toMatch(/^msrp \w+: AUTH of alice with .*wrong username or password \(MSRP_ERR_RELAY_AUTH\)\n$/);
    expect(end.exitCode).toBe(command === 'send' ? 1 : 3);
  });

  test.each([
    [['--relay', 'msrps://example.com'], 'wants msrps://user@domain'],
    [['--relay', 'sip:alice@example.com'], 'wants msrps://user@domain'],
    [['--relay', 'msrps://alice@example.com:70000'], '--relay: '],
    [['--relay', 'msrps://alice@example.com', '--password-file', '/dev/null'], 'wants a password'],
    [['--password-file', '/dev/null'], 'is for --relay'],
  ])('%j is wrong usage', async (args, message) => {
    for (const command of [['send', 'msrp://127.0.0.1:9/x;tcp', place.file('a', 'a')], ['receive']]) {
      const end = await msrp([...command, ...args], '', { MSRP_PASSWORD: args.length > 2 ? '' : 'x' });
      expect(end).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
    }
  });

  test.each([
    [['--cert', 'c', '--key', 'k'], '--cert and --key are not for --relay'],
    [['--idle', '0'], '--idle wants a number of seconds, not 0'],
    [['--idle', 'x'], '--idle wants a number of seconds, not x'],
  ])('a receiver behind a relay does not take %j', async (more, message) => {
    const args = ['receive', '--relay', 'msrps://alice@example.com', '--dir', place.inbox, ...more];
    const end = await msrp(args, '', { MSRP_PASSWORD: 'x' });
    expect(end).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });
});
