// `window.__hd1`: what a test or a curious person may read of the page. It changes nothing.

import type { EntityView } from './core/table';
import type { Visit } from './state/visit.svelte';

let visit: Visit | null = null;

/** Whose figures are shown. */
export function watch(now: Visit | null): void {
  visit = now;
}

const view = {
  /** The newest whole tick; 0 outside of a session. */
  get tick(): number {
    return visit?.core?.tick ?? 0;
  },
  /** Entities in the mirror. */
  get entities(): number {
    return visit?.core?.stats().entities ?? 0;
  },
  /** Milliseconds of the last round trip. */
  get rtt(): number | null {
    return visit?.core?.stats().rtt_ms ?? null;
  },
  get transport(): string | null {
    return visit?.transport ?? null;
  },
  get lastError(): string | null {
    return visit?.lastError ?? null;
  },
  get status(): string {
    return visit?.status ?? 'lobby';
  },
  get session(): string | null {
    return visit?.welcome?.session ?? null;
  },
  get player(): number | null {
    return visit?.welcome?.player ?? null;
  },
  get selected(): number | null {
    return visit?.selected?.id ?? null;
  },
  /** The entity that would be taken hold of now. */
  get aimed(): number | null {
    return visit?.hands.aimed ?? null;
  },
  /** The entity in hand. */
  get carried(): number | null {
    return visit?.hands.carried ?? null;
  },
  /** One entity's components as the mirror has them. */
  entity(id: number): EntityView | null {
    return visit?.core?.entity(id) ?? null;
  },
  /** The players with an avatar, and its entity. */
  get avatars(): { id: number; player: number }[] {
    return visit?.core?.table()?.avatars.map(({ id, player }) => ({ id, player })) ?? [];
  },
};

export type Hd1View = typeof view;

Object.defineProperty(window, '__hd1', { value: Object.freeze(view), writable: false, configurable: false });
