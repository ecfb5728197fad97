// What the commands tell scripts with --json: one object on a line for each event, on stdout, where nothing else comes. These names are
// part of the interface: add some, but never change one.

import type { BenchResult } from './bench-result.ts';
import { codeOf } from './failure.ts';

export interface ListeningEvent {
  event: 'listening';
  path: string;
  fingerprint?: string;
}

export interface ResumedEvent {
  event: 'resumed';
  file: string;
  from: number;
}

export interface ReceivedEvent {
  event: 'received';
  file: string;
  bytes: number;
  sha256: string;
}

export interface SentEvent {
  event: 'sent';
  file: string;
  bytes: number;
  /** Without those that the receiver had already. */
  bytesSent: number;
  sha256: string;
  seconds: number;
  bytesPerSecond: number;
  reported: boolean;
}

export interface FailedEvent {
  event: 'failed';
  file?: string;
  code?: string;
  message: string;
}

/** A relay, at one of its addresses. */
export interface RelayListeningEvent {
  event: 'listening';
  uri: string;
}

export interface MetricsEvent {
  event: 'metrics';
  url: string;
}

export interface ReloadedEvent {
  event: 'reloaded';
  users: number;
}

export interface StoppedEvent {
  event: 'stopped';
  /** Sessions that had not ended when the time for that was over. */
  sessions: number;
}

export interface LogEvent {
  event: 'log';
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  /** ISO 8601. */
  time: string;
}

/** Of a run of `msrp bench`. */
export interface ProgressEvent {
  event: 'progress';
  seconds: number;
  /** Messages, from the start. */
  sent: number;
  delivered: number;
  errors: number;
  /** Of the last interval. */
  p99Ms: number;
}

/** Of `msrp bench --sink`. */
export interface CountedEvent {
  event: 'counted';
  messages: number;
  bytes: number;
}

export type CommandEvent =
  | ListeningEvent
  | RelayListeningEvent
  | MetricsEvent
  | ReloadedEvent
  | StoppedEvent
  | LogEvent
  | ResumedEvent
  | ReceivedEvent
  | SentEvent
  | ProgressEvent
  | BenchResult
  | CountedEvent
  | FailedEvent;

/** For help texts. */
export const eventHelp: Readonly<Record<CommandEvent['event'], string>> = {
  listening: 'path, and fingerprint where the certificate was made for the occasion; of a relay: uri',
  metrics: 'url: there they are',
  reloaded: 'users: how many there are now',
  stopped: 'sessions: how many were ended by it',
  log: 'level, message, time',
  resumed: 'file, from: so many bytes of it were there from an earlier attempt, it goes on behind them',
  received: 'file, bytes, sha256: it is there, whole, under that name',
  sent: 'file, bytes, bytesSent this time, sha256, seconds, bytesPerSecond, reported: the receiver says that it has it whole',
  progress: 'seconds, sent, delivered, errors, p99Ms: how far it is, about once a second',
  result: 'settings, measured, latencyMs, errors, generator, peer, crossed, distribution, samples',
  counted: 'messages, bytes: what came',
  failed: 'file, where it is about one, code, where there is one, message',
};

/** `error` is about `file`, if it is about one. */
export function failedEvent(message: string, file: string | undefined, error: unknown): FailedEvent {
  const code = codeOf(error);
  return { event: 'failed', ...(file !== undefined && { file }), ...(code !== undefined && { code }), message };
}
