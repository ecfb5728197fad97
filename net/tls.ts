// The rules of TLS (RFC 4975 sections 5.4 and 14, RFC 8122), and their failures in plain words.
//
//   client          the peer's certificate has an expected fingerprint, if any is given, whatever else is wrong with it;
//                   else it comes from a trusted CA, is in date, and its subjectAltName has the host of the URI (D-TLS-3)
//   server          asks for a certificate on request, and then judges it the same way, but for the name, which no listener knows
//   both            TLS 1.2 at least (D-TLS-1); SNI when the host is a name (D-TLS-4)
//
// There is no way to ask for no verification.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContext, TLSSocket, TlsOptions } from 'node:tls';
import { MSRPError } from '../codec/index.ts';
import { fingerprintOf, formatFingerprint, matchesFingerprint, preferredFingerprints } from './fingerprint.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { ClientTLS, ConnectTarget, PEM, ServerTLS, TLSCredentials, TLSFacts } from './socket.ts';

const minVersion = 'TLSv1.2';

/** What a server waits for a handshake by default. */
const defaultHandshakeMs = 30_000;
/** Node throws for `Infinity`, when a client connects. */
const maxTimerMs = 2 ** 31 - 1;

/** The fingerprints that decide, or `undefined` when the CA does. */
export function pinsOf(tls: TLSCredentials): readonly Fingerprint[] | undefined {
  return tls.fingerprints?.length ? preferredFingerprints(tls.fingerprints) : undefined;
}

/** The name that the peer's certificate must have: a host name without its final dot, or an IP address. */
export function expectedName(target: ConnectTarget & { tls: ClientTLS }): string {
  return (target.tls.servername ?? target.name ?? target.host).replace(/\.$/, '');
}

/** What `tls.connect` needs. With pins, `peerFacts` must be asked before the connection is used. */
export function clientOptions(tls: ClientTLS, name: string, pinned: boolean): ConnectionOptions {
  return {
    secureContext: secureContextOf(tls),
    minVersion,
    rejectUnauthorized: !pinned,
    checkServerIdentity: (_host, certificate) => nameFault(name, certificate.raw),
    // An IP address is not allowed in SNI (RFC 6066 section 3).
    ...(isIP(name) === 0 && { servername: name }),
  };
}

/** What `tls.createServer` needs. With pins, `peerFacts` must be asked before a connection is used. */
export function serverOptions(tls: ServerTLS, pinned: boolean): TlsOptions {
  return {
    ...contextOptions(tls),
    requestCert: pinned || Boolean(tls.requestClientCertificate),
    rejectUnauthorized: !pinned && tls.requestClientCertificate !== 'unchecked',
    handshakeTimeout: Math.min(tls.handshakeTimeout ?? defaultHandshakeMs, maxTimerMs),
  };
}

/** The facts of a finished handshake; throws a plain `Error` that says why when the peer has none of `pins`. */
export function peerFacts(raw: TLSSocket, pins: readonly Fingerprint[] | undefined): TLSFacts {
  const certificate = raw.getPeerX509Certificate()?.raw;
  if (pins !== undefined) checkPins(certificate, pins);
  // `servername` is false on a server whose client named none.
  const { servername } = raw as { servername?: string | false | null };
  return {
    protocol: raw.getProtocol() ?? '',
    cipher: raw.getCipher().name,
    authorized: pins !== undefined || raw.authorized,
    ...(servername && { serverName: servername }),
    ...(certificate && {
      peerCertificate: certificate,
      peerFingerprint: formatFingerprint(fingerprintOf(certificate)),
    }),
  };
}

function checkPins(certificate: Buffer | undefined, pins: readonly Fingerprint[]): void {
  if (certificate === undefined) throw new Error('it shows no certificate');
  if (matchesFingerprint(certificate, pins)) return;
  const actual = formatFingerprint(fingerprintOf(certificate, pins[0]!.hash));
  throw new Error(
    `its certificate has the fingerprint ${actual}, expected ${pins.map(formatFingerprint).join(' or ')}`,
  );
}

/** Only the subjectAltName counts (RFC 4975 section 5.4): never the common name, and no wildcard within a label. */
function nameFault(name: string, certificate: Buffer): Error | undefined {
  const x509 = new X509Certificate(certificate);
  const named =
    isIP(name) === 0 ? x509.checkHost(name, { subject: 'never', partialWildcards: false }) : x509.checkIP(name);
  if (named !== undefined) return undefined;
  return new Error(`its certificate for ${x509.subjectAltName ?? 'no name at all'} does not name ${name}`);
}

function contextOptions(tls: TLSCredentials): TlsOptions {
  return {
    minVersion,
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    ...(tls.ca !== undefined && { ca: tls.ca as PEM | PEM[] }),
  };
}

interface CachedContext {
  readonly tls: TLSCredentials;
  readonly context: SecureContext;
}

/** As many as a process may reasonably have sets of credentials in turn. */
const maxContexts = 16;
const contexts: CachedContext[] = [];

/** A context holds parsed certificates, far more than a connection does: connections with the same credentials share one. */
function secureContextOf(tls: TLSCredentials): SecureContext {
  const known = contexts.find((one) => one.tls.cert === tls.cert && one.tls.key === tls.key && one.tls.ca === tls.ca);
  if (known !== undefined) return known.context;
  const context = createSecureContext(contextOptions(tls));
  if (contexts.length === maxContexts) contexts.shift();
  contexts.push({ tls: { cert: tls.cert, key: tls.key, ca: tls.ca }, context });
  return context;
}

/** Whether `error` is about TLS and not about the connection beneath. */
export function isTLSError(error: Error): boolean {
  return /^(ERR_SSL|ERR_TLS|EPROTO)/.test(codeOf(error));
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, 'its certificate is self-signed and not among the trusted ones'],
  [/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/, 'its certificate is from an authority that is not trusted'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, 'it does not speak TLS'],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/, 'it has no TLS version in common with us (1.2 at least)'],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'it shows no certificate'],
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
    'it refuses the handshake, maybe for want of a certificate of ours',
  ],
  [/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_)/, 'it refuses our certificate'],
  [/^ERR_TLS_HANDSHAKE_TIMEOUT$/, 'it did not finish the handshake in time'],
  [/^ECONNRESET$/, 'it closed the connection during the handshake'],
];

/** Why TLS failed, in plain words, to follow "TLS with host:port failed: ". `code` where it says more than `error`. */
export function tlsReason(error: Error, code: string = codeOf(error)): string {
  const known = reasons.find(([pattern]) => pattern.test(code));
  return known === undefined ? error.message : known[1];
}

/** Throws `MSRP_ERR_TLS` when no server could use it, `MSRP_ERR_ARGUMENT` for bad fingerprints. */
export function checkCredentials(tls: ServerTLS): void {
  pinsOf(tls);
  try {
    createSecureContext(contextOptions(tls));
  } catch (error) {
    throw credentialsError(error as Error);
  }
}

/** Unusable certificates and keys of our own. */
export function credentialsError(cause: Error): MSRPError {
  return new MSRPError('MSRP_ERR_TLS', `the certificate, key or CA cannot be used: ${cause.message}`, { cause });
}

/** Host and port for messages. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
