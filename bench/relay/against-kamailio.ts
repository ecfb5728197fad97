// Our relay beside the msrp module of Kamailio, with the same sender and receiver. Kamailio does not slow down who sends, and drops what
// its queues cannot hold: the sender keeps to a window, with both. CPU time is that of all processes of Kamailio.

import { hasKamailio } from '../../test/interop/kamailio.ts';
import type { Effort, Measurement, Row } from '../row.ts';
import { compare, type Comparison } from './line.ts';

const mebibyte = 1_048_576;
/** Of 32, 100 and 300 the one with which Kamailio is fastest. */
const unanswered = 100;

function measurement(name: string, comparison: (effort: Effort) => Omit<Comparison, 'group' | 'middles'>): Measurement {
  const rows = async (effort: Effort): Promise<Row[]> => {
    const compared = comparison(effort);
    if (!hasKamailio) return [skipped(name, compared)];
    return compare({ group: name, middles: ['kamailio', 'relay'], ...compared }, effort);
  };
  return { name, rows };
}

function skipped(group: string, { call }: Pick<Comparison, 'call'>): Row {
  const unit = call.eachItsMessage ? 'op' : 'B';
  return { group, name: 'kamailio', unit, speed: 0, ratio: 0, lowest: 0, highest: 0, skipped: 'no Kamailio' };
}

function chunks(isTLS: boolean): Measurement {
  return measurement(`relay and Kamailio, 2 KiB chunks, ${isTLS ? 'TLS' : 'TCP'}`, (effort) => ({
    call: {
      chunkBytes: 2048,
      totalBytes: (effort.isOnce ? 1 : 64) * mebibyte,
      eachItsMessage: false,
      window: { chunks: unanswered, until: 'response' },
    },
    isTLS,
    goal: isTLS ? {} : { reach: 4, cpuReach: 0.25 },
  }));
}

function messages(isTLS: boolean): Measurement {
  return measurement(`relay and Kamailio, messages of 100 B with REPORT, ${isTLS ? 'TLS' : 'TCP'}`, (effort) => ({
    call: {
      chunkBytes: 100,
      totalBytes: 100 * (effort.isOnce ? 500 : 40_000),
      eachItsMessage: true,
      window: { chunks: unanswered, until: 'report' },
    },
    isTLS,
    goal: isTLS ? {} : { reach: 3, cpuReach: 0.33 },
  }));
}

export const kamailioMeasurements: readonly Measurement[] = [
  chunks(false),
  messages(false),
  chunks(true),
  messages(true),
];
