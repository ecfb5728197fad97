import { describe, expect, test } from 'vitest';
import { AcceptorDirect, type ConnectOptions, ConnectorDirect, type Logger, type MSRPTransport } from '../../index.ts';
import { type LinkFaults, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { here } from './serve.ts';

/** What was logged: at level debug, and else. */
class Log implements Logger {
  readonly lines: string[] = [];
  readonly others: string[] = [];

  debug(message: string): void {
    this.lines.push(message);
  }

  info(message: string): void {
    this.others.push(message);
  }

  warn(message: string): void {
    this.others.push(message);
  }

  error(message: string): void {
    this.others.push(message);
  }
}

/** A session whose passive end logs. */
async function logged(options: ConnectOptions, faults: LinkFaults = {}) {
  const network = new SimulatedNetwork({ seed: 1, faults: () => faults });
  const { clock, random } = network;
  const log = new Log();
  const connector = new ConnectorDirect({ network, clock, random });
  const acceptor = new AcceptorDirect({ network, clock, random, logger: log, ...options });
  const [answer] = await acceptor.prepare(here);
  const [offer] = await connector.prepare(here);
  const [near, far] = await network.settle(Promise.all([connector.complete([answer!]), acceptor.complete([offer!])]));
  const { lines } = log;
  const bound = lines.splice(0);
  /** The lines about each chunk that `write` sends. */
  const of = async (write: Promise<unknown>): Promise<string[]> => {
    await network.settle(write);
    await network.run(clock.now() + 1000);
    return lines.splice(0).filter((line) => /^\S+ (<--|-->) /.test(line));
  };
  return { network, log, near, far, bound, of };
}

function shown(uri: { sessionId?: string | undefined }, text: unknown): string {
  return String(text).replace(uri.sessionId!, `${uri.sessionId!.slice(0, 4)}…`);
}

async function over({ near, network }: { near: MSRPTransport; network: SimulatedNetwork }): Promise<void> {
  near.destroy();
  await network.run();
}

describe('traffic', () => {
  test('shows the binding and its answer with addresses, and no session-id in full', async () => {
    const session = await logged({ traffic: 'heads' });
    const { near, far, bound } = session;
    const [us, them] = [`127.0.0.1:${far.localUri.port}`, `127.0.0.1:${far.peer.port}`];
    const [to, from] = [shown(far.localUri, far.localUri), shown(near.localUri, near.localUri)];
    expect(bound).toHaveLength(2);
    const id = /MSRP (\S+)/.exec(bound[0]!)![1];
    expect(bound[0]).toMatch(
      new RegExp(`^${us} <-- ${them}\nMSRP ${id} SEND\nTo-Path: ${to}\nFrom-Path: ${from}\nMessage-ID: \\S+\n`),
    );
    expect(bound[0]).toMatch(/\nByte-Range: 1-0\/0\n\$$/);
    expect(bound[1]).toBe(`${us} --> ${them}\nMSRP ${id} 200 OK\nTo-Path: ${from}\nFrom-Path: ${to}\n$`);
    const all = bound.join('\n');
    for (const { sessionId } of [near.localUri, far.localUri]) expect(all).not.toContain(sessionId);
    await over(session);
  });

  test.each<[ConnectOptions['traffic'] & string, string]>([
    ['heads', 'Content-Type: text/plain\n(14 octets) $'],
    ['bodies', 'Content-Type: text/plain\n\ngrüße,\nAlice\n(14 octets) $'],
  ])('of %s shows each chunk once, however it is cut, in both directions', async (traffic, end) => {
    for (const readBytes of [1, 5, 65_536]) {
      const session = await logged({ traffic }, { toServer: { readBytes }, toClient: { readBytes } });
      const { near, far, of } = session;
      const data = 'grüße,\nAlice';
      for (const [from, to, arrow] of [
        [near, far, '<--'],
        [far, near, '-->'],
      ] as const) {
        const lines = await of(
          Promise.all([from.writeChunk(from.makeChunk({ data, transactionId: 'abcd' })), to.readChunk()]),
        );
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(new RegExp(`^127.0.0.1:\\d+ ${arrow} 127.0.0.1:\\d+\nMSRP abcd SEND\n`));
        expect(lines[0]!.slice(-end.length)).toBe(end);
      }
      await over(session);
    }
  });

  test('shows the first 512 octets of a body and counts all', async () => {
    const session = await logged({ traffic: 'bodies' }, { toServer: { readBytes: 100 } });
    const { near, far, of } = session;
    const [line] = await of(
      Promise.all([near.writeChunk(near.makeChunk({ data: Buffer.alloc(3000, 'x') })), far.readChunk()]),
    );
    expect(line).toMatch(/\n\nx{512}\n\(3000 octets\) \$$/);
    const [next] = await of(Promise.all([near.writeChunk(near.makeChunk({ data: 'next' })), far.readChunk()]));
    expect(next).toMatch(/\n\nnext\n\(4 octets\) \$$/);
    await over(session);
  });

  test('names what is malformed, goes on behind it, and ends with what is no MSRP', async () => {
    const session = await logged({ traffic: 'heads' });
    const { near, far, log, of } = session;
    const head = `To-Path: ${far.localUri}\r\nFrom-Path: ${near.localUri}\r\n`;
    const bad = `MSRP aaaa SEND\r\n${head}Message-ID: mmmm\r\nByte-Range: x\r\n-------aaaa$\r\n`;
    const [malformed, answer] = await of(near.write(Buffer.from(bad)));
    expect(malformed).toMatch(/ <-- \S+\n\(malformed: .*\)$/);
    expect(answer).toContain('MSRP aaaa 400');
    const [next] = await of(near.writeChunk(near.makeChunk({ transactionId: 'bbbb' })));
    expect(next).toContain('MSRP bbbb SEND');
    expect(await of(near.write(Buffer.from('no MSRP\r\n')))).toEqual([]);
    expect(log.others).toEqual([expect.stringContaining('closing')]);
    await over(session);
  });

  test('does not mind that octets which are no chunks are written', async () => {
    const session = await logged({ traffic: 'heads' });
    const { far, of } = session;
    expect(await of(far.write(Buffer.from('no chunk\r\n')))).toEqual([]);
    await over(session);
  });

  test('is not shown unless it was asked for', async () => {
    const session = await logged({});
    expect(session.bound).toEqual([]);
    await over(session);
  });
});
