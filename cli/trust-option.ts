// --fingerprint and --ca: whom a command that connects believes to be there.

import { X509Certificate } from 'node:crypto';
import type { ClientTLS } from '../index.ts';
import { cannotRead, contentOf } from './input.ts';

export interface TrustOptions {
  fingerprint?: string;
  ca?: string;
}

/** Throws a {@link CommandFailure} for a file that cannot be read, or has no certificate in it. */
export async function trustIn({ fingerprint, ca }: TrustOptions): Promise<ClientTLS> {
  return {
    ...(fingerprint !== undefined && { fingerprints: [fingerprint] }),
    ...(ca !== undefined && { ca: await authoritiesIn(ca) }),
  };
}

/** Node passes over what is no certificate, and then trusts nobody. */
async function authoritiesIn(file: string): Promise<Buffer> {
  const content = await contentOf(file);
  try {
    void new X509Certificate(content);
  } catch {
    throw cannotRead(file, 'there is no certificate in it');
  }
  return content;
}
