// The world's shapes as instanced meshes: one draw call per shape and material, fed from the core's columns.

import { DynamicDrawUsage, InstancedBufferAttribute, InstancedMesh, type Material, Object3D, type Raycaster } from 'three';

import type { Columns } from '../core/columns';
import type { Batch, Table } from '../core/table';
import { batchKey, makeMaterial, unitGeometry } from './shapes';

interface Drawn {
  mesh: InstancedMesh;
  start: number;
  idx: number;
}

export class Batches {
  readonly root = new Object3D();
  shadows = false;
  private readonly meshes = new Map<string, InstancedMesh>();
  private drawn: Drawn[] = [];
  private ids = new Uint32Array(0);
  private rows = new Map<number, number>();
  private hidden: number | null = null;
  private stale = false;

  constructor(private readonly plain: boolean) {}

  /** Fits the meshes to a new table; afterwards every matrix must be uploaded once. */
  rebuild(table: Table, columns: Columns): void {
    this.ids = columns.ids.slice();
    this.rows = new Map(Array.from(this.ids, (id, row) => [id, row]));
    const used = new Set<string>();
    const { colours } = columns;
    this.drawn = [];
    table.batches.forEach((batch, idx) => {
      if (batch.shape === 'none' || batch.count === 0) return;
      const key = batchKey(batch);
      used.add(key);
      const mesh = this.fit(key, batch);
      mesh.count = batch.count;
      mesh.castShadow = this.shadows && batch.shape !== 'plane' && batch.material.opacity === 1;
      mesh.receiveShadow = this.shadows && batch.material.kind !== 'basic';
      const paint = mesh.instanceColor!;
      paint.array.set(colours.subarray(batch.start * 3, (batch.start + batch.count) * 3));
      paint.needsUpdate = true;
      this.drawn.push({ mesh, start: batch.start, idx });
    });
    for (const [key, mesh] of this.meshes) if (!used.has(key)) this.discard(key, mesh);
    this.upload(columns, true);
  }

  /** Copies the matrices of the batches that moved. */
  upload(columns: Columns, all = false): void {
    const everything = all || this.stale;
    const { matrices, moved } = columns;
    this.stale = false;
    for (const { mesh, start, idx } of this.drawn) {
      if (!everything && !moved[idx]) continue;
      const used = matrices.subarray(start * 16, (start + mesh.count) * 16);
      mesh.instanceMatrix.array.set(used);
      mesh.instanceMatrix.clearUpdateRanges();
      mesh.instanceMatrix.addUpdateRange(0, used.length);
      mesh.instanceMatrix.needsUpdate = true;
      mesh.boundingSphere = null;
    }
  }

  /** Leaves one row undrawn: the viewer's own body while looking out of its eyes. */
  hide(row: number | null): void {
    if (row !== this.hidden) this.stale = true;
    this.hidden = row;
    const drawn = row === null ? undefined : this.drawn.find(({ mesh, start }) => row >= start && row < start + mesh.count);
    if (row === null || !drawn) return;
    const at = (row - drawn.start) * 16;
    drawn.mesh.instanceMatrix.array.fill(0, at, at + 15);
    drawn.mesh.instanceMatrix.needsUpdate = true;
  }

  /** The row of an entity, if it is in the table. */
  row(id: number): number | undefined {
    return this.rows.get(id);
  }

  /** What a ray meets first. */
  pick(raycaster: Raycaster): number | undefined {
    const hit = raycaster.intersectObjects(this.root.children, false)[0];
    const drawn = this.drawn.find(({ mesh }) => mesh === hit?.object);
    return drawn && hit?.instanceId !== undefined ? this.ids[drawn.start + hit.instanceId] : undefined;
  }

  /** Where a ray meets something, in world coordinates. */
  surface(raycaster: Raycaster): { x: number; y: number; z: number } | undefined {
    return raycaster.intersectObjects(this.root.children, false)[0]?.point;
  }

  dispose(): void {
    for (const [key, mesh] of this.meshes) this.discard(key, mesh);
  }

  private fit(key: string, batch: Batch): InstancedMesh {
    const before = this.meshes.get(key);
    if (before && before.instanceMatrix.count >= batch.count) return before;
    if (before) this.discard(key, before);
    // Room to grow, so that one entity more is not a new mesh.
    const capacity = Math.max(16, 2 ** Math.ceil(Math.log2(batch.count)));
    const mesh = new InstancedMesh(unitGeometry(batch.shape), makeMaterial(batch, this.plain), capacity);
    mesh.instanceMatrix.setUsage(DynamicDrawUsage);
    mesh.instanceColor = new InstancedBufferAttribute(new Float32Array(capacity * 3), 3);
    // Its bounds are the world's: culling it as a whole would never pay.
    mesh.frustumCulled = false;
    mesh.renderOrder = batch.material.opacity < 1 ? 1 : 0;
    this.meshes.set(key, mesh);
    this.root.add(mesh);
    return mesh;
  }

  private discard(key: string, mesh: InstancedMesh): void {
    this.meshes.delete(key);
    this.root.remove(mesh);
    (mesh.material as Material).dispose();
    mesh.dispose();
  }
}
