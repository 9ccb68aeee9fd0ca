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
  /** This page drives the entity no more, though it did not let go. */
  | { t: 'taken_back'; entity: number }
  /** The join snapshot is whole: the world can be drawn. */
  | { t: 'ready' };

export type Components = Record<string, Record<string, unknown> | null>;

export type Operation =
  | { op: 'spawn'; components: Components }
  | { op: 'update'; entity: number; components: Components }
  | { op: 'despawn'; entity: number }
  | { op: 'take'; entity: number }
  | { op: 'release'; entity: number }
  | { op: 'chat'; text: string }
  | { op: 'pick'; origin: [number, number, number]; direction: [number, number, number]; tick: number };
