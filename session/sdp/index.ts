// MSRP in SDP: what a media section says, and offers and answers that lead to a session.

export { createAnswer, MSRPAnswer, refuseOffer } from './answer.ts';
export type { NameLookup } from './cema.ts';
export { type MSRPDataChannel, parseDataChannels } from './data-channel.ts';
export * from './errors.ts';
export {
  type FileAttributes,
  type FileDates,
  type FileSelector,
  formatFileSelector,
  parseFileSelector,
} from './file-attributes.ts';
export { commonTypes, type MediaRules, refusalOf, type Renewal, renewalOf } from './media-rules.ts';
export { type MediaDirection, MSRPMedia, type MSRPMediaInit } from './msrp-media.ts';
export type { AnswerOptions, NegotiationOptions, OfferOptions } from './negotiation-options.ts';
export { createOffer, MSRPOffer } from './offer.ts';
export { SessionDescription } from './session-description.ts';
export type { Setup } from './setup.ts';
