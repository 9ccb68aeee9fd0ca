// The drawn world: a client core on a stage, frame by frame.

import { Matrix4, Raycaster, Vector2, Vector3 } from 'three';

import type { Columns } from '../core/columns';
import type { ClientCore, Input, Pose } from '../core/core';
import type { Shape, Table } from '../core/table';
import type { Controls } from '../input/controls';
import { Batches } from './batches';
import { Carry } from './carry';
import { Labels } from './labels';
import { Lights } from './lights';
import { Rig } from './rig';
import { Selection } from './selection';
import { type Quality, Stage } from './stage';
import { Visors } from './visors';

/** Shadows of more shapes than this cost more than they show. */
const SHADOW_ROWS_MAX = 3000;
/** Milliseconds between two looks at what is aimed at. */
const AIM_MS = 120;
/** How far in front of the viewer a new shape appears where the view meets nothing nearer. */
const PLACE_AHEAD_M = 6;
/** A free camera is told this often, and only when it has gone so far. */
const FLIGHT_MS = 250;
const FLIGHT_M = 0.5;

export interface WorldHandler {
  /** Handles dragged the selected entity here. */
  moved(id: number, position: [number, number, number], done: boolean): void;
  /** The selected entity is gone. */
  deselected(): void;
  /** Another thing is aimed at to be taken hold of, or none. */
  aimed(id: number | null): void;
  /** The thing in hand is here now. */
  carried(id: number, pose: Pose): void;
  /** The thing in hand is gone. */
  vanished(id: number): void;
  /** Before each frame: what the player wants, where there is an avatar to want it for. */
  steer(input: Input): void;
  /** Where there is none the camera flies free: now it is here, metres and a quaternion. */
  flown(position: [number, number, number], rotation: [number, number, number, number]): void;
}

