// One connection: a client core on a link, pumped until either ends.

import { ClientCore, type Input, type Pose } from '../core/core';
import { connect, type Where } from './connect';
import type { Link, TransportName } from './link';
import type { CoreEvent, Operation, OpResult } from './messages';

/** How a connection ended. */
export interface End {
  code: number | null;
  reason: string;
  /** Did it ever show a world? */
  wasReady: boolean;
}

export interface ConnectionHandler {
  /** Everything but the results of operations, which answer [`Connection.op`]. */
  event(event: CoreEvent): void;
  /** The mirror moved on to this tick. */
  tick(tick: number): void;
}

/** The core's clock is advanced this often: pings, repeated input, acknowledgements. */
const ADVANCE_MS = 1000 / 30;

export class Connection {
  readonly ended: Promise<End>;
  private resolve!: (end: End) => void;
  private over = false;
  private wasReady = false;
  private link: Link | null = null;
  private timer = 0;
  private tick = 0;
  private readonly waiting = new Map<number, (result: OpResult) => void>();

  constructor(
    readonly core: ClientCore,
    private readonly handler: ConnectionHandler,
  ) {
    this.ended = new Promise((resolve) => (this.resolve = resolve));
  }

  get transport(): TransportName | null {
    return this.link?.transport ?? null;
  }

  /** Connects and begins; how it went and ended is told by `ended`. */
  async open(where: Where, forced: TransportName | null): Promise<void> {
    try {
      const link = await connect(where, forced, {
        frame: (bytes) => this.frame(bytes),
        closed: (code, reason) => this.finish(code, reason),
      });
      if (this.over) return link.close();
      this.link = link;
      this.timer = window.setInterval(() => this.guarded(() => this.core.advance()), ADVANCE_MS);
      this.guarded(() => this.core.advance());
    } catch (error) {
      this.finish(null, said(error));
    }
  }

  /** Asks for a change; resolves with the server's answer. */
  op(operation: Operation): Promise<OpResult> {
    if (this.over || !this.link) return Promise.resolve(unavailable('not connected'));
    try {
      const id = this.core.op(operation);
      const answer = new Promise<OpResult>((resolve) => this.waiting.set(id, resolve));
      this.pump();
      return answer;
    } catch (error) {
      return Promise.resolve(unavailable(said(error)));
    }
  }

  /** What the player wants from now on; it leaves at once, not with the next beat. */
  steer(input: Input): void {
    if (this.over || !this.link) return;
    this.guarded(() => {
      this.core.setInput(input);
      this.core.advance();
    });
  }

  /** Where an entity is that this page holds; it does not hold what it cannot place. */
  drive(entity: number, pose: Pose): void {
    if (this.over || !this.link) return;
    this.guarded(() => {
      if (!this.core.drive(entity, pose)) this.handler.event({ t: 'taken_back', entity });
    });
  }

  /** Says goodbye: the avatar goes at once. */
  leave(): void {
    if (!this.over && this.link) {
      this.core.bye();
      this.flush();
    }
    this.finish(null, 'left');
  }

  private frame(bytes: Uint8Array): void {
    this.guarded(() => {
      this.core.receive(bytes);
      const tick = this.core.tick;
      if (tick > this.tick) this.handler.tick((this.tick = tick));
    });
  }

  private guarded(act: () => void): void {
    if (this.over) return;
    try {
      act();
      this.pump();
    } catch (error) {
      this.finish(null, said(error));
    }
  }

  private pump(): void {
    this.flush();
    for (let event = this.core.pollEvent(); event; event = this.core.pollEvent()) {
      if (event.t === 'op_result') {
        this.waiting.get(event.id)?.(event);
        this.waiting.delete(event.id);
        continue;
      }
      if (event.t === 'ready') this.wasReady = true;
      this.handler.event(event);
      if (event.t === 'close') return this.finish(event.code, event.reason);
    }
  }

  private flush(): void {
    if (!this.link) return;
    for (let frame = this.core.pollFrame(); frame; frame = this.core.pollFrame()) this.link.send(frame);
  }

  private finish(code: number | null, reason: string): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.link?.close();
    for (const resolve of this.waiting.values()) resolve(unavailable('the connection was lost'));
    this.waiting.clear();
    this.resolve({ code, reason, wasReady: this.wasReady });
  }
}

const unavailable = (message: string): OpResult => ({ t: 'op_result', id: 0, ok: false, error: { code: 'unavailable', message } });

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
