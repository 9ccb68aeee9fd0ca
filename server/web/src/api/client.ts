// Requests to the HTTP API: one function each, problems as one error type.

import type { JoinRequest, JoinResponse, Problem, Session, SessionList } from './types';

/** A request that takes longer than this has failed. */
const TIMEOUT_MS = 8000;

export class ApiError extends Error {
  constructor(
    /** 0 where no answer came. */
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export function listSessions(token: string | null): Promise<SessionList> {
  return request('GET', '/api/sessions?limit=100', token);
}

export function readSession(id: string, token: string | null): Promise<Session> {
  return request('GET', `/api/sessions/${encodeURIComponent(id)}`, token);
}

export function joinSession(id: string, body: JoinRequest, token: string | null): Promise<JoinResponse> {
  return request('POST', `/api/sessions/${encodeURIComponent(id)}/join`, token, body);
}

async function request<T>(method: string, path: string, token: string | null, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: 'no-store',
    });
    text = await response.text();
  } catch {
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.');
  }
  if (!response.ok) throw problem(response.status, text);
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(response.status, 'bad_answer', `The server's answer to ${path} is not JSON.`);
  }
}

function problem(status: number, text: string): ApiError {
  try {
    const said = JSON.parse(text) as Problem;
    const fields = said.errors?.map((e) => `${e.path}: ${e.message}`).join('; ');
    return new ApiError(status, said.code, sentence(fields || said.detail || said.title));
  } catch {
    return new ApiError(status, 'unknown', `The server answered ${status}.`);
  }
}

/** Messages of the server begin in lower case and have no full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return trimmed;
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? '' : '.');
}
