// A thread of the generator: opens its sessions, waits for the start, sends, and tells what it has counted, interval by interval.

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type MSRPSession, systemClock, type Timer } from '../../index.ts';
import { codeOf, reasonOf } from '../failure.ts';
import { ClosedLoop } from './closed-loop.ts';
import { type Loop, OpenLoop } from './open-loop.ts';
import { openSessions } from './open-sessions.ts';
import { type Phases, phasesOf, type ThreadPlan } from './plan.ts';
import type { FromThread, ToThread } from './protocol.ts';
import { Schedule } from './schedule.ts';
import { Sender } from './sender.ts';
import { Tally } from './tally.ts';

/** After the end: a little longer than a session waits for a response before it has failed. */
const drainMs = 32_000;
/** When it is stopped early, what is under way may take so long. */
const graceMs = 1000;
/** A peer may take so long to end its sessions. */
const closingMs = 2000;
/** Sessions that are opened between two reports of it. */
const openedStep = 50;

class LoadThread {
  readonly #plan: ThreadPlan;
  readonly #phases: Phases;
  readonly #tally: Tally;
  readonly #sessions: readonly MSRPSession[];
  readonly #sender: Sender;
  readonly #startMs: number;

  constructor(plan: ThreadPlan, sessions: readonly MSRPSession[], startMs: number) {
    this.#plan = plan;
    this.#sessions = sessions;
    this.#startMs = startMs;
    this.#phases = phasesOf(plan.load);
    this.#tally = new Tally(this.#phases);
    this.#sender = new Sender({ load: plan.load, sessions, tally: this.#tally, now: () => this.#now() });
  }

  /** Until nothing is due any more, or `stop` is aborted, and what was sent is over. */
  async run(stop: AbortSignal): Promise<void> {
    const ticking = this.#tick();
    const loop = this.#startLoop();
    const stopped = once(stop, 'abort');
    await Promise.race([loop.done, stopped, this.#at(this.#lastMs)]);
    const unsent = loop.stop(stop.aborted ? 0 : this.#phases.endMs);
    if (stop.aborted) await Promise.race([loop.done, this.#at(this.#now() + graceMs)]);
    const unfinished = loop.open + unsent;
    ticking.end();
    await this.#close(loop.open > 0);
    tell({ kind: 'done', measured: this.#tally.measured, unfinished });
  }

  get #lastMs(): number {
    return this.#phases.endMs + drainMs;
  }

  #now(): number {
    return systemClock.now() - this.#startMs;
  }

  #at(ms: number): Promise<void> {
    return new Promise((resolve) => {
      systemClock.setTimer(resolve, ms - this.#now());
    });
  }

  #startLoop(): Loop {
    const { load, thread } = this.#plan;
    const { rate, rampMs, threads, window } = load;
    const { endMs } = this.#phases;
    const common = { clock: systemClock, startMs: this.#startMs, send: this.#sender.send };
    if (rate !== undefined) {
      const poll = load.precise ? pollOf : undefined;
      return new OpenLoop({ ...common, schedule: new Schedule({ rate, rampMs, endMs }), thread, threads, poll });
    }
    return new ClosedLoop({
      ...common,
      endMs,
      rampMs,
      sessions: this.#sessions.length,
      window,
      isUsable: this.#sender.isUsable,
    });
  }

  /** Tells of each interval when it is over, and at the end of what is left. */
  #tick(): { end: () => void } {
    const { intervalMs } = this.#phases;
    let index = 0;
    let before = performance.eventLoopUtilization();
    const take = (): void => {
      const now = performance.eventLoopUtilization();
      const busy = performance.eventLoopUtilization(now, before).utilization;
      before = now;
      tell({ kind: 'interval', interval: this.#tally.take(index), busy });
      // Where the thread was held up, intervals without anything are left out.
      index = Math.max(index + 1, Math.floor(this.#now() / intervalMs));
      wait();
    };
    const wait = (): void => {
      timer = systemClock.setTimer(take, (index + 1) * intervalMs - this.#now());
    };
    let timer = systemClock.setTimer(take, intervalMs - this.#now());
    return {
      end: () => {
        take();
        timer.cancel();
      },
    };
  }

  async #close(isForced: boolean): Promise<void> {
    if (isForced) for (const session of this.#sessions) session.transport.destroy();
    const closed = Promise.all(this.#sessions.map((session) => session.shutdown()));
    await Promise.race([closed, this.#at(this.#now() + closingMs)]);
  }
}

function pollOf(callback: () => void): Timer {
  const immediate = setImmediate(callback);
  return { cancel: () => clearImmediate(immediate) };
}

const port = parentPort as MessagePort;

function tell(message: FromThread): void {
  port.postMessage(message);
}

async function main(plan: ThreadPlan): Promise<void> {
  let opened = 0;
  try {
    const sessions = await openSessions(plan, (count) => {
      if (count - opened < openedStep && count < plan.sessions.length) return;
      tell({ kind: 'opened', sessions: count - opened });
      opened = count;
    });
    await started(plan, sessions);
  } catch (error) {
    tell({ kind: 'failed', reason: reasonOf(error), code: codeOf(error) });
  }
}

async function started(plan: ThreadPlan, sessions: readonly MSRPSession[]): Promise<void> {
  const stop = new AbortController();
  const start = new Promise<number>((resolve) => {
    port.on('message', (message: ToThread) => {
      if (message.kind === 'start') resolve(message.at - performance.timeOrigin);
      else stop.abort();
    });
  });
  tell({ kind: 'ready' });
  await new LoadThread(plan, sessions, await start).run(stop.signal);
}

await main(workerData as ThreadPlan);
