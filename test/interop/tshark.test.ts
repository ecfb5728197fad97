import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AcceptorDirect, ConnectorDirect, MSRPSession, URI } from '../../index.ts';
import { capture } from './tshark.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-tshark-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

test('tshark recognises every frame of a session', { timeout: 60_000 }, async () => {
  const connector = new ConnectorDirect();
  const acceptor = new AcceptorDirect();
  const offer = await connector.prepare(new URI({ host: '127.0.0.1' }));
  const answer = await acceptor.prepare(new URI({ host: '127.0.0.1' }));
  const captured = await capture(answer[0]!.port!, join(folder, 'session.pcap'));

  const [near, far] = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
  const alice = new MSRPSession(near, { chunkSize: 20_000 });
  const bob = new MSRPSession(far, { automaticReports: false });
  for (const body of ['hello', '', 'x'.repeat(2048), Buffer.alloc(20_000, 7)]) await alice.send(body).delivered;
  const reported = alice.transport.makeChunk({ data: 'report on me', successReport: 'yes' });
  await alice.deliverChunk(reported);
  bob.sendReport(reported, 200);
  await alice.send('noted').delivered;
  await bob.send('goodbye').delivered;
  await alice.shutdown();
  await bob.closed;
  await captured.ended(2);

  const frames = await captured.dissect();
  const requests = frames.filter(({ method }) => method !== '');
  const responses = frames.filter(({ code }) => code !== '');
  expect(requests.map(({ method, range, flag }) => `${method} ${range} ${flag}`)).toEqual([
    'SEND 1-0/0 $',
    'SEND 1-5/5 $',
    'SEND 1-0/0 $',
    'SEND 1-2048/2048 $',
    'SEND 1-*/20000 $',
    'SEND 1-12/12 $',
    'REPORT 1-12/12 $',
    'SEND 1-5/5 $',
    'SEND 1-7/7 $',
  ]);
  expect(frames.filter(({ fault }) => fault !== '')).toEqual([]);
  expect(responses).toHaveLength(8);
  expect(responses.every(({ code }) => code === '200')).toBe(true);
});
