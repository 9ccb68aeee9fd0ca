// A visor on every avatar, so that one sees where the others look.

import { BoxGeometry, DynamicDrawUsage, InstancedMesh, Matrix4, MeshStandardMaterial, Vector3 } from 'three';

import type { Avatar } from '../core/table';

const SHOWN_MAX = 1024;

export class Visors {
  readonly mesh = new InstancedMesh(
    new BoxGeometry(1, 1, 1),
    new MeshStandardMaterial({ color: '#10131b', roughness: 0.15, metalness: 0.4 }),
    SHOWN_MAX,
  );
  /** In units of the body's own size: near the top, in front, a little out of it. */
  private readonly onBody = new Matrix4().makeTranslation(0, 0.3, -0.36).scale(new Vector3(0.62, 0.13, 0.4));
  private readonly placed = new Matrix4();

  constructor() {
    this.mesh.instanceMatrix.setUsage(DynamicDrawUsage);
    this.mesh.frustumCulled = false;
    this.mesh.count = 0;
  }

  /** Follows the bodies, but for `hidden`. */
  place(avatars: Avatar[], matrix: (row: number) => Matrix4, hidden: Avatar | undefined): void {
    let count = 0;
    for (const avatar of avatars) {
      if (avatar.id === hidden?.id || count === SHOWN_MAX) continue;
      this.mesh.setMatrixAt(count++, this.placed.multiplyMatrices(matrix(avatar.row), this.onBody));
    }
    this.mesh.count = count;
    this.mesh.instanceMatrix.needsUpdate = true;
  }

  dispose(): void {
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
    this.mesh.dispose();
  }
}