export class World {
  readonly rig = new Rig();
  private readonly stage: Stage;
  private readonly batches: Batches;
  private readonly lights = new Lights();
  private readonly labels: Labels;
  private readonly selection: Selection;
  private readonly raycaster = new Raycaster();
  private readonly matrix = new Matrix4();
  private readonly sunward = new Vector3();
  private readonly spot = new Vector3();
  private readonly visors = new Visors();
  private readonly carry: Carry;
  private aimed: number | null = null;
  private aimDueMs = 0;
  private core: ClientCore | null = null;
  private player = 0;
  private table: Table | null = null;
  private columns: Columns | null = null;
  private selected: number | null = null;
  private movable = false;
  /** Where the free camera was when that was told last, when, and to which core. */
  private readonly told = new Vector3();
  private toldMs = 0;
  private toldCore: ClientCore | null = null;
  private lastMs = performance.now();
  private frameRequest = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    labelLayer: HTMLElement,
    quality: Quality,
    private readonly controls: Controls,
    private readonly handler: WorldHandler,
  ) {
    this.stage = new Stage(canvas, quality);
    this.batches = new Batches(quality === 'low');
    this.stage.scene.add(this.batches.root, this.lights.root, this.visors.mesh);
    this.labels = new Labels(labelLayer);
    this.carry = new Carry(this.stage.scene);
    this.selection = new Selection(this.stage.scene, this.stage.camera, canvas, {
      moved: (position, done) => this.selected !== null && handler.moved(this.selected, position, done),
    });
    controls.setBlocker(() => this.selection.busy);
    this.frameRequest = requestAnimationFrame(this.frame);
  }

  /** Draws this core from now on; nothing of the one before is kept. */
  show(core: ClientCore | null, player: number): void {
    this.core = core;
    this.player = player;
    this.table = null;
    this.columns = null;
    this.carry.drop();
    if (this.aimed !== null) this.handler.aimed((this.aimed = null));
  }

  /** How many entities the mirror holds. */
  get entityCount(): number {
    return this.columns?.ids.length ?? 0;
  }

  get contextLost(): boolean {
    return this.stage.contextLost;
  }

  /** The entity at a point of the canvas, in pixels. */
  pick(x: number, y: number): number | undefined {
    this.aim(x, y);
    return this.batches.pick(this.raycaster);
  }

  select(id: number | null, movable: boolean): void {
    this.selected = id;
    this.movable = movable;
    this.fitSelection();
  }

  /** What may be taken at a point of the canvas, in pixels. */
  grabbableAt(x: number, y: number): number | null {
    const id = this.pick(x, y);
    const row = id === undefined ? undefined : this.batches.row(id);
    return row !== undefined && this.columns!.reaches[row]! > 0 ? id! : null;
  }

  /** Has this thing in hand from now on, in front of the viewer; `null` has none. */
  hold(id: number | null): void {
    const row = id === null ? undefined : this.batches.row(id);
    if (id === this.carry.id) return;
    if (id === null || row === undefined) return this.carry.drop();
    this.carry.hold(id, this.at(row), this.rig);
    // Said at once: the next frame may be long in coming.
    const pose = this.carry.step(this.rig, 0);
    if (pose) this.handler.carried(id, pose);
  }

  /** Where a new shape of this height would stand in view. */
  placeAhead(height: number): [number, number, number] {
    const start = this.rig.focus;
    const ahead = this.rig.direction();
    const at = new Vector3(start.x, 0, start.z).addScaledVector(ahead.setY(0).normalize(), PLACE_AHEAD_M);
    // What lies there carries it; what floats overhead does not.
    this.raycaster.set(new Vector3(at.x, start.y + 0.5, at.z), new Vector3(0, -1, 0));
    const floor = this.batches.surface(this.raycaster)?.y ?? 0;
    return [at.x, Math.max(0, floor) + height / 2, at.z].map((v) => Math.round(v * 1000) / 1000) as [number, number, number];
  }

  dispose(): void {
    cancelAnimationFrame(this.frameRequest);
    this.core = null;
    this.selection.dispose();
    this.batches.dispose();
    this.visors.dispose();
    this.stage.dispose();
  }

  private readonly frame = (now: number): void => {
    this.frameRequest = requestAnimationFrame(this.frame);
    const seconds = Math.min(0.1, (now - this.lastMs) / 1000);
    this.lastMs = now;
    if (this.core) this.update(this.core);
    this.steer(this.core, seconds);
    if (this.columns && this.table) this.reach(this.columns, this.table, now, seconds);
    this.rig.place(this.stage.camera);
    this.stage.camera.updateMatrixWorld();
    if (this.columns && this.table) this.decorate(this.table);
    const sunward = this.columns ? this.lights.sunward((row) => this.at(row), this.sunward) : null;
    this.stage.draw(this.rig.focus, sunward);
    this.canvas.style.cursor = this.selection.busy ? 'move' : '';
  };

  private update(core: ClientCore): void {
    core.render();
    const version = core.structureVersion;
    const columns = (this.columns = core.columns);
    if (this.table?.version === version) return this.batches.upload(columns);
    const table = core.table();
    if (!table) return;
    this.table = table;
    this.batches.shadows = this.stage.quality === 'high' && columns.ids.length <= SHADOW_ROWS_MAX;
    this.batches.rebuild(table, columns);
    this.lights.set(table.lights);
    this.stage.light(this.lights.sun, this.lights.ambient);
    this.labels.set(table.labels);
    this.fitSelection();
  }

  private steer(core: ClientCore | null, seconds: number): void {
    const wish = this.controls.sample();
    const avatar = this.table?.avatars.find(({ player }) => player === this.player);
    if (!avatar || !core) {
      this.rig.fly(wish.strafe, wish.forward, (wish.buttons & 1) - ((wish.buttons >> 1) & 1), seconds);
      if (core) this.tellFlight(core);
      return;
    }
    const yaw = (): number => Number(core.entity(avatar.id)?.components['Avatar']?.['yaw'] ?? 0);
    this.rig.follow(avatar.id, this.spot.setFromMatrixPosition(this.at(avatar.row)), yaw);
    this.handler.steer({ ...wish, yaw: this.rig.yaw, pitch: this.rig.pitch });
  }

  /** Tells where the free camera is, now and then and only where it went. */
  private tellFlight(core: ClientCore): void {
    const { position, quaternion } = this.stage.camera;
    const isNew = this.toldCore !== core;
    if (performance.now() - this.toldMs < FLIGHT_MS || (!isNew && position.distanceTo(this.told) < FLIGHT_M)) return;
    this.toldCore = core;
    this.toldMs = performance.now();
    this.told.copy(position);
    this.handler.flown(position.toArray(), quaternion.toArray());
  }

  /** What is in hand goes with the view; else what is aimed at is looked for, some times a second. */
  private reach(columns: Columns, table: Table, now: number, seconds: number): void {
    const held = this.carry.id;
    const pose = this.carry.step(this.rig, seconds);
    if (held !== null && pose) {
      if (this.batches.row(held) === undefined) {
        this.carry.drop();
        this.handler.vanished(held);
      } else {
        this.handler.carried(held, pose);
      }
    } else if (now >= this.aimDueMs) {
      this.aimDueMs = now + AIM_MS;
      const own = table.avatars.find(({ player }) => player === this.player);
      const row = own && this.carry.aim(columns, this.rig, this.spot.setFromMatrixPosition(this.at(own.row)));
      const aimed = row === undefined ? null : columns.ids[row]!;
      if (aimed !== this.aimed) this.handler.aimed((this.aimed = aimed));
    }
  }

  private decorate(table: Table): void {
    const own = table.avatars.find(({ player }) => player === this.player);
    this.batches.hide(this.rig.firstPerson && own ? own.row : null);
    this.visors.place(table.avatars, (row) => this.at(row), this.rig.firstPerson ? own : undefined);
    this.lights.place((row) => this.at(row));
    this.labels.place(this.stage.camera, (row) => this.at(row), own?.id ?? null);
    const row = this.selected === null ? undefined : this.batches.row(this.selected);
    if (row !== undefined) this.selection.place(this.at(row));
    const mark = this.carry.id ?? this.aimed;
    const marked = mark === null || mark === this.selected ? undefined : this.batches.row(mark);
    this.carry.show(marked === undefined ? null : this.shapeOf(marked), marked === undefined ? null : this.at(marked));
  }

  private shapeOf(row: number): Shape {
    return this.table?.batches.find(({ start, count }) => row >= start && row < start + count)?.shape ?? 'box';
  }

  private fitSelection(): void {
    const row = this.selected === null ? undefined : this.batches.row(this.selected);
    if (row === undefined) {
      this.selection.hide();
      // One that was just made is in the mirror a frame before it is in the table.
      if (this.selected !== null && !this.core?.entity(this.selected)) {
        this.selected = null;
        this.handler.deselected();
      }
      return;
    }
    this.selection.show(this.shapeOf(row), this.movable);
  }

  private at(row: number): Matrix4 {
    return this.matrix.fromArray(this.columns!.matrices, row * 16);
  }

  private aim(x: number, y: number): void {
    const { clientWidth, clientHeight } = this.canvas;
    this.raycaster.setFromCamera(new Vector2((x / clientWidth) * 2 - 1, 1 - (y / clientHeight) * 2), this.stage.camera);
  }
}
