// The task of a worker thread of MSRPServer: a shard.

import { settingsOf } from '../options.ts';
import { HandledSessions } from './handled-sessions.ts';
import { loadHandler } from './handler.ts';
import { host } from './hosting.ts';
import type { ServerTask, ShardStart } from './protocol.ts';
import { Pumps } from './pumps.ts';

export default async function shard(start: ShardStart): Promise<void> {
  await host(start, async (hosting) => {
    const { options, handler } = start.task as ServerTask;
    const settings = settingsOf({ ...options, ...(hosting.logger && { logger: hosting.logger }) });
    if (handler === undefined) return new Pumps(hosting, settings.options);
    return new HandledSessions(settings, await loadHandler(handler), hosting);
  });
}
