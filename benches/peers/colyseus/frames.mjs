// Reads a file of `hd1-scenario`: all engines are fed the same bytes. Its format stands in benches/scenario.

import { readFileSync } from "node:fs";

/** A scene that moves. */
export class Frames {
  constructor(path) {
    const file = readFileSync(path);
    if (file.toString("latin1", 0, 4) !== "HD1F") throw new Error(`${path} is no file of frames`);
    // Every number is 4 bytes wide; the same bytes are read as counts and as floats.
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
    this.words = new Uint32Array(bytes);
    this.floats = new Float32Array(bytes);
    [this.entityCount, this.clientCount, this.warmTicks, this.measuredTicks, this.joinCount] = this.words.subarray(1, 6);
    this.spawns = this.floats.subarray(6, 6 + this.entityCount * 7);
    this.ticks = [];
    for (let at = 6 + this.entityCount * 7; at < this.words.length; ) {
      const tick = new Tick(this, at);
      this.ticks.push(tick);
      at += 1 + tick.count * 8;
    }
  }

  /** All bodies after the first ticks, seven floats each. */
  after(tickCount) {
    const bodies = this.spawns.slice();
    for (const tick of this.ticks.slice(0, tickCount)) {
      for (let i = 0; i < tick.count; i++) bodies.set(tick.floats.subarray(tick.at(i), tick.at(i) + 7), tick.index(i) * 7);
    }
    return bodies;
  }
}

/** What one tick changed: `count` bodies. */
class Tick {
  constructor(frames, start) {
    this.words = frames.words;
    this.floats = frames.floats;
    this.start = start + 1;
    this.count = frames.words[start];
  }

  /** Which body. */
  index(i) {
    return this.words[this.start + i * 8];
  }

  /** Where in `floats` its seven stand. */
  at(i) {
    return this.start + i * 8 + 1;
  }
}
