// The relay as a process that is killed, and a receiver behind it that stops reading: who is told what, and what goes on.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AcceptorRelay,
  type ConnectOptions,
  ConnectorRelay,
  type IncomingMessage,
  MSRPRelay,
  MSRPRelaySettings,
  MSRPSession,
  type MSRPTransport,
  receiveFile,
  type RelayOptions,
  type SessionOptions,
  URI,
} from '../../index.ts';
import { said, start } from '../cli/msrp.ts';
import { eventsOf } from '../cli/transfer.ts';
import { nodeNetwork } from '../../net/node-network.ts';
import type { Network } from '../../net/socket.ts';
import { closeAfterTest, rejectionOf } from '../net/open.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-fault-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const relayAt = (port: number, username: string): MSRPRelaySettings =>
  new MSRPRelaySettings({ domain: '127.0.0.1', port, username, password: 'wonderland', useTLS: false });

interface Ends {
  readonly near?: ConnectOptions;
  readonly far?: ConnectOptions;
}

/** Both ends are clients of relays at these ports, or of those that come behind them. */
async function sessionThrough(ports: readonly number[], o: Ends = {}): Promise<[MSRPTransport, MSRPTransport]> {
  const connector = new ConnectorRelay(
    ports.map((port) => relayAt(port, 'alice')),
    o.near,
  );
  const acceptor = new AcceptorRelay(
    ports.map((port) => relayAt(port, 'bob')),
    o.far,
  );
  const [offer, answer] = await Promise.all([connector.prepare(), acceptor.prepare()]);
  const ends = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
  for (const end of ends) closeAfterTest(() => end.destroy());
  return ends;
}

async function openRelay(options: Partial<RelayOptions> = {}): Promise<number> {
  const relay = new MSRPRelay({
    credentials: () => ({ password: 'wonderland' }),
    allowPlainAuth: true,
    limits: { sessionsPerUser: 10_000, connectionsPerAddress: 10_000 },
    ...options,
  });
  closeAfterTest(async () => void (await relay.close()));
  return (await relay.listen(new URI({ host: '127.0.0.1' }))).port!;
}

describe.each([0, 2])('a relay process of %d shards that is killed', (shards) => {
  test('with 1,000 sessions: each client is told at once, and finds the second relay in its list', {
    timeout: 60_000,
  }, async () => {
    writeFileSync(join(folder, 'users'), 'alice:wonderland\nbob:wonderland\n');
    const limits = { sessionsPerUser: 10_000, connectionsPerAddress: 10_000 };
    const config = {
      listen: ['msrp://127.0.0.1:0'],
      allowPlainAuth: true,
      users: join(folder, 'users'),
      shards,
      limits,
    };
    writeFileSync(join(folder, 'relay.json'), JSON.stringify(config));
    const child = start(['relay', '--json', '--config', join(folder, 'relay.json')]);
    closeAfterTest(() => void child.kill('SIGKILL'));
    const [listening] = eventsOf(await said(child, '"listening"'));
    const first = URI.parse(String(listening?.['uri'])).port!;
    const second = await openRelay();
    const sessions: MSRPSession[] = [];
    while (sessions.length < 1000) {
      const pairs = await Promise.all(Array.from({ length: 50 }, () => sessionThrough([first, second])));
      sessions.push(...pairs.flat().map((transport) => new MSRPSession(transport)));
    }
    const sendings = sessions.map((session) => session.send('hello', { successReport: 'yes' }));
    await Promise.all(sendings.map(({ delivered }) => delivered));
    const last = sessions.map((session) => session.send('last words', { successReport: 'yes' }));
    child.kill('SIGKILL');
    const outcomes = await Promise.allSettled(last.map(({ delivered }) => delivered));
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^MSRP_ERR_(CLOSED|SESSION)$/) });
    }
    await Promise.all(sessions.map(({ closed }) => closed));
    expect(await rejectionOf(Promise.resolve().then(() => sessions[0]!.send('too late')))).toMatchObject({
      code: 'MSRP_ERR_SESSION',
    });
    const [near] = await sessionThrough([first, second]);
    expect(near.fullLocalPath[0]).toMatchObject({ port: second });
  });
});

/** Stands before a relay, and stops reading from it when so many octets have come. */
async function openDam(
  target: number,
  after: number,
): Promise<{ port: number; open: () => void; isShut: Promise<unknown> }> {
  const shut: Socket[] = [];
  let onShut: (() => void) | undefined;
  const isShut = new Promise<void>((resolve) => {
    onShut = resolve;
  });
  const server = createServer((client) => {
    const onward = connect(target, '127.0.0.1');
    let bytes = 0;
    client.pipe(onward);
    onward.on('data', (octets) => {
      client.write(octets);
      bytes += octets.length;
      if (bytes < after) return;
      onward.pause();
      shut.push(onward);
      onShut?.();
    });
    for (const socket of [client, onward]) {
      socket.on('error', () => {});
      socket.once('close', () => [client, onward].map((each) => each.destroy()));
    }
    closeAfterTest(() => void client.destroy());
  });
  closeAfterTest(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const open = (): void => {
    for (const socket of shut) socket.destroy();
  };
  return { port: (server.address() as { port: number }).port, open, isShut };
}

async function stored(transport: MSRPTransport, inbox: string, options: SessionOptions = {}): Promise<string> {
  const session = new MSRPSession(transport, { automaticReports: false, ...options });
  const { value } = await session.messages().next();
  const file = await receiveFile(value as IncomingMessage, inbox, { hash: { algorithm: 'sha-256' } });
  return file.path;
}

describe.each([0, 2])('behind a relay of %d shards a receiver that stops reading', (shards) => {
  test('fails its sender with 408, no other session, and the file is resumed', async () => {
    const port = await openRelay({ shards });
    const inbox = join(folder, 'inbox');
    const source = join(folder, 'large.bin');
    const content = randomBytes(24_000_000);
    mkdirSync(inbox);
    writeFileSync(source, content);
    const dam = await openDam(port, 3_000_000);
    const network: Network = {
      ...nodeNetwork,
      connect: (target, signal) => nodeNetwork.connect({ ...target, port: dam.port }, signal),
    };
    const [near, far] = await sessionThrough([port], { near: { timeouts: { responseMs: 1000 } }, far: { network } });
    const lost = stored(far, inbox);
    lost.catch(() => {});
    const sending = await new MSRPSession(near).sendFile(source, { resume: true });
    await dam.isShut;
    const others = (await sessionThrough([port])).map((transport) => new MSRPSession(transport)) as [
      MSRPSession,
      MSRPSession,
    ];
    const got: string[] = [];
    const reading = (async (): Promise<void> => {
      for await (const message of others[1].messages()) {
        got.push(await message.text());
        if (got.length === 100) return;
      }
    })();
    for (let index = 0; index < 100; index++) await others[0].send(String(index), { successReport: 'yes' }).delivered;
    await reading;
    expect(got).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
    expect(await rejectionOf(sending.delivered)).toMatchObject({ status: 408 });
    const part = join(inbox, 'large.bin.part');
    while ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < 2_000_000) await turn();
    dam.open();
    await rejectionOf(lost);
    const [again, there] = await sessionThrough([port]);
    const storing = stored(there, inbox);
    const resumed = await new MSRPSession(again).sendFile(source, { resume: true });
    const path = await storing;
    await resumed.delivered;
    expect(resumed.bytesSent).toBeLessThan(content.length - 1_000_000);
    const hash = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');
    expect(hash(readFileSync(path))).toBe(hash(content));
  });
});
