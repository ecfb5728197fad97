// The relay server of RFC 4976.

export { MSRPRelay, type RelayStats } from './msrp-relay.ts';
export { latencyBounds, type RelayAnswers, type RelayNumbers } from './relay-counters.ts';
export {
  defaultRelayLimits,
  type RelayCredential,
  type RelayExpires,
  type RelayLimits,
  type RelayOptions,
} from './relay-options.ts';
