// Ten thousand sessions on one port, through two shards, between two processes.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClientTask, Said } from './many-client.ts';
import type { Left, ManyTask } from './many-server.ts';

const sessions = 10_000;
/** Sockets of one process, and some for itself. */
const needed = 12_000;

interface Report {
  readonly userLimits: { readonly open_files: { readonly soft: number | 'unlimited' } };
}

const { soft } = (process.report.getReport() as unknown as Report).userLimits.open_files;
const isAble = soft === 'unlimited' || soft >= needed;

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(name: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(`../../dist/test/fault/${name}.js`, import.meta.url)));
  children.push(child);
  return child;
}

/** What `child` tells next; that it ends instead fails the test. */
async function told<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a process ended with ${String(code)}`)));
  ended.catch(() => {});
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [T];
  return message;
}

describe.runIf(isAble)(`${sessions} sessions through two shards`, { timeout: 180_000 }, () => {
  test.each([
    [10_000, 'with a handler', true],
    [100, 'with a handler', true],
    [10_000, 'proxied', false],
  ])('on %i connections, %s: each has its own octets, and nothing is left', async (connections, _how, isHandled) => {
    const server = start('many-server');
    const client = start('many-client');
    server.send({ sessions, isHandled } satisfies ManyTask);
    const { uris } = await told<{ uris: string[] }>(server);
    expect(new Set(uris.map((uri) => new URL(uri.replace('msrp:', 'http:').replace(';tcp', '')).port)).size).toBe(1);
    const [clientEnd, serverEnd] = [once(client, 'exit'), once(server, 'exit')];
    client.send({ uris, connections } satisfies ClientTask);
    const left = told<Left>(server);
    const said = await told<Said>(client);
    const { hashes, stats, timers, resources } = await left;
    expect(said.wrong).toBe(0);
    expect(new Set(said.hashes).size).toBe(sessions);
    expect(hashes).toEqual(said.hashes);
    const idle = { connections: 0, restarts: 0 };
    expect(stats).toMatchObject({ listeners: 0, connections: 0, expected: 0, refused: 0, shards: [idle, idle] });
    expect([timers, resources]).toEqual([0, []]);
    expect([(await clientEnd)[0], (await serverEnd)[0]]).toEqual([0, 0]);
  });
});

test.skipIf(isAble)(`SKIPPED: ${sessions} sessions need ulimit -n ${needed}, and it is ${soft}`, () => {});
