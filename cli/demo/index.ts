// The parts of npm start.

export { Children } from './children.ts';
export { hashOf, makeFile, sizeOf } from './file.ts';
export { direct, makeCertificate, overSocket, throughRelay, type Transfer } from './transfers.ts';
