// Figures of the connection over the last seconds, sampled evenly: what the network graph shows.

import { traffic } from '../net/link';
import type { Stats } from '../core/table';

export interface Sample {
  rttMs: number | null;
  tickMs: number | null;
  stalenessMs: number | null;
  delayMs: number | null;
  jitterMs: number | null;
  predictionErrorM: number | null;
  bytesInPerS: number;
  bytesOutPerS: number;
}

/** Samples kept: 30 s. */
export const SAMPLES = 150;
const SAMPLE_MS = 200;

export class Meter {
  /** The newest last. */
  samples = $state.raw<Sample[]>([]);
  latest = $state.raw<Stats | null>(null);
  private readonly timer = setInterval(() => this.sample(), SAMPLE_MS);
  private before = { ...traffic, atMs: performance.now() };
  private tickAtMs = 0;
  private intervals: number[] = [];

  constructor(private readonly stats: () => Stats | null) {}

  /** A tick arrived. */
  tick(): void {
    const now = performance.now();
    if (this.tickAtMs > 0) this.intervals.push(now - this.tickAtMs);
    this.tickAtMs = now;
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  private sample(): void {
    const stats = this.stats();
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.before.atMs) / 1000);
    const sample: Sample = {
      rttMs: stats?.rtt_ms ?? null,
      // The worst of the interval: an average would hide what one feels.
      tickMs: this.intervals.length > 0 ? Math.max(...this.intervals) : null,
      stalenessMs: stats?.staleness_ms ?? null,
      delayMs: stats?.delay_ms ?? null,
      jitterMs: stats?.jitter_ms ?? null,
      predictionErrorM: stats?.prediction_error_m ?? null,
      bytesInPerS: (traffic.bytesIn - this.before.bytesIn) / seconds,
      bytesOutPerS: (traffic.bytesOut - this.before.bytesOut) / seconds,
    };
    this.before = { ...traffic, atMs: now };
    this.intervals = [];
    this.latest = stats;
    this.samples = [...this.samples.slice(1 - SAMPLES), sample];
  }
}
