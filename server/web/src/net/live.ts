// A session as this page lives in it: join, connect, and come back until the person leaves or the server says no.

import { ApiError, joinSession } from '../api/client';
import { ClientCore, loadCore, type Input, type Pose } from '../core/core';
import { CloseCode, finalReason } from './codes';
import { Connection, type End } from './connection';
import type { TransportName } from './link';
import { recall, remember, type Membership } from './memory';
import type { CoreEvent, Operation, OpResult } from './messages';

export type Status = 'joining' | 'connecting' | 'connected' | 'reconnecting' | 'ended';

export interface LiveHandler {
  status(status: Status, detail: string): void;
  event(event: CoreEvent): void;
  /** This core holds the world now; the one before it is freed after this call. */
  core(core: ClientCore, transport: TransportName): void;
  tick(tick: number): void;
}

export interface LiveOptions {
  session: string;
  name: string | null;
  token: string | null;
  client: 'web' | 'mobile';
  transport: TransportName | null;
}

const BACKOFF_MS_MAX = 10_000;
/** Every so many failures in a row a new ticket is asked for, with today's endpoints and certificate. */
const REJOIN_EVERY = 2;

export class Live {
  private membership: Membership | null;
  private ticket: string | null = null;
  private connection: Connection | null = null;
  /** What is drawn: kept while reconnecting, so that the world stands still and does not vanish. */
  private shown: ClientCore | null = null;
  private left = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly options: LiveOptions,
    private readonly handler: LiveHandler,
  ) {
    this.membership = recall(options.session);
    void this.run();
  }

  /** Asks for a change; resolves with the server's answer. */
  op(operation: Operation): Promise<OpResult> {
    if (this.connection) return this.connection.op(operation);
    return Promise.resolve({ t: 'op_result', id: 0, ok: false, error: { code: 'unavailable', message: 'not connected' } });
  }

  setInput(input: Input): void {
    this.connection?.steer(input);
  }

  drive(entity: number, pose: Pose): void {
    this.connection?.drive(entity, pose);
  }

  /** Says goodbye: the avatar goes at once. */
  leave(): void {
    this.left = true;
    remember(this.options.session, null);
    this.connection?.leave();
    this.wake();
  }

  /** Cuts the pause before the next attempt short. */
  retryNow(): void {
    this.wake();
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.left) {
      try {
        const proof = this.ticket ?? this.membership?.resume;
        if (!proof || (failures > 0 && failures % REJOIN_EVERY === 0)) await this.join(failures);
        if (failures === 0) this.handler.status('connecting', '');
        const end = await this.attend();
        if (this.left) break;
        const final = finalReason(end.code);
        if (final) return this.end(end.reason ? `${final} (${end.reason})` : final);
        const { membership } = this;
        const refused = end.code === CloseCode.BadTicket || end.code === CloseCode.BadResume;
        if (membership && refused) membership.resume = null;
        failures = end.wasReady ? 1 : failures + 1;
        this.handler.status('reconnecting', end.reason);
      } catch (error) {
        if (error instanceof ApiError && isFinal(error)) return this.end(error.message);
        failures += 1;
        this.handler.status('reconnecting', error instanceof Error ? error.message : String(error));
      }
      if (!this.left) await this.pause(backoff(failures));
    }
    this.forget();
  }

  /** Asks for a ticket, as the same participant where this page was one already. */
  private async join(failures: number): Promise<void> {
    if (failures === 0) this.handler.status('joining', '');
    const { session, name, client, token } = this.options;
    const body = { client_type: client, ...(name ? { name } : {}) };
    const mine = this.membership?.participantToken ?? null;
    try {
      const { ticket, endpoints, certificate_sha256, participant_token } = await joinSession(session, body, mine ?? token);
      const where = certificate_sha256 ? { endpoints, certificate_sha256 } : { endpoints };
      this.membership = { where, participantToken: participant_token ?? mine, resume: null };
      this.ticket = ticket;
    } catch (error) {
      // The membership may be over (left, kicked, another server): the next attempt is a newcomer's.
      if (mine && error instanceof ApiError && isFinal(error)) {
        this.membership = null;
        throw new Error(error.message);
      }
      throw error;
    }
  }

  /** One connection, from opening to its end. */
  private async attend(): Promise<End> {
    const { client, transport } = this.options;
    const { membership, ticket } = this;
    this.ticket = null;
    const proof = ticket ? { ticket } : membership?.resume ? { resume: membership.resume } : null;
    if (!membership || !proof) return { code: null, reason: '', wasReady: false };
    const core = new ClientCore(await loadCore(), { client, ...proof });
    const connection = new Connection(core, {
      event: (event) => this.event(connection, event),
      tick: (tick) => this.handler.tick(tick),
    });
    this.connection = connection;
    void connection.open(membership.where, transport);
    const end = await connection.ended;
    this.connection = null;
    if (this.shown !== core) core.drop();
    return end;
  }

  private event(connection: Connection, event: CoreEvent): void {
    if (event.t === 'welcome' && this.membership) {
      this.membership.resume = event.resume_token;
      remember(this.options.session, this.membership);
    }
    this.handler.event(event);
    if (event.t !== 'ready') return;
    const before = this.shown;
    this.shown = connection.core;
    this.handler.core(connection.core, connection.transport ?? 'websocket');
    this.handler.status('connected', '');
    if (before !== this.shown) before?.drop();
  }

  private end(detail: string): void {
    remember(this.options.session, null);
    this.handler.status('ended', detail);
    this.forget();
  }

  private forget(): void {
    this.shown?.drop();
    this.shown = null;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        removeEventListener('online', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      addEventListener('online', done);
      this.wake = done;
    });
  }
}

/** The first retry is at once, then 0.5, 1, 2, 4 … s, each ± a quarter so that a crowd does not return as one. */
function backoff(failures: number): number {
  if (failures === 1) return 50;
  return Math.min(BACKOFF_MS_MAX, 250 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}

/** Would asking again give the same answer? */
function isFinal(error: ApiError): boolean {
  return error.status >= 400 && error.status < 500 && error.status !== 429 && error.code !== 'session_not_running';
}
