// Files as messages (RFC 5547): from disk to disk, resumed, hashed.

export type { HashAlgorithm } from './file-hash.ts';
export { dispositionOf, fileNameIn, safeFileName } from './file-name.ts';
export { receiveFile, type ReceivedFile, type ReceiveFileOptions } from './receive-file.ts';
export { OutgoingFile, sendFile, type FileSender, type SendFileOptions } from './send-file.ts';
