// What all parts of a relay share.

import type { URI } from '../../codec/index.ts';
import type { Connection } from '../connection.ts';
import type { Settings } from '../options.ts';
import type { RelayCounters } from './relay-counters.ts';
import type { RelayRules } from './relay-options.ts';

export interface RelayContext {
  readonly settings: Settings;
  /** They can change while the relay runs. */
  readonly limits: RelayRules['limits'];
  readonly counters: RelayCounters;
  /** The connection to a next hop. */
  readonly connect: (uri: URI) => Promise<Connection>;
}
