// Why an offer or an answer of the peer leads to no session.

import { MSRPError } from '../../codec/index.ts';

/**
 * What is wrong, and with it what to do:
 *
 * - `syntax`: it is no session description
 * - `no-media`: no m-line of it is for MSRP
 * - `rejected`: its m-line has the port 0: the peer does not want it, or it has ended
 * - `unusable`: the m-line breaks a rule: refuse it, see `refuseOffer`, or the whole offer (SIP 488)
 * - `no-common-type`: neither side takes a media type of the other: likewise
 * - `offer-without-cema`: a middlebox does not know CEMA: make a new offer with `cema: false` (RFC 6714 section 4.2)
 */
export type SDPFault = 'syntax' | 'no-media' | 'rejected' | 'unusable' | 'no-common-type' | 'offer-without-cema';

/** `MSRP_ERR_SDP`: the session description of the peer cannot be used. */
export class SDPError extends MSRPError {
  readonly reason: SDPFault;

  constructor(reason: SDPFault, message: string) {
    super('MSRP_ERR_SDP', message, { scope: 'session' });
    this.reason = reason;
  }
}
