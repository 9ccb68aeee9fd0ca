// What is drawn, as the core keeps it: one row per entity, a column per property, in the core's own memory.

import { Column } from './abi';

type Place = (column: number) => [memory: ArrayBuffer, offset: number, length: number];

/**
 * Each column is a view made when it is read, and good until the next call into the core: any call may grow its memory,
 * which empties every view of before. So none is kept; these are read again instead.
 */
export class Columns {
  constructor(private readonly place: Place) {}

  get ids(): Uint32Array {
    return new Uint32Array(...this.place(Column.Ids));
  }

  /** 16 numbers a row. */
  get matrices(): Float32Array {
    return new Float32Array(...this.place(Column.Matrices));
  }

  /** 3 numbers a row. */
  get colours(): Float32Array {
    return new Float32Array(...this.place(Column.Colours));
  }

  /** One a batch: did any of its rows move since the last time? */
  get moved(): Uint8Array {
    return new Uint8Array(...this.place(Column.Moved));
  }

  /** From how far it may be taken, in metres; 0 where it may not. */
  get reaches(): Float32Array {
    return new Float32Array(...this.place(Column.Reaches));
  }
}
