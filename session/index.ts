// Sessions: messages, transactions and reports on a transport.

export * from './errors.ts';
export {
  dispositionOf,
  fileNameIn,
  type HashAlgorithm,
  type OutgoingFile,
  receiveFile,
  type ReceivedFile,
  type ReceiveFileOptions,
  safeFileName,
  type SendFileOptions,
} from './files/index.ts';
export { IncomingMessage } from './incoming-message.ts';
export { MSRPSession, type TransactionError } from './msrp-session.ts';
export { OutgoingMessage, type SendOptions } from './outgoing-message.ts';
export * from './sdp/index.ts';
export type { SessionOptions } from './session-options.ts';
export type { Body, SeekableBody } from './source.ts';
export * from './payload/index.ts';
