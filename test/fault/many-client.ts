// The peers of very many sessions, in a process of its own. Binds all of them, and only then says something in each; checks each answer.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { ConnectionPool, ConnectorDirect, MSRPSession, URI } from '../../index.ts';
import { answerTo } from './many-handler.ts';

export interface ClientTask {
  readonly uris: readonly string[];
  readonly connections: number;
}

export interface Said {
  /** Of what was said in each session, in their order. */
  readonly hashes: readonly string[];
  readonly wrong: number;
}

/** Connecting so many at once is a storm; this is a busy morning. */
const atOnce = 200;

async function inTurn<In, Out>(items: readonly In[], use: (item: In, at: number) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await use(items[at]!, at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

async function converse({ uris, connections }: ClientTask): Promise<Said> {
  const pools = Array.from({ length: connections }, () => new ConnectionPool({ idleMs: 0 }));
  const sessions = await inTurn(uris, async (uri, at) => {
    const connector = new ConnectorDirect({
      pool: pools[at % connections]!,
      timeouts: { bindMs: 120_000, connectMs: 120_000, responseMs: 120_000 },
    });
    await connector.prepare(new URI({ host: '127.0.0.1' }));
    return new MSRPSession(await connector.complete([URI.parse(uri)]));
  });
  let wrong = 0;
  const hashes = await inTurn(sessions, async (session, at) => {
    const text = randomBytes(100 + (at % 50) * 100).toString('hex');
    const incoming = session.messages();
    await session.send(text).delivered;
    const answer = await incoming.next();
    const { sessionId } = session.transport.fullRemotePath.at(-1)!;
    if (answer.done === true || (await answer.value.text()) !== answerTo(text, sessionId ?? '')) wrong++;
    return createHash('sha256').update(text).digest('hex');
  });
  await Promise.all(sessions.map((session) => session.shutdown()));
  for (const pool of pools) await pool.close();
  return { hashes, wrong };
}

const [task] = (await once(process, 'message')) as [ClientTask];
process.send?.(await converse(task), () => process.disconnect());
