// What a reload of the page needs to come back as the same participant; dies with the tab.

import type { Where } from './connect';

export interface Membership {
  where: Where;
  participantToken: string | null;
  resume: string | null;
}

const key = (session: string): string => `hd1.membership.${session}`;

export function recall(session: string): Membership | null {
  try {
    return JSON.parse(sessionStorage.getItem(key(session)) ?? 'null') as Membership | null;
  } catch {
    return null;
  }
}

export function remember(session: string, membership: Membership | null): void {
  try {
    if (membership) sessionStorage.setItem(key(session), JSON.stringify(membership));
    else sessionStorage.removeItem(key(session));
  } catch {
    // Storage may be forbidden; then a reload simply joins anew.
  }
}
