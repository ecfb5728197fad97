import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AcceptorDirect, ConnectorDirect, MSRPSession, URI } from '../../index.ts';

const fields = [
  'msrp.transaction.id',
  'msrp.method',
  'msrp.status.code',
  'msrp.byte.range',
  'msrp.cnt.flg',
  'msrp.messageid',
];

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrp-tshark-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Captures until both ends have closed the connection. */
async function capture(port: number, file: string): Promise<{ tshark: ChildProcess; closed: Promise<void> }> {
  const tshark = spawn('tshark', [
    '-i',
    'lo',
    '-f',
    `tcp port ${port}`,
    '-w',
    file,
    '-P',
    '-l',
    '-T',
    'fields',
    '-e',
    'tcp.flags.fin',
  ]);
  let fins = 0;
  const closed = new Promise<void>((resolve) => {
    createInterface(tshark.stdout).on('line', (line) => {
      if (/^(1|True)$/.test(line) && ++fins === 2) resolve();
    });
  });
  await new Promise<void>((resolve) => {
    createInterface(tshark.stderr).on('line', (line) => line.includes('Capture started') && resolve());
  });
  return { tshark, closed };
}

async function dissect(file: string, port: number): Promise<string[][]> {
  const columns = fields.flatMap((field) => ['-e', field]);
  const options = [
    '-r',
    file,
    '-d',
    `tcp.port==${port},msrp`,
    '-o',
    'tcp.desegment_tcp_streams:TRUE',
    '-Y',
    'msrp',
    '-T',
    'fields',
    ...columns,
  ];
  const { stdout } = await promisify(execFile)('tshark', options);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
}

test('tshark recognises every frame of a session', { timeout: 60_000 }, async () => {
  const connector = new ConnectorDirect();
  const acceptor = new AcceptorDirect();
  const offer = await connector.prepare(new URI({ host: '127.0.0.1' }));
  const answer = await acceptor.prepare(new URI({ host: '127.0.0.1' }));
  const port = answer[0]!.port!;
  const file = join(folder, 'session.pcap');
  const { tshark, closed } = await capture(port, file);

  const [near, far] = await Promise.all([connector.complete(answer), acceptor.complete(offer)]);
  const alice = new MSRPSession(near, { chunkSize: 20_000 });
  const bob = new MSRPSession(far, { automaticReports: false });
  // One frame a write, and the next one only when it was answered: tshark looks at the first frame of a segment alone.
  for (const body of ['hello', '', 'x'.repeat(2048), Buffer.alloc(20_000, 7)]) await alice.send(body).delivered;
  const reported = alice.transport.makeChunk({ data: 'report on me', successReport: 'yes' });
  await alice.deliverChunk(reported);
  bob.sendReport(reported, 200);
  await alice.send('noted').delivered;
  await bob.send('goodbye').delivered;
  await alice.shutdown();
  await bob.closed;
  await closed;
  tshark.kill('SIGTERM');
  await once(tshark, 'close');

  const frames = await dissect(file, port);
  const requests = frames
    .filter(([, method]) => method !== '')
    .map(([, method, , range, flag]) => `${method} ${range} ${flag}`);
  const responses = frames.filter(([, , code]) => code !== '');
  expect(requests).toEqual([
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
  expect(responses).toHaveLength(8);
  expect(responses.every(([, , code]) => code === '200')).toBe(true);
});
