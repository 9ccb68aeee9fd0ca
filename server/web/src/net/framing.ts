// Frames on a stream: each behind its length as LEB128.

import { FRAME_BYTES_MAX } from './link';

export function prefixed(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const head: number[] = [];
  let rest = frame.length;
  do {
    head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  const out = new Uint8Array(head.length + frame.length);
  out.set(head);
  out.set(frame, head.length);
  return out;
}

/** Cuts a stream into frames, however its pieces arrive. */
export class FrameReader {
  private buffer = new Uint8Array(4096);
  private start = 0;
  private end = 0;

  /** Appends a piece and calls `each` with every frame that is whole now. Throws where a length is absurd. */
  push(piece: Uint8Array, each: (frame: Uint8Array) => void): void {
    this.append(piece);
    for (;;) {
      const head = this.length();
      if (!head || this.end - head.at < head.len) return;
      this.start = head.at + head.len;
      each(this.buffer.subarray(head.at, this.start));
    }
  }

  private length(): { at: number; len: number } | undefined {
    let len = 0;
    for (let i = 0; i < 4 && this.start + i < this.end; i++) {
      const byte = this.buffer[this.start + i]!;
      len |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if (len > FRAME_BYTES_MAX) break;
        return { at: this.start + i + 1, len };
      }
    }
    if (this.end - this.start >= 4) throw new Error('a frame of the server is longer than allowed');
    return undefined;
  }

  private append(piece: Uint8Array): void {
    const held = this.end - this.start;
    if (this.end + piece.length > this.buffer.length) {
      const size = Math.max(4096, 2 ** Math.ceil(Math.log2(held + piece.length)));
      const next = size > this.buffer.length ? new Uint8Array(size) : this.buffer;
      next.set(this.buffer.subarray(this.start, this.end));
      this.buffer = next;
      this.start = 0;
      this.end = held;
    }
    this.buffer.set(piece, this.end);
    this.end += piece.length;
  }
}
