// What the HTTP API says, as far as this page reads it. The whole of it is in /openapi.json.

export type Role = 'viewer' | 'participant' | 'moderator' | 'owner';
export type SessionStatus = 'created' | 'running' | 'paused' | 'hibernated' | 'stopped' | 'crashed' | 'crash_loop';
export type Visibility = 'private' | 'unlisted' | 'public';

export interface Session {
  id: string;
  name: string;
  description: string;
  status: SessionStatus;
  status_reason?: string;
  visibility: Visibility;
  max_participants: number;
  participant_count: number;
  tick_rate: number;
  scene?: string;
  settings: { guests: boolean; guest_role: Role };
}

/** Can it be joined? A hibernated one wakes for it. */
export function isOpen(session: Session): boolean {
  return ['running', 'paused', 'hibernated'].includes(session.status);
}

export function takesGuests(session: Session): boolean {
  return isOpen(session) && session.settings.guests;
}

export interface Pagination {
  total: number;
  limit: number;
  offset: number;
  has_more: boolean;
}

export interface SessionList {
  sessions: Session[];
  pagination: Pagination;
}

export interface JoinRequest {
  name?: string;
  role?: Role;
  client_type?: 'web' | 'mobile';
}

export interface Endpoints {
  /** `https://host:port/path` */
  webtransport: string;
  /** `ws://host:port/realtime` */
  websocket: string;
}

export interface JoinResponse {
  /** Presented once, in the first frame. */
  ticket: string;
  participant_id: string;
  /** A bearer token for this membership alone. */
  participant_token?: string;
  endpoints: Endpoints;
  /** Hex, for `serverCertificateHashes`; absent where a certificate authority vouches. */
  certificate_sha256?: string;
  expires_in_s: number;
}

/** RFC 9457. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail?: string;
  errors?: { path: string; message: string }[];
  request_id?: string;
}
