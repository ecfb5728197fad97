// Which URI a request is for, and which URIs are ours.

import { networkInterfaces } from 'node:os';
import { URI } from '../codec/index.ts';
import type { Settings } from './options.ts';

/** Registered for MSRP (R4975-6.2-5). Never a default of a session's URI, only of our own choice. */
export const defaultPort = 2855;

/** Equal for URIs that name the same session: by RFC 4975 section 6.1, or by the session-id alone (D-PATH-2). */
export function matchKey(uri: URI, match: 'path' | 'session-id'): string {
  return match === 'path' ? uri.key : (uri.sessionId ?? '');
}

/** Whether two paths are the same; with `session-id`, whether they end at the same session. */
export function isSamePath(a: readonly URI[], b: readonly URI[], match: 'path' | 'session-id'): boolean {
  if (match === 'session-id') return a.at(-1)?.sessionId === b.at(-1)?.sessionId;
  return a.length === b.length && a.every((uri, index) => uri.key === b[index]!.key);
}

/** An address of this machine that others may reach it by: not a loopback one if there is another. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = addresses.filter(({ internal }) => !internal);
  return (outward.find(({ family }) => family === 'IPv4') ?? outward[0])?.address ?? '127.0.0.1';
}

/** The URI that is given to the peer: what the caller chose, with a session-id nobody can guess and a port. */
export function completeUri(given: URI | undefined, settings: Settings, port: number, useTLS?: boolean): URI {
  const { options, idents } = settings;
  return new URI({
    host: options.host ?? given?.host ?? ownAddress(),
    useTLS: useTLS ?? given?.useTLS ?? options.tls !== undefined,
    port,
    sessionId: given?.sessionId ?? idents.sessionId(),
    ...(given?.user !== undefined && { user: given.user }),
    ...(given?.parameters !== undefined && { parameters: given.parameters }),
    ...(given?.credentials !== undefined && { credentials: given.credentials }),
  });
}

/** The URI without its secret, for people (R4975-14.1-2). */
export function masked(text: string): string {
  return text.replaceAll(/(\/\/[^\s/;]*\/[^\s;]{0,4})[^\s;]*(?=;)/g, '$1…');
}
