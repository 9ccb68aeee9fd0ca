// One session as this page is in it: the connection's news as state for the interface.

import type { ClientCore } from '../core/core';
import type { EntityView } from '../core/table';
import type { TransportName } from '../net/link';
import { Live, type LiveOptions, type Status } from '../net/live';
import type { Chat, CoreEvent, Participant, Welcome } from '../net/messages';
import { Edits } from './edits';
import { Hands } from './hands.svelte';
import { Meter } from './meter.svelte';
import { toasts } from './toasts.svelte';

const CHAT_LINES_MAX = 200;
const NOTICE_CHARS_MAX = 300;

export class Visit {
  status = $state<Status>('joining');
  detail = $state('');
  transport = $state<TransportName | null>(null);
  welcome = $state.raw<Welcome | null>(null);
  people = $state<Participant[]>([]);
  chat = $state<(Chat & { key: number })[]>([]);
  unread = $state(0);
  selected = $state.raw<EntityView | null>(null);
  core = $state.raw<ClientCore | null>(null);
  lastError = $state<string | null>(null);
  /** Where a viewer looked from when it came. */
  firstCamera = $state.raw<[number, number, number] | null>(null);
  readonly edits = new Edits((operation) => this.live.op(operation));
  readonly hands = new Hands(this.edits);
  readonly meter = new Meter(() => (this.core ? this.core.stats() : null));
  readonly live: Live;
  private chatKey = 0;

  constructor(options: LiveOptions) {
    this.live = new Live(options, {
      status: (status, detail) => this.turn(status, detail),
      event: (event) => this.hear(event),
      core: (core, transport) => {
        this.core = core;
        this.transport = transport;
        this.selected = null;
        this.hands.empty();
      },
      tick: () => this.meter.tick(),
    });
  }

  /** May this participant change the entity? The server decides; this only decides what is offered. */
  mayEdit(entity: EntityView): boolean {
    const { welcome } = this;
    if (!welcome || welcome.role === 'viewer' || entity.components['Avatar']) return false;
    return welcome.role !== 'participant' || entity.components['Owner']?.['player'] === welcome.player;
  }

  /** Says where a viewer's camera is: what is near it is shown. Who has an avatar is shown what is near that. */
  look(position: [number, number, number], rotation: [number, number, number, number]): void {
    if (this.welcome?.role === 'viewer') void this.live.op({ op: 'view', position, rotation });
  }

  select(id: number | null): void {
    this.selected = id === null ? null : (this.core?.entity(id) ?? null);
  }

  /** Reads the selected entity again: it moves. */
  refreshSelected(): void {
    if (this.selected) this.select(this.selected.id);
  }

  leave(): void {
    this.live.leave();
    this.close();
  }

  private turn(status: Status, detail: string): void {
    this.status = status;
    this.detail = detail;
    if (detail) this.lastError = detail;
    if (status === 'ended') this.close();
  }

  private close(): void {
    this.core = null;
    this.selected = null;
    this.hands.empty();
    this.meter.dispose();
  }

  private hear(event: CoreEvent): void {
    switch (event.t) {
      case 'welcome':
        this.welcome = event;
        this.people = event.participants;
        this.firstCamera ??= event.camera ?? null;
        break;
      case 'joined':
        this.people = [...this.people.filter(({ player }) => player !== event.player), event];
        break;
      case 'left':
        this.people = this.people.filter(({ player }) => player !== event.player);
        break;
      case 'chat':
        this.chat = [...this.chat.slice(1 - CHAT_LINES_MAX), { ...event, key: this.chatKey++ }];
        this.unread += 1;
        break;
      case 'message':
        if (event.from === 0 && event.topic === 'notice') notice(event.data);
        break;
      case 'taken_back':
        this.hands.lost(event.entity);
        break;
      case 'close':
        if (event.reason) toasts.say('info', event.reason);
        break;
    }
  }
}

/** What the server has to say to the person: a text, or an object with one. */
function notice(data: unknown): void {
  const text = typeof data === 'object' && data !== null ? (data as { text?: unknown }).text : data;
  if (typeof text === 'string' && text.trim()) toasts.say('info', text.slice(0, NOTICE_CHARS_MAX));
}
