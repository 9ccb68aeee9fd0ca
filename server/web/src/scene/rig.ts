// Where the camera stands: behind the avatar, in its eyes, or free where there is no avatar.

import { type PerspectiveCamera, Vector3 } from 'three';

/** Nearer than this the camera is in the avatar's eyes. */
const FIRST_PERSON_M = 1.4;
const THIRD_PERSON_M = 5;
const DISTANCE_MIN_M = 1;
const DISTANCE_MAX_M = 60;
const EYE_HEIGHT_M = 0.6;
const PITCH_MAX = 1.45;
const STAND_HEIGHT_M = 1.6;
const FREE_SPEED_M_S = 9;

export class Rig {
  /** About +Y; 0 looks along −Z. */
  yaw = 0;
  /** Up is positive. */
  pitch = -0.28;
  distance = THIRD_PERSON_M;
  readonly focus = new Vector3(0, 1, 0);
  private followed: number | null = null;

  get firstPerson(): boolean {
    return this.followed !== null && this.distance < FIRST_PERSON_M;
  }

  look(dx: number, dy: number): void {
    this.yaw = wrapped(this.yaw - dx);
    this.pitch = Math.max(-PITCH_MAX, Math.min(PITCH_MAX, this.pitch - dy));
  }

  zoom(factor: number): void {
    this.distance = Math.max(DISTANCE_MIN_M, Math.min(DISTANCE_MAX_M, this.distance * factor));
  }

  toggleFirstPerson(): void {
    this.distance = this.distance < FIRST_PERSON_M ? THIRD_PERSON_M : DISTANCE_MIN_M;
  }

  /** Follows the avatar `id` at `at`; at first it looks where the avatar does. */
  follow(id: number, at: Vector3, yaw: () => number): void {
    this.focus.copy(at);
    this.focus.y += EYE_HEIGHT_M;
    if (this.followed !== id) this.yaw = wrapped(yaw());
    this.followed = id;
  }

  /** Stands free at a place, as high as eyes are. */
  stand(at: readonly [number, number, number]): void {
    this.followed = null;
    this.focus.set(at[0], at[1] + STAND_HEIGHT_M, at[2]);
  }

  /** Flies by the same keys that would walk. */
  fly(strafe: number, forward: number, up: number, seconds: number): void {
    this.followed = null;
    const step = FREE_SPEED_M_S * seconds;
    const ahead = this.direction();
    this.focus.addScaledVector(ahead, forward * step);
    this.focus.x += Math.cos(this.yaw) * strafe * step;
    this.focus.z -= Math.sin(this.yaw) * strafe * step;
    this.focus.y = Math.max(0.2, this.focus.y + up * step);
  }

  /** A unit vector along the view, or so many radians above it. */
  direction(lift = 0): Vector3 {
    const pitch = Math.min(PITCH_MAX, this.pitch + lift);
    const flat = Math.cos(pitch);
    return new Vector3(-Math.sin(this.yaw) * flat, Math.sin(pitch), -Math.cos(this.yaw) * flat);
  }

  place(camera: PerspectiveCamera): void {
    camera.rotation.set(this.pitch, this.yaw, 0, 'YXZ');
    camera.position.copy(this.focus);
    if (!this.firstPerson) camera.position.addScaledVector(this.direction(), -this.distance);
    // The floor is solid enough for a camera.
    camera.position.y = Math.max(camera.position.y, 0.25);
  }
}

const wrapped = (angle: number): number => Math.atan2(Math.sin(angle), Math.cos(angle));
