// The functions of net/client-wasm, as its `abi` module documents them.

/** The version of the interface that this page was written for. */
export const ABI_VERSION = 2;

export interface CoreExports {
  memory: WebAssembly.Memory;
  hd1_abi(): number;
  /** Room for `len` bytes to hand over; 0 where that is too much. */
  hd1_inbox(len: number): number;
  hd1_outbox(): number;
  hd1_outbox_len(): number;
  /** A handle ≥ 1, or −1 with a reason in the outbox. */
  hd1_open(optionsLen: number, nowUs: number): number;
  hd1_drop(handle: number): void;
  /** 0, or −1 with a reason in the outbox: the connection is over. */
  hd1_receive(handle: number, len: number, nowUs: number): number;
  hd1_advance(handle: number, nowUs: number): number;
  /** 1 with a frame in the outbox, else 0. */
  hd1_poll_frame(handle: number, nowUs: number): number;
  /** 1 with an event's JSON in the outbox, else 0. */
  hd1_poll_event(handle: number): number;
  hd1_input(handle: number, strafe: number, forward: number, yaw: number, pitch: number, buttons: number): number;
  /** Where a held entity is, from 10 × f32 in the inbox; 0, or −1 where it cannot be said now. */
  hd1_drive(handle: number, entity: number, nowUs: number): number;
  /** The operation's id ≥ 1, or −1 with a reason in the outbox. */
  hd1_op(handle: number, len: number, nowUs: number): number;
  hd1_bye(handle: number): number;
  /** Brings the columns up to this moment; the number of rows, or −1. */
  hd1_render(handle: number, nowUs: number): number;
  hd1_column(handle: number, column: number): number;
  hd1_column_len(handle: number, column: number): number;
  /** The newest tick that the mirror holds whole; 0 before the first. */
  hd1_tick(handle: number): number;
  /** Counts up when rows, shapes, colours or labels change. */
  hd1_structure_version(handle: number): number;
  /** 1 with the table's JSON in the outbox, 0 before anything was drawn. */
  hd1_table(handle: number): number;
  /** 1 with the entity's components as JSON in the outbox, else 0. */
  hd1_entity(handle: number, id: number): number;
  /** 1 with the figures as JSON in the outbox. */
  hd1_stats(handle: number, nowUs: number): number;
}

/** Numbers of the columns; one row per drawn entity, grouped by batch. */
export const Column = {
  /** u32: the entity's id. */
  Ids: 0,
  /** 16 × f32, column-major: where it is at the rendered moment, its shape's size included; the own avatar's is predicted. */
  Matrices: 1,
  /** 3 × f32: linear red, green, blue. */
  Colours: 2,
  /** u8 per batch: 1 where a matrix of it changed in the last render. */
  Moved: 3,
  /** f32: from how many metres it may be taken; 0 where not at all. */
  Reaches: 4,
} as const;
