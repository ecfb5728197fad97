// The relay server of RFC 4976.

export { MSRPRelay, type RelayStats } from './msrp-relay.ts';
export type { RelayCounters } from './relay-context.ts';
export {
  defaultRelayLimits,
  type RelayCredential,
  type RelayExpires,
  type RelayLimits,
  type RelayOptions,
} from './relay-options.ts';
