// npm start: a file crosses loopback over TLS through msrp relay, from msrp send to msrp receive, each a process of its own; for comparison
// without the relay, and over bare sockets. `npm start -- FILE` takes a file of yours, else 256 MiB of random bytes are made. Exit codes
// are those of `msrp`.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Children,
  direct,
  hashOf,
  makeCertificate,
  makeFile,
  overSocket,
  sizeOf,
  throughRelay,
  type Transfer,
} from './demo/index.ts';
import { ExitCode } from './exit-code.ts';
import { CommandFailure } from './failure.ts';

const interruption = new AbortController();
const { signal } = interruption;
const children = new Children(signal);

async function demo(given: string | undefined): Promise<void> {
  process.once('SIGINT', () => interruption.abort(ExitCode.interrupted));
  process.once('SIGTERM', () => interruption.abort(ExitCode.terminated));
  const folder = await mkdtemp(join(tmpdir(), 'msrp-demo-'));
  try {
    await compare(given ?? (await makeFile(join(folder, 'random.bin'), signal)), folder);
  } finally {
    await children.end();
    await rm(folder, { recursive: true });
  }
}

async function compare(file: string, folder: string): Promise<void> {
  const size = await sizeOf(file);
  console.log(`${size} bytes over loopback, from one process to another, from disk to disk, hashed at both ends`);
  const expected = await hashOf(file, signal);
  const tls = await makeCertificate(folder);
  const show = (way: string, { seconds, hashes }: Transfer): void => {
    const other = hashes.find((hash) => hash !== expected);
    if (other !== undefined) throw new Error(`the hashes differ: ${expected} was to be sent, ${other} came out`);
    console.log(`${way.padEnd(27)}${seconds.toFixed(2).padStart(6)} s${speedOf(size, seconds)}`);
  };
  show('msrp through a relay, TLS', await throughRelay(children, file, folder, tls));
  console.log(`sha256 ${expected} at both ends`);
  show('msrp direct, TCP', await direct(children, file, folder));
  show('bare socket, TLS', await overSocket(children, file, size, tls));
  show('bare socket, TCP', await overSocket(children, file, size));
  console.log('Nothing is relayed or written to disk over the bare sockets.');
}

function speedOf(size: number, seconds: number): string {
  return `${(size / seconds / 1e6).toFixed(0).padStart(6)} MB/s`;
}

async function run([file, ...rest]: readonly string[]): Promise<void> {
  if (file?.startsWith('-') === true || rest.length > 0) {
    throw new CommandFailure('takes one file, or none: npm start -- FILE', ExitCode.usage);
  }
  return demo(file);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof CommandFailure ? error.exitCode : ExitCode.fault;
  if (!signal.aborted) console.error(`npm start: ${error instanceof Error ? error.message : String(error)}`);
}
if (signal.aborted) process.exitCode = signal.reason as ExitCode;
