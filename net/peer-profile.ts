// What is known of the peers and relays that are out there, where it changes what we send to them. One row for each; what they send to us
// is a matter of `tolerant`.

import { MSRPError } from '../codec/index.ts';

export interface PeerProfile {
  /** Octets of body in the chunks we send, unless the session says otherwise. */
  readonly chunkSize: number;
  /**
   * Byte-Range names the last octet of every chunk, where we would write `*` (R4975-7.1.1-14), for a peer that believes it more than the
   * end-line. Such a chunk cannot be cut short, so it has at most 16 KiB.
   */
  readonly exactRanges: boolean;
  /** AUTH has the digest parameter `uri` (D-AUTH-2). */
  readonly sendsDigestUri: boolean;
}

export type PeerName = 'boghe' | 'freeswitch' | 'kamailio' | 'msrplib' | 'msrprelay' | 'opensips' | 'rcsjta';

/** Every peer takes 8 KiB. */
export const defaultProfile: PeerProfile = { chunkSize: 8192, exactRanges: false, sendsDigestUri: true };

const profiles: Readonly<Record<PeerName, PeerProfile>> = {
  // tinyMSRP, also in IMSDroid: its own chunks have as much, and its buffers drop what is too long.
  boghe: { ...defaultProfile, chunkSize: 2048 },
  // A frame has to fit into its buffer of 16,352 octets, and ends for it where the range does.
  freeswitch: { ...defaultProfile, exactRanges: true },
  // Bodies of up to 10,240 octets; it answers AUTH without `uri` with 401 for ever.
  kamailio: defaultProfile,
  // Chunks of up to 4 MiB.
  msrplib: { ...defaultProfile, chunkSize: 65_536 },
  // It passes bodies on as they come, but does not answer AUTH that has `uri`.
  msrprelay: { ...defaultProfile, sendsDigestUri: false },
  // Closes the connection when a frame takes more than four reads.
  opensips: { ...defaultProfile, chunkSize: 2048 },
  // Its own chunks have 10 KiB.
  rcsjta: defaultProfile,
};

/** The row of `name`. Throws `MSRP_ERR_ARGUMENT` for a peer that nothing is known of. */
export function profileOf(name: PeerName | undefined): PeerProfile {
  if (name === undefined) return defaultProfile;
  if (!Object.hasOwn(profiles, name)) throw new MSRPError('MSRP_ERR_ARGUMENT', `no peer profile is named ${name}`);
  return profiles[name];
}
