// Changes that a person makes, as operations; a refusal is shown in the server's words.

import { sentence } from '../api/client';
import type { Components, Operation, OpResult } from '../net/messages';
import { toasts } from './toasts.svelte';

export type ShapeKind = 'box' | 'sphere' | 'cylinder';
export type Vec3 = [number, number, number];

/** While handles are dragged, positions are sent this often; the last one always. */
const DRAG_MS = 80;

export class Edits {
  private dragTimer = 0;
  private dragTo: (() => void) | null = null;

  constructor(private readonly send: (operation: Operation) => Promise<OpResult>) {}

  /** Makes a shape; the new entity's id, or nothing where it was refused. */
  async create(kind: ShapeKind, color: string, position: Vec3): Promise<number | undefined> {
    const result = await this.ask({
      op: 'spawn',
      components: {
        Transform: { position },
        Geometry: kind === 'box' ? { shape: kind } : kind === 'sphere' ? { shape: kind, radius: 0.5 } : { shape: kind, radius: 0.5, height: 1 },
        Material: { kind: 'standard', color, roughness: 0.45 },
      },
    });
    return result.ok ? result.entity : undefined;
  }

  async update(entity: number, components: Components): Promise<boolean> {
    return (await this.ask({ op: 'update', entity, components })).ok;
  }

  async remove(entity: number): Promise<boolean> {
    return (await this.ask({ op: 'despawn', entity })).ok;
  }

  async take(entity: number): Promise<boolean> {
    return (await this.ask({ op: 'take', entity })).ok;
  }

  async release(entity: number): Promise<boolean> {
    return (await this.ask({ op: 'release', entity })).ok;
  }

  async say(text: string): Promise<boolean> {
    return (await this.ask({ op: 'chat', text })).ok;
  }

  /** A step of a drag: sent at a bounded rate, the last one at once. */
  drag(entity: number, position: Vec3, done: boolean): void {
    this.dragTo = () => void this.update(entity, { Transform: { position } });
    if (done) this.flushDrag();
    else if (!this.dragTimer) this.dragTimer = window.setTimeout(() => this.flushDrag(), DRAG_MS);
  }

  private flushDrag(): void {
    clearTimeout(this.dragTimer);
    this.dragTimer = 0;
    this.dragTo?.();
    this.dragTo = null;
  }

  private async ask(operation: Operation): Promise<OpResult> {
    const result = await this.send(operation);
    if (result.error) toasts.say('refused', sentence(result.error.message));
    return result;
  }
}
