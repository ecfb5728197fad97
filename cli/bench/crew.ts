// The threads of the generator, from the main thread: opened, started together, stopped, and what they say put in one timeline.

import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { newHistogram } from './latency.ts';
import type { ThreadPlan } from './plan.ts';
import type { FromThread, ToThread } from './protocol.ts';
import type { Measured } from './tally.ts';
import type { Timeline } from './timeline.ts';

/** Until the start, so that all threads have heard of it. */
const headStartMs = 50;

export interface Outcome {
  readonly measured: Measured;
  /** Messages that were sent, or due, and neither delivered nor failed when the time was over. */
  readonly unfinished: number;
  /** From the start until it was stopped; undefined: it was not. */
  readonly stoppedAfterMs: number | undefined;
}

export class Crew {
  readonly #threads: readonly Worker[];

  private constructor(threads: readonly Worker[]) {
    this.#threads = threads;
  }

  /** Opens the sessions of all. Rejects with a {@link CommandFailure}; then there is no thread left. */
  static async open(
    plans: readonly ThreadPlan[],
    signal: AbortSignal,
    onOpened: (sessions: number) => void,
  ): Promise<Crew> {
    const module = new URL('load-thread.js', import.meta.url);
    const crew = new Crew(plans.map((workerData) => new Worker(module, { workerData })));
    try {
      await crew.#each('ready', (message) => message.kind === 'opened' && onOpened(message.sessions), signal);
    } catch (error) {
      await crew.dismiss();
      throw error;
    }
    return crew;
  }

  /** Until all are done. When `signal` aborts they are soon. */
  async run(timeline: Timeline, signal: AbortSignal): Promise<Outcome> {
    const startAt = performance.timeOrigin + performance.now() + headStartMs;
    const measured: Measured = { messages: 0, bytes: 0, latency: newHistogram(), lateness: newHistogram() };
    let unfinished = 0;
    let stoppedAfterMs: number | undefined;
    const stop = (): void => {
      stoppedAfterMs = Math.max(performance.timeOrigin + performance.now() - startAt, 0);
      this.#tell({ kind: 'stop' });
    };
    const done = this.#each('done', (message, thread) => {
      if (message.kind === 'interval') timeline.add(thread, message.interval, message.busy);
      if (message.kind !== 'done') return;
      timeline.end(thread);
      unfinished += message.unfinished;
      addTo(measured, message.measured);
    });
    this.#tell({ kind: 'start', at: startAt });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    await done.finally(() => signal.removeEventListener('abort', stop));
    return { measured, unfinished, stoppedAfterMs };
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #tell(message: ToThread): void {
    for (const thread of this.#threads) thread.postMessage(message);
  }

  /** Resolves when each has said `last`; `signal` ends the waiting. */
  async #each(
    last: FromThread['kind'],
    onMessage: (message: FromThread, thread: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const over = new AbortController();
    try {
      await Promise.all(
        this.#threads.map((worker, thread) =>
          listen(worker, signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]), (message) => {
            onMessage(message, thread);
            return message.kind === last;
          }),
        ),
      );
    } finally {
      over.abort();
    }
  }
}

function addTo(sum: Measured, { messages, bytes, latency, lateness }: Measured): void {
  sum.messages += messages;
  sum.bytes += bytes;
  sum.latency.add(latency);
  sum.lateness.add(lateness);
}

/** Until `onMessage` gives true, or `signal` aborts. */
function listen(worker: Worker, signal: AbortSignal, onMessage: (message: FromThread) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      worker.off('message', onAny).off('error', onError);
      resolve();
    };
    const onAny = (message: FromThread): void => {
      if (message.kind === 'failed') reject(failureOf(message));
      else if (onMessage(message)) over();
    };
    const onError = (error: Error): void => reject(error);
    worker.on('message', onAny).on('error', onError);
    if (signal.aborted) over();
    else signal.addEventListener('abort', over, { once: true });
  });
}

function failureOf({ reason, code }: Extract<FromThread, { kind: 'failed' }>): CommandFailure {
  const exitCode = code === 'MSRP_ERR_ARGUMENT' ? ExitCode.usage : ExitCode.fault;
  return new CommandFailure(reason, exitCode, { cause: Object.assign(new Error(reason), { code }) });
}
