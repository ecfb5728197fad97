// What a run is to be, with nothing left open. It can be cloned: each thread gets its part.

import type { ClientTLS, MSRPRelayInit } from '../../index.ts';
import type { Sizes } from './sizes.ts';

/** Nobody sends a message again here: so that the memory of many sessions does not grow with their messages, few are remembered. */
export const rememberedMessages = 16;

/** What all threads have in common. */
export interface Load {
  readonly sizes: Sizes;
  readonly chunkSize: number;
  /** Success-Report yes: a message is delivered when the peer has reported it. */
  readonly reports: boolean;
  /** Messages a second, of all threads; undefined: closed loop. */
  readonly rate: number | undefined;
  /** In an open loop: wait for what is due by polling. */
  readonly precise: boolean;
  /** In a closed loop: messages under way in each session. */
  readonly window: number;
  readonly rampMs: number;
  /** Between the ramp and what is measured. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly threads: number;
  readonly relay: MSRPRelayInit | undefined;
  readonly tls: ClientTLS;
}

export interface Plan extends Load {
  readonly sessions: number;
  /** To each address that the paths begin with; undefined: each session has its own. */
  readonly connections: number | undefined;
  /** The peer is a process of ours. */
  readonly isSelf: boolean;
  readonly useTLS: boolean;
}

/** A session to be opened. */
export interface SessionPlan {
  readonly path: string;
  /** Sessions of the same number share their connections; undefined: it has one of its own. */
  readonly pool: number | undefined;
}

export interface ThreadPlan {
  readonly load: Load;
  /** From 0. */
  readonly thread: number;
  readonly sessions: readonly SessionPlan[];
}

/** Where the time goes, in milliseconds from the start. */
export interface Phases {
  readonly measuredFromMs: number;
  readonly endMs: number;
  /** Of a sample: a second, unless that would make too few or too many. */
  readonly intervalMs: number;
}

const mostSamples = 3600;

export function phasesOf({ rampMs, warmUpMs, durationMs }: Load): Phases {
  const measuredFromMs = rampMs + warmUpMs;
  const endMs = measuredFromMs + durationMs;
  const intervalMs = endMs < 10_000 ? 100 : 1000 * Math.max(1, Math.ceil(endMs / 1000 / mostSamples));
  return { measuredFromMs, endMs, intervalMs };
}

/** Sessions that share connections are in one thread; `paths` are used again where there are more sessions. */
export function threadPlans(plan: Plan, paths: readonly string[]): ThreadPlan[] {
  const { sessions, connections, isSelf: _, useTLS: __, ...load } = plan;
  const perThread: SessionPlan[][] = Array.from({ length: plan.threads }, () => []);
  for (let at = 0; at < sessions; at++) {
    const pool = connections === undefined ? undefined : at % connections;
    const path = paths[at % paths.length] ?? '';
    perThread[(pool ?? at) % plan.threads]?.push({ path, pool });
  }
  return perThread.map((own, thread) => ({ load, thread, sessions: own }));
}
