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
  code:
    | 'invalid'
    | 'denied'
    | 'not_found'
    | 'quota_exceeded'
    | 'rate_limited'
    | 'unavailable'
    // Of requests: who was asked left, did not answer in time, or declined.
    | 'gone'
    | 'timed_out'
    | 'declined';
  message: string;
  path?: string;
}

export interface OpResult {
  t: 'op_result';
  id: number;
  ok: boolean;
  /** The tick that did it, or did not; absent where none was asked. */
  tick?: number;
  entity?: number;
  /** What the one who was asked answered. */
  data?: unknown;
  error?: OpError;
}

export interface Chat {
  t: 'chat';
  tick: number;
  player: number;
  name: string;
  text: string;
}

/** Something said under a topic, by another participant's program or, where `from` is 0, by the server. */
export interface Message {
  t: 'message';
  tick: number;
  from: number;
  topic: string;
  data: unknown;
}

/** Another participant's program asks; answer by the operation `answer` until the tick `until`. */
export interface Request {
  t: 'request';
  tick: number;
  id: number;
  from: number;
  topic: string;
  data: unknown;
  until: number;
}

/** Who hears a message. */
export type To =
  | 'everyone'
  | 'moderators'
  | { player: number }
  | { near: { radius: number } & ({ entity: number } | { position: [number, number, number] }) };

export type CoreEvent =
  | Welcome
  | OpResult
  | Chat
  | Message
  | Request
  | ({ t: 'joined'; tick: number } & Participant)
  | { t: 'left'; tick: number; player: number }
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
  | { op: 'view'; position: [number, number, number]; rotation: [number, number, number, number] }
  | { op: 'send'; topic: string; to?: To; data?: unknown }
  | { op: 'ask'; to: number; topic: string; data?: unknown; timeout_ticks?: number }
  | { op: 'answer'; request: number; data?: unknown; error?: string }
  | { op: 'pick'; origin: [number, number, number]; direction: [number, number, number]; tick: number };
