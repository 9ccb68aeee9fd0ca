// What the client core reports: the server's messages as JSON (see net/PROTOCOL.md), and its own few.

import type { Role } from '../api/types';

export interface Participant {
  player: number;
  name: string;
  role: Role;
  client: string;
}

export interface Welcome {
  t: 'welcome';
  session: string;
  participant: string;
  player: number;
  role: Role;
  tick: number;
  tick_rate: number;
  resume_token: string;
  resume_grace_s: number;
  participants: Participant[];
  /** Where a viewer looks from until it says otherwise, in metres; absent for who has an avatar. */
  camera?: [number, number, number];
}

export interface OpError {
  code: 'invalid' | 'denied' | 'not_found' | 'quota_exceeded' | 'rate_limited' | 'unavailable';
  message: string;
  path?: string;
}

export interface OpResult {
  t: 'op_result';
  id: number;
  ok: boolean;
  entity?: number;
  error?: OpError;
}

export interface Chat {
  t: 'chat';
  tick: number;
  player: number;
  name: string;
  text: string;
}

export type CoreEvent =
  | Welcome
  | OpResult
  | Chat
  | ({ t: 'joined' } & Participant)
  | { t: 'left'; player: number }
  | { t: 'close'; code: number; reason: string; may_retry: boolean }
  /** The join snapshot is whole: the world can be drawn. */
  | { t: 'ready' };

export type Components = Record<string, Record<string, unknown> | null>;

export type Operation =
  | { op: 'spawn'; components: Components }
  | { op: 'update'; entity: number; components: Components }
  | { op: 'despawn'; entity: number }
  | { op: 'chat'; text: string }
  | { op: 'view'; position: [number, number, number]; rotation: [number, number, number, number] }
  | { op: 'pick'; origin: [number, number, number]; direction: [number, number, number]; tick: number };
