// What messages carry: CPIM, IMDN, isComposing, multipart; and chat rooms, which build on them.

export * from './chat-room.ts';
export {
  type ComposerOptions,
  Composer,
  type ComposingState,
  PeerComposing,
} from './composing.ts';
export type { CPIMAddress } from './cpim-fields.ts';
export { type CPIMHeader, type CPIMName, cpimNamespace, type CPIMSubject } from './cpim-head.ts';
export { type CPIMHeaderInit, type CPIMInit, CPIMMessage, cpimType } from './cpim-message.ts';
export * from './imdn-request.ts';
export {
  formatIMDN,
  type IMDN,
  type IMDNDisposition,
  type IMDNKind,
  type IMDNStatus,
  imdnType,
  parseIMDN,
} from './imdn.ts';
export * from './is-composing.ts';
export type { PayloadOptions } from './mime-head.ts';
export * from './multipart.ts';
export { sendCPIM, tellComposing, type TellOptions } from './send.ts';
