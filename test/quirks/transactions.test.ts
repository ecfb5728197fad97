// Responses and REPORTs as peers are known to send them, and requests that come twice.

import { describe, expect, test } from 'vitest';
import { type Chunk, ConnectionPool, ConnectorDirect, MSRPServer, MSRPSession, URI } from '../../index.ts';
import { Endpoint } from '../net/endpoint.ts';
import { part, watch } from '../session/script-frames.ts';
import { brief, ourUri, peerUri, type ScriptedPeer, withScript } from '../session/scripted-peer.ts';
import { SimulatedNetwork } from '../simulation/simulated-network.ts';
import { answer, modes, play, readAll, request, requestOn } from './play.ts';

const id = 'tran0';

/** Lets what is on its way arrive. */
async function requests(peer: ScriptedPeer): Promise<Chunk[]> {
  await peer.pass(10);
  return peer.take();
}

function report(id_: string, range: string, status: string, messageId = 'mmmm'): string {
  return request('REPORT', id_, [`Message-ID: ${messageId}`, `Byte-Range: ${range}`, `Status: ${status}`]);
}

describe('a response to a REPORT', () => {
  test.each(['200 OK', '481 No such session'])('%s changes nothing', async (status) => {
    await withScript(async (peer) => {
      const bodies = readAll(peer.session);
      peer.send(part(id, 'Success-Report: yes\r\n', '1-2/2', 'hi', '$'));
      const [, ours] = await peer.answers();
      expect(brief(ours!)).toBe('REPORT mmmm 1-2/2 000 200');
      peer.send(answer(ours!, status));
      expect(await peer.answers()).toEqual([]);
      expect(bodies).toEqual(['hi']);
    });
  });
});

describe('a response that nobody asked for, and none where one was', () => {
  test.each<['no' | 'partial', string, string]>([
    ['no', '200 OK', 'delivered'],
    ['no', '413 Stop', 'delivered'],
    ['partial', '200 OK', 'delivered'],
  ])('with Failure-Report %s, %s: the message is %s', async (failureReport, status, expected) => {
    await withScript(async (peer) => {
      const failures: string[] = [];
      const sent = peer.session.send('hello', { failureReport, onFailure: ({ code }) => failures.push(code) });
      const state = watch(sent.delivered, 'pending', 'delivered');
      const [send] = await requests(peer);
      peer.send(answer(send!, status) + answer(send!, status));
      await peer.answers();
      await peer.pass(60_000);
      expect([state(), failures]).toEqual([expected, []]);
      peer.session.send('more', { failureReport });
      expect((await requests(peer)).map(brief)).toEqual(['SEND 1-4/4 $']);
    });
  });

  test.each([30_000, 5000])('none within %d ms is a local 408', async (responseMs) => {
    await withScript(
      async (peer) => {
        const state = watch(peer.session.send('hello').delivered, 'pending', 'delivered');
        await peer.pass(responseMs - 100);
        expect(state()).toBe('pending');
        await peer.pass(400);
        expect(state()).toBe('408');
      },
      {},
      { timeouts: { responseMs } },
    );
  });
});

describe('a success REPORT that nobody asked for', () => {
  test('is no second success', async () => {
    await withScript(async (peer) => {
      const seen: number[] = [];
      const onProgress = ({ bytesAcknowledged }: { bytesAcknowledged: number }): void =>
        void seen.push(bytesAcknowledged);
      const sent = peer.session.send('hello', { messageId: 'mmmm', onProgress });
      const state = watch(sent.delivered, 'pending', 'delivered');
      const [send] = await requests(peer);
      peer.send(report('rrr0', '1-5/5', '000 200 OK'));
      await peer.answers();
      expect([state(), sent.bytesAcknowledged]).toEqual(['pending', 5]);
      peer.send(answer(send!, '200 OK') + report('rrr1', '1-5/5', '000 200 OK'));
      await peer.answers();
      expect([state(), sent.bytesAcknowledged, Math.max(...seen)]).toEqual(['delivered', 5, 5]);
    });
  });
});

describe('a Status without namespace, or with the code twice', () => {
  const cases: [status: string, strict: string, tolerant?: string][] = [
    ['000 200', 'delivered'],
    ['000 413 413', '413'],
    ['000 413 Message too large', '413'],
    ['413', 'pending', '413'],
    ['413 Stop', 'pending', '413'],
    ['200 OK', 'pending', 'delivered'],
    ['000  200  OK', 'pending', 'delivered'],
    ['001 413 of another namespace', 'pending'],
    ['000', 'pending'],
    ['OK', 'pending'],
    ['41', 'pending'],
  ];
  for (const [mode, tolerant] of modes) {
    test.each(cases)(`"%s", ${mode}`, async (status, strict, other = strict) => {
      await withScript(
        async (peer) => {
          const options = { messageId: 'mmmm', failureReport: 'partial', successReport: 'yes' } as const;
          const state = watch(peer.session.send('hello', options).delivered, 'pending', 'delivered');
          await requests(peer);
          peer.send(report('rrr0', '1-5/5', status) + report('rrr1', '1-5/5', status));
          expect(await peer.answers()).toEqual([]);
          expect(state()).toBe(tolerant ? other : strict);
        },
        {},
        { tolerant },
      );
    });
  }

  test('a REPORT on a message that we did not send is ignored', async () => {
    expect(await play(report(id, '1-5/5', '000 481 gone', '%3Cmmmm%3E'))).toEqual({
      frames: [],
      bodies: [],
      isOpen: true,
    });
  });
});

