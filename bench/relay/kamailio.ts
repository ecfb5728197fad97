// Kamailio between sender and receiver: the same calls as those of middle.ts. What counts is the CPU time of all its processes.

import { readdirSync, readFileSync } from 'node:fs';
import { type Kamailio, startKamailio } from '../../test/interop/kamailio.ts';
import { type Usage, serve } from '../peer-process.ts';
import type { MiddleCall } from './middle.ts';

/** From dist/. */
const template = new URL('../../../test/interop/kamailio-msrp.cfg', import.meta.url);
/** Linux counts in these for everyone (proc(5)). */
const ticksASecond = 100;
let kamailio: Kamailio | undefined;
let start = 0;

process.on('exit', () => kamailio?.kill());
process.on('SIGINT', () => process.exit(130));

/** Seconds of CPU that its processes have had. */
function cpuOf(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (Number(name) === pid || Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksASecond;
}

/** What is behind the name of the process, from its state on. */
function statOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return []; // it has ended
  }
}

serve({
  listen: async ({ tls }: MiddleCall) => {
    kamailio = await startKamailio(template);
    return tls === undefined ? kamailio.port : kamailio.tlsPort;
  },
  begin: () => {
    start = cpuOf(kamailio!.pid);
  },
  // Less than a tick is not to be seen.
  end: (): Usage => ({ cpu: Math.max(cpuOf(kamailio!.pid) - start, 1 / ticksASecond), peak: 0 }),
});
