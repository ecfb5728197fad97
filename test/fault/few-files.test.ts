// More connections than the process may open files: nobody can be accepted, and then everybody again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type MSRPError, type MSRPTransport, URI } from '../../index.ts';
import { closeAfterTest } from '../net/open.ts';
import { rawConnect } from '../net/raw-peer.ts';
import { bind } from '../net/serve.ts';

const program = fileURLToPath(new URL('../../dist/test/fault/few-files-server.js', import.meta.url));

/** The server may not have seen yet that the others are gone. */
async function bindAtLast(uri: URI): Promise<MSRPTransport> {
  for (;;) {
    try {
      return await bind(uri);
    } catch (error) {
      expect((error as MSRPError).code).toMatch(/CLOSED|CONNECT/);
    }
  }
}

test.each([0, 2])(
  'with %i shards, a server lives on when no file can be opened',
  { timeout: 60_000 },
  async (shards) => {
    const args = ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, program, String(shards)];
    const server = spawn('sh', args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    closeAfterTest(() => void server.kill('SIGKILL'));
    const ended = once(server, 'exit');
    const [{ uri }] = (await once(server, 'message')) as [{ uri: string }];
    const to = URI.parse(uri);
    const peers = await Promise.all(Array.from({ length: 300 }, () => rawConnect(to)));
    // Those that are too many are closed by the system, or wait to be accepted.
    await Promise.race(peers.map((peer) => peer.untilClosed()));
    for (const peer of peers) peer.socket.destroy();
    const near = await bindAtLast(to);
    await near.writeChunk(near.makeChunk({ data: 'still', failureReport: 'no' }));
    expect((await near.readChunk()).data.toString()).toBe('still');
    await near.close();
    expect(await ended).toEqual([0, null]);
  },
);
