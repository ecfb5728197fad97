// Runs first in the process of each test file. A file that leaves a socket, server, timer, child process, worker thread or
// file open fails: what a test leaks, a user leaks. `npx vitest run --config test/vitest.config.ts --detectAsyncLeaks` shows
// where it was made.

import { subscribe } from 'node:diagnostics_channel';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { afterAll } from 'vitest';

const workers = new Set<Worker>();
subscribe('worker_threads', (message) => {
  const { worker } = message as { worker: Worker };
  workers.add(worker);
  worker.once('exit', () => workers.delete(worker));
});

const before = held();

// The first hook made is the last to run. Closing takes some turns of the event loop, and vitest's own timers end within
// 100 ms: a leak is what stays.
afterAll(async () => {
  for (let turn = 0; turn < 100 && leaked().length > 0; turn++) await delay(20);
  const left = leaked();
  if (left.length > 0) throw new Error(`left open by this file: ${left.join(', ')}`);
});

// For long runs: each property goes on for this time, unless it names its own number of runs.
const seconds = Number(process.env['MSRP_PROPERTY_SECONDS'] ?? 0);
if (seconds > 0) {
  const { configureGlobal, installGlobalPlugin, interruptAfterTimeLimit } = await import('fast-check');
  configureGlobal({ numRuns: Number.MAX_SAFE_INTEGER });
  installGlobalPlugin(interruptAfterTimeLimit(seconds * 1000));
}

function leaked(): string[] {
  const rest = [...before];
  return held().filter((item) => {
    const at = rest.indexOf(item);
    if (at !== -1) rest.splice(at, 1);
    return at === -1;
  });
}

function held(): string[] {
  const passing = new Set(['CloseReq', 'Immediate', 'TickObject']);
  const active = process.getActiveResourcesInfo().filter((type) => !passing.has(type));
  return [...active, ...openFiles(), ...Array.from(workers, (worker) => `worker thread ${worker.threadId}`)];
}

function openFiles(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return /^\/(?!dev\/|proc\/)/.test(path) ? [`file ${path}`] : [];
    } catch {
      return []; // the descriptor that listed the folder
    }
  });
}
