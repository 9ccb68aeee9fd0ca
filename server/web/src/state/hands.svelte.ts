// What this person has in hand: asked for, held, let go or taken back.

import type { Edits } from './edits';

export class Hands {
  /** What one would take hold of now. */
  aimed = $state<number | null>(null);
  carried = $state<number | null>(null);
  /** What was asked for last and is still wanted. */
  private wanted: number | null = null;

  constructor(private readonly edits: Pick<Edits, 'take' | 'release'>) {}

  /** Takes hold of an entity, as soon as the server says so and unless it is let go before. */
  async take(id: number): Promise<void> {
    if (this.wanted !== null) return;
    this.wanted = id;
    const taken = await this.edits.take(id);
    if (this.wanted === id && taken) this.carried = id;
    else if (this.wanted === id) this.wanted = null;
    else if (taken) void this.edits.release(id);
  }

  letGo(): void {
    const { carried } = this;
    this.empty();
    if (carried !== null) void this.edits.release(carried);
  }

  /** The server has it again. */
  lost(id: number): void {
    if (this.carried === id) this.empty();
  }

  empty(): void {
    this.wanted = null;
    this.carried = null;
  }
}