describe('REPORTs whose ranges overlap', () => {
  test.each<[string, [range: string, acknowledged: number, state: string][]]>([
    [
      'those of parts',
      [
        ['1-8192/20000', 8192, 'pending'],
        ['1-16384/20000', 16_384, 'pending'],
        ['4000-9000/20000', 16_384, 'pending'],
        ['16000-20000/20000', 20_000, 'delivered'],
      ],
    ],
    [
      'those that come in another order',
      [
        ['16385-20000/20000', 0, 'pending'],
        ['1-8192/20000', 8192, 'pending'],
        ['8000-17000/*', 20_000, 'delivered'],
      ],
    ],
    [
      'those of all for each chunk',
      [
        ['1-20000/20000', 20_000, 'delivered'],
        ['1-20000/20000', 20_000, 'delivered'],
      ],
    ],
  ])('%s count together', async (_, reports) => {
    await withScript(async (peer) => {
      const options = { messageId: 'mmmm', failureReport: 'no', successReport: 'yes' } as const;
      const sent = peer.session.send(Buffer.alloc(20_000), options);
      const state = watch(sent.delivered, 'pending', 'delivered');
      await requests(peer);
      for (const [index, [range, acknowledged, expected]] of reports.entries()) {
        peer.send(report(`rrr${index}`, range, '000 200 OK'));
        await peer.answers();
        expect([sent.bytesAcknowledged, state()]).toEqual([acknowledged, expected]);
      }
    });
  });
});

describe('a SEND that is sent again with the same transaction id', () => {
  const whole = part(id, '', '1-2/2', 'hi', '$');
  const twice = { frames: [`200 ${id}`, `200 ${id}`], bodies: ['hi'], isOpen: true };

  test.each<[string, string]>([
    ['at once', whole + whole],
    ['behind another message', whole + part('tran1', '', '1-2/2', 'ho', '$').replace('mmmm', 'mmm1') + whole],
  ])('%s is answered again, and shown once', async (_, octets) => {
    const { frames, bodies } = await play(octets);
    expect(frames.filter((frame) => frame === `200 ${id}`)).toHaveLength(2);
    expect(bodies.filter((body) => body === 'hi')).toHaveLength(1);
  });

  test('half a second later too', async () => {
    await withScript(async (peer) => {
      const bodies = readAll(peer.session);
      peer.send(whole);
      await peer.pass(500);
      peer.send(whole);
      expect((await peer.answers()).map(brief)).toEqual(twice.frames);
      expect(bodies).toEqual(twice.bodies);
    });
  });

  test('is reported again where that was asked for', async () => {
    const wanted = whole.replace('Byte-Range', 'Success-Report: yes\r\nByte-Range');
    const frames = [`200 ${id}`, 'REPORT mmmm 1-2/2 000 200'];
    expect(await play(wanted + wanted)).toEqual({ ...twice, frames: [...frames, ...frames] });
  });

  test('may be a part of a message', async () => {
    const [first, last] = [part('tran0', '', '1-2/4', 'hi', '+'), part('tran1', '', '3-4/4', 'ho', '$')];
    const frames = ['200 tran0', '200 tran0', '200 tran1', '200 tran1'];
    expect(await play(first + first + last + last)).toEqual({ frames, bodies: ['hiho'], isOpen: true });
  });

  test('is not given to onIncoming again once the message was whole', async () => {
    const seen: string[] = [];
    const onIncoming = (chunk?: Chunk): void => void (chunk && seen.push(chunk.data.toString()));
    expect(await play(whole + whole, { onIncoming })).toEqual({ ...twice, bodies: [] });
    expect(seen).toEqual(['hi']);
  });
});

