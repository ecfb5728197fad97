// Who connects (RFC 4145 section 4.1, RFC 6135): the table of what each side says.
//
//   offer \ answer   active            passive    none or holdconn   actpass (forbidden)
//   actpass          offerer listens   connects   connects           both, whichever binds first
//   active           connects too      connects   connects           connects
//
// Both active is no mistake that we can mend: only a middlebox that joins two connections makes a session of it.

/** The values of `a=setup` that mean something; holdconn is as good as none (R6135-4.2.1-2). */
export type Setup = 'active' | 'passive' | 'actpass';

/** What one side does to get the connection. */
export type Role = 'active' | 'passive' | 'both';

/** In the path and the m-line of an end that does not listen (R6135-4.2.2-2): nobody connects to it. */
export const discardPort = 9;

const roles: Record<'active' | 'actpass', Record<Setup | 'none', Role>> = {
  actpass: { active: 'passive', passive: 'active', none: 'active', actpass: 'both' },
  active: { active: 'active', passive: 'active', none: 'active', actpass: 'active' },
};

/** What the offerer does. */
export function roleOfOfferer(offered: 'active' | 'actpass', answered: Setup | undefined): Role {
  return roles[offered][answered ?? 'none'];
}

/** What an answer may say, the preferred value first; without `a=setup` the offerer connects (RFC 4975 section 8.5). */
export function allowedAnswers(offered: Setup | undefined): readonly ('active' | 'passive')[] {
  if (offered === 'actpass') return ['passive', 'active'];
  return offered === 'passive' ? ['active'] : ['passive'];
}
