// The whole package: codec, net and session.

export * from './codec/index.ts';
export * from './net/index.ts';
export * from './session/index.ts';