describe('transaction ids and Message-IDs that are counted, in each session from one', () => {
  const uris = ['a', 'b'].map((name) => `msrp://127.0.0.1:2855/${name.repeat(16)};tcp`);
  const pathsTo = (uri: string): string => `To-Path: ${uri}\r\nFrom-Path: ${peerUri}\r\n`;
  const send = (uri: string, id_: string, messageId: string, body?: string): string =>
    requestOn(
      pathsTo(uri),
      'SEND',
      id_,
      [`Message-ID: ${messageId}`, ...(body === undefined ? [] : ['Content-Type: text/plain'])],
      body,
    );

  test.each([1, 2])('are no duplicates of each other, on connections: %d', async (connections) => {
    const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
    const server = new MSRPServer({ network, clock: network.clock, random: network.random });
    const sessions: MSRPSession[] = [];
    const bodies: string[][] = [];
    const endpoints: Endpoint[] = [];
    for (const [index, uri] of uris.entries()) {
      await network.settle(server.prepare(URI.parse(uri)));
      const complete = server.complete(undefined, { localUri: URI.parse(uri) });
      if (index < connections) {
        endpoints.push(new Endpoint(await network.settle(network.connect({ host: '127.0.0.1', port: 2855 }))));
      }
      endpoints.at(-1)!.socket.write([Buffer.from(send(uri, '1001', '1'.repeat(4)))]);
      sessions.push(new MSRPSession(await network.settle(complete)));
      bodies.push(readAll(sessions.at(-1)!));
    }
    for (const [index, uri] of uris.entries()) {
      endpoints[index % connections]!.socket.write([Buffer.from(send(uri, '1002', '2222', `to ${index}`))]);
    }
    await network.run(network.clock.now() + 100);
    expect(bodies).toEqual([['to 0'], ['to 1']]);
    const text = endpoints.map(({ data }) => data.toString()).join('');
    expect(text.match(/MSRP 100[12] 200/g)).toEqual(
      connections === 1
        ? ['MSRP 1001 200', 'MSRP 1001 200', 'MSRP 1002 200', 'MSRP 1002 200']
        : ['MSRP 1001 200', 'MSRP 1002 200', 'MSRP 1001 200', 'MSRP 1002 200'],
    );
    for (const { transport } of sessions) transport.destroy();
    await server.close();
    await network.run();
  });
});

describe('a response with more fields, longer paths, or paths the wrong way round', () => {
  const forms: [string, (to: string, from: string) => string[]][] = [
    ['as it should be', (to, from) => [`To-Path: ${to}`, `From-Path: ${from}`]],
    ['with the paths of the request', (to, from) => [`To-Path: ${from}`, `From-Path: ${to}`]],
    [
      'with longer paths',
      (to, from) => [`To-Path: msrp://r.example.com:2855/r;tcp ${to}`, `From-Path: ${from} ${from}`],
    ],
    [
      'with more fields',
      (to, from) => [`To-Path: ${to}`, `From-Path: ${from}`, 'Message-ID: mmmm', 'Byte-Range: 1-5/5', 'Extra: x'],
    ],
  ];
  const stranger = 'msrp://nobody.example.com:2855/nobody;tcp';
  const nobody: (typeof forms)[number] = [
    'with paths of others',
    () => [`To-Path: ${stranger}`, `From-Path: ${stranger}`],
  ];
  for (const [mode, tolerant] of modes) {
    test.each([...forms, nobody])(`%s counts for the request with its id, ${mode}`, async (_, lines) => {
      await withScript(
        async (peer) => {
          const sent = peer.session.send('hello');
          const [send] = await requests(peer);
          peer.send(answer(send!, '200 OK', lines(ourUri, peerUri)));
          await peer.network.settle(sent.delivered);
        },
        {},
        { tolerant },
      );
    });
  }

  test.each(forms)('%s finds its session among several on one connection', async (_, lines) => {
    const network = new SimulatedNetwork({ seed: 1, keepTrace: false });
    const pool = new ConnectionPool({ idleMs: 0 });
    let peer: Endpoint | undefined;
    const listener = await network.listen({ port: 7000 }, (socket) => (peer = new Endpoint(socket)));
    let answered = 0;
    /** Answers all that came. */
    const answerAll = (): void => {
      const text = peer?.data.toString('latin1') ?? '';
      const all = [...text.matchAll(/MSRP (\S+) SEND\r\nTo-Path: (.*)\r\nFrom-Path: (.*)\r\n/g)];
      for (const [, transactionId = '', to = '', from = ''] of all.slice(answered)) {
        peer!.socket.write([Buffer.from(answer({ transactionId } as Chunk, '200 OK', lines(from, to)))]);
      }
      answered = all.length;
    };
    const sessions: MSRPSession[] = [];
    for (const name of ['a', 'b']) {
      const connector = new ConnectorDirect({ network, clock: network.clock, random: network.random, pool });
      await connector.prepare(URI.parse('msrp://127.0.0.1:2855;tcp'));
      const complete = connector.complete([URI.parse(`msrp://127.0.0.1:7000/${name};tcp`)]);
      await network.run(network.clock.now() + 100);
      answerAll();
      sessions.push(new MSRPSession(await network.settle(complete)));
    }
    expect(pool.size).toBe(1);
    const messages = sessions.map((session) => session.send('hello'));
    await network.run(network.clock.now() + 100);
    answerAll();
    await network.settle(Promise.all(messages.map(({ delivered }) => delivered)));
    for (const { transport } of sessions) transport.destroy();
    peer?.socket.destroy();
    await pool.close();
    await listener.close();
    await network.run();
  });
});
