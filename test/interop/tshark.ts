// What tshark makes of the traffic on a port of the loopback interface. It looks at the first frame of a segment alone, so those who
// talk send one frame a write, and the next one when that was answered.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** One MSRP frame, as tshark reads it; empty where it has no such field. */
export interface Dissected {
  readonly id: string;
  readonly method: string;
  readonly code: string;
  readonly range: string;
  readonly flag: string;
  /** What it finds wrong. */
  readonly fault: string;
}

const fields = [
  'msrp.transaction.id',
  'msrp.method',
  'msrp.status.code',
  'msrp.byte.range',
  'msrp.cnt.flg',
  '_ws.malformed',
];

export interface Capture {
  /** Resolves when so many ends have been sent: two for each connection that is closed. */
  ended(ends: number): Promise<void>;
  /** Ends the capture and gives its frames. */
  dissect(): Promise<Dissected[]>;
}

export async function capture(port: number, file: string): Promise<Capture> {
  const options = ['-i', 'lo', '-f', `tcp port ${port}`, '-w', file, '-P', '-l', '-T', 'fields', '-e', 'tcp.flags.fin'];
  const tshark = spawn('tshark', options);
  let fins = 0;
  const waiters = new Set<() => void>();
  createInterface(tshark.stdout).on('line', (line) => {
    if (/^(1|True)$/.test(line)) fins++;
    for (const look of waiters) look();
  });
  await new Promise<void>((resolve) => {
    createInterface(tshark.stderr).on('line', (line) => line.includes('Capture started') && resolve());
  });
  const ended = (ends: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (fins >= ends) resolve();
      };
      waiters.add(look);
      look();
    });
  const dissect = async (): Promise<Dissected[]> => {
    tshark.kill('SIGTERM');
    await once(tshark, 'close');
    return readFrames(file, port);
  };
  return { ended, dissect };
}

/** The same of frames that came in one piece with others: each is put into a segment of its own, in a capture that is made here. */
export async function dissectEach(frames: readonly string[], file: string): Promise<Dissected[]> {
  const port = 2855;
  const text2pcap = spawn('text2pcap', ['-q', '-T', `9,${port}`, '-', file], { stdio: ['pipe', 'ignore', 'inherit'] });
  text2pcap.stdin.end(frames.map(hexDumpOf).join(''));
  await once(text2pcap, 'close');
  return readFrames(file, port);
}

/** As text2pcap reads it: offset 0 begins a packet. */
function hexDumpOf(frame: string): string {
  const hex = Buffer.from(frame, 'latin1').toString('hex');
  const lines = hex.match(/.{1,32}/g) ?? [];
  return lines
    .map((line, at) => `${(at * 16).toString(16).padStart(6, '0')} ${line.replaceAll(/../g, '$& ')}\n`)
    .join('');
}

async function readFrames(file: string, port: number): Promise<Dissected[]> {
  const columns = fields.flatMap((field) => ['-e', field]);
  const decoding = ['-d', `tcp.port==${port},msrp`, '-o', 'tcp.desegment_tcp_streams:TRUE', '-Y', 'msrp'];
  const { stdout } = await promisify(execFile)('tshark', ['-r', file, ...decoding, '-T', 'fields', ...columns]);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([id = '', method = '', code = '', range = '', flag = '', fault = '']) => ({
      id,
      method,
      code,
      range,
      flag,
      fault,
    }));
}
