// The client core in WebAssembly (net/client-wasm) as an object: one per connection. It decodes, keeps the mirror and
// interpolates; this file only carries bytes in and out of its memory.

import type { Components, CoreEvent, Operation } from '../net/messages';
import { ABI_VERSION, type CoreExports } from './abi';
import { Columns } from './columns';
import type { EntityView, Stats, Table } from './table';
import wasmUrl from '../generated/hd1_client.wasm?url';

export interface CoreOptions {
  ticket?: string;
  resume?: string;
  client: 'web' | 'mobile';
}

export interface Input {
  strafe: number;
  forward: number;
  yaw: number;
  pitch: number;
  /** 1 jump, 2 sprint, 4 use. */
  buttons: number;
}

/** Where a held entity is: metres, a unit quaternion, metres a second. */
export interface Pose {
  position: [number, number, number];
  rotation: [number, number, number, number];
  velocity: [number, number, number];
}

export class CoreError extends Error {}

let loading: Promise<CoreExports> | undefined;

/** Compiles the module once for the page. */
export function loadCore(): Promise<CoreExports> {
  loading ??= compile().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function compile(): Promise<CoreExports> {
  const { instance } = await WebAssembly.instantiateStreaming(fetch(wasmUrl), {});
  const exports = instance.exports as unknown as CoreExports;
  if (exports.hd1_abi() !== ABI_VERSION) throw new CoreError('The page and its client core differ; reload the page.');
  return exports;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const nowUs = (): number => performance.now() * 1000;

export class ClientCore {
  readonly columns = new Columns((column) => [
    this.wasm.memory.buffer as ArrayBuffer,
    this.wasm.hd1_column(this.handle, column),
    this.wasm.hd1_column_len(this.handle, column),
  ]);
  /** 0 once it is dropped: the core answers that with nothing, and gives the number to the next one. */
  private handle: number;

  constructor(
    private readonly wasm: CoreExports,
    options: CoreOptions,
  ) {
    const len = this.put(encoder.encode(JSON.stringify(options)));
    this.handle = this.checked(wasm.hd1_open(len, nowUs()));
  }

  /** Frees its memory; nothing may be called after it. */
  drop(): void {
    this.wasm.hd1_drop(this.handle);
    this.handle = 0;
  }

  /** Takes one frame from the server; throws where the connection must end. */
  receive(frame: Uint8Array): void {
    this.checked(this.wasm.hd1_receive(this.handle, this.put(frame), nowUs()));
  }

  /** Lets time pass: pings, input repeats, timeouts. */
  advance(): void {
    this.checked(this.wasm.hd1_advance(this.handle, nowUs()));
  }

  /** The next frame to send: a copy, because senders keep it. */
  pollFrame(): Uint8Array<ArrayBuffer> | undefined {
    return this.wasm.hd1_poll_frame(this.handle, nowUs()) === 1 ? this.outbox().slice() : undefined;
  }

  pollEvent(): CoreEvent | undefined {
    return this.wasm.hd1_poll_event(this.handle) === 1 ? (this.json() as CoreEvent) : undefined;
  }

  setInput(input: Input): void {
    this.wasm.hd1_input(this.handle, input.strafe, input.forward, input.yaw, input.pitch, input.buttons);
  }

  /** Queues an operation; its id, which the result will carry. Throws where it is malformed. */
  op(operation: Operation): number {
    return this.checked(this.wasm.hd1_op(this.handle, this.put(encoder.encode(JSON.stringify(operation))), nowUs()));
  }

  /** Says where an entity is that this page holds; it is drawn there at once. False where that cannot be said. */
  drive(entity: number, { position, rotation, velocity }: Pose): boolean {
    const pose = new Float32Array([...position, ...rotation, ...velocity]);
    this.put(new Uint8Array(pose.buffer));
    return this.wasm.hd1_drive(this.handle, entity, nowUs()) === 0;
  }

  bye(): void {
    this.wasm.hd1_bye(this.handle);
  }

  /** Brings the columns to this moment and returns how many rows they have. */
  render(): number {
    return Math.max(0, this.wasm.hd1_render(this.handle, nowUs()));
  }

  /** The newest tick that the mirror holds whole; 0 before the first. */
  get tick(): number {
    return this.wasm.hd1_tick(this.handle);
  }

  get structureVersion(): number {
    return this.wasm.hd1_structure_version(this.handle);
  }

  /** Nothing before anything was drawn, and once it is dropped. */
  table(): Table | undefined {
    if (this.wasm.hd1_table(this.handle) !== 1) return undefined;
    return this.json() as Table;
  }

  entity(id: number): EntityView | undefined {
    if (this.wasm.hd1_entity(this.handle, id) !== 1) return undefined;
    return { id, components: this.json() as Record<string, NonNullable<Components[string]>> };
  }

  stats(): Stats {
    this.wasm.hd1_stats(this.handle, nowUs());
    return this.json() as Stats;
  }

  private put(bytes: Uint8Array): number {
    const at = this.wasm.hd1_inbox(bytes.length);
    if (at === 0) throw new CoreError(`A frame of ${bytes.length} bytes is too large.`);
    new Uint8Array(this.wasm.memory.buffer, at, bytes.length).set(bytes);
    return bytes.length;
  }

  private outbox(): Uint8Array<ArrayBuffer> {
    const buffer = this.wasm.memory.buffer as ArrayBuffer;
    return new Uint8Array(buffer, this.wasm.hd1_outbox(), this.wasm.hd1_outbox_len());
  }

  private json(): unknown {
    return JSON.parse(decoder.decode(this.outbox()));
  }

  private checked(result: number): number {
    if (result < 0) throw new CoreError(decoder.decode(this.outbox()));
    return result;
  }
}
