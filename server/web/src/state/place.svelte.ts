// What the address says: which session, and how to reach it.

import type { TransportName } from '../net/link';
import type { Quality } from '../scene/stage';

const query = (): URLSearchParams => new URLSearchParams(location.search);

class Place {
  /** The session to be in; none is the list. */
  session = $state(query().get('session'));

  constructor() {
    addEventListener('popstate', () => (this.session = query().get('session')));
  }

  /** `?transport=` allows only that one. */
  get transport(): TransportName | null {
    const asked = query().get('transport');
    return asked === 'webtransport' || asked === 'websocket' ? asked : null;
  }

  /** `?quality=` overrules the guess. */
  get quality(): Quality | null {
    const asked = query().get('quality');
    return asked === 'high' || asked === 'low' ? asked : null;
  }

  enter(session: string, replace = false): void {
    this.go(session, replace);
  }

  leave(): void {
    this.go(null, false);
  }

  private go(session: string | null, replace: boolean): void {
    const url = new URL(location.href);
    if (session) url.searchParams.set('session', session);
    else url.searchParams.delete('session');
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.session = session;
  }
}

export const place = new Place();
