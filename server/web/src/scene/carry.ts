// Taking hold of things: which one is aimed at, and where the one in hand is.

import { BufferGeometry, EdgesGeometry, LineBasicMaterial, LineSegments, Matrix4, Quaternion, type Scene, Vector3 } from 'three';

import type { Columns } from '../core/columns';
import type { Pose } from '../core/core';
import type { Shape } from '../core/table';
import type { Rig } from './rig';
import { unitGeometry } from './shapes';

/** What lies farther off the view than this (cosine) is not aimed at. */
const AIM_COS = 0.93;
/** A metre farther away counts like so much farther off the view (in cosines). */
const AIM_PER_M = 0.004;
/** Things are held a little above the middle of the view, where one sees past them. */
const LIFT_RAD = 0.22;
const HOLD_M_MIN = 2;
const HOLD_M_MAX = 5;
/** Each second a thing in hand makes good so many times the way that it lags behind the view. */
const PULL_PER_S = 14;
/** Of how fast it goes, the last tenth of a second counts. */
const SMOOTH_PER_S = 10;
const UP = new Vector3(0, 1, 0);

interface Held {
  id: number;
  metres: number;
  /** Half of its height, which stays above the floor. */
  half: number;
  yaw: number;
  rotation: Quaternion;
  at: Vector3;
  velocity: Vector3;
}

export class Carry {
  private readonly outline = new LineSegments(new BufferGeometry(), new LineBasicMaterial({ color: '#ffffff', transparent: true, opacity: 0.75 }));
  private shape: Shape | null = null;
  private held: Held | null = null;
  private readonly scratch = new Vector3();

  constructor(scene: Scene) {
    this.outline.matrixAutoUpdate = false;
    this.outline.frustumCulled = false;
    this.outline.renderOrder = 2;
    this.outline.visible = false;
    scene.add(this.outline);
  }

  get id(): number | null {
    return this.held?.id ?? null;
  }

  /** The row that may be taken from `from` and is nearest to the middle of the view. */
  aim({ reaches, matrices }: Columns, rig: Rig, from: Vector3): number | undefined {
    const ahead = rig.direction();
    let best: number | undefined;
    let bestScore = -1;
    for (let row = 0; row < reaches.length; row++) {
      const reach = reaches[row]!;
      if (reach === 0) continue;
      const at = this.scratch.fromArray(matrices, row * 16 + 12);
      if (at.distanceTo(from) > reach) continue;
      const metres = at.sub(rig.focus).length();
      const cos = at.dot(ahead) / metres;
      const score = cos - metres * AIM_PER_M;
      if (cos > AIM_COS && score > bestScore) [best, bestScore] = [row, score];
    }
    return best;
  }

  /** Takes hold of a thing where it is. */
  hold(id: number, matrix: Matrix4, rig: Rig): void {
    const [at, rotation, size] = [new Vector3(), new Quaternion(), new Vector3()];
    matrix.decompose(at, rotation, size);
    const metres = Math.max(HOLD_M_MIN, Math.min(HOLD_M_MAX, at.distanceTo(rig.focus))) + size.length() / 4;
    this.held = { id, metres, half: size.y / 2, yaw: rig.yaw, rotation, at, velocity: new Vector3() };
  }

  drop(): void {
    this.held = null;
  }

  /** Where the thing in hand is now. */
  step(rig: Rig, seconds: number): Pose | null {
    const { held } = this;
    if (!held) return null;
    const before = this.scratch.copy(held.at);
    const to = rig.direction(LIFT_RAD).multiplyScalar(held.metres).add(rig.focus);
    to.y = Math.max(to.y, held.half + 0.02);
    held.at.lerp(to, 1 - Math.exp(-seconds * PULL_PER_S));
    if (seconds > 0) {
      const now = before.sub(held.at).multiplyScalar(-1 / seconds);
      held.velocity.lerp(now, 1 - Math.exp(-seconds * SMOOTH_PER_S));
    }
    const turn = new Quaternion().setFromAxisAngle(UP, rig.yaw - held.yaw).multiply(held.rotation);
    return { position: held.at.toArray(), rotation: [turn.x, turn.y, turn.z, turn.w], velocity: held.velocity.toArray() };
  }

  /** Outlines what is aimed at or in hand; nothing without a shape. */
  show(shape: Shape | null, matrix: Matrix4 | null): void {
    this.outline.visible = shape !== null && matrix !== null;
    if (shape === null || matrix === null) return;
    if (shape !== this.shape) {
      this.outline.geometry.dispose();
      this.outline.geometry = new EdgesGeometry(unitGeometry(shape), 30);
      this.shape = shape;
    }
    this.outline.matrix.copy(matrix);
    this.outline.matrixWorldNeedsUpdate = true;
  }
}
