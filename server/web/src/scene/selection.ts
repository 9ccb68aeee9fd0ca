// The selected entity: its outline, and the handles that move it.

import { BufferGeometry, EdgesGeometry, LineBasicMaterial, LineSegments, type Matrix4, Object3D, type PerspectiveCamera, type Scene } from 'three';
import { TransformControls } from 'three/addons/controls/TransformControls.js';

import type { Shape } from '../core/table';
import { unitGeometry } from './shapes';

const ACCENT = '#f0b45b';

export interface SelectionHandler {
  /** The handles were dragged here; `done` with the last of a drag. */
  moved(position: [number, number, number], done: boolean): void;
}

export class Selection {
  readonly handles: TransformControls;
  private readonly outline = new LineSegments(new BufferGeometry(), new LineBasicMaterial({ color: ACCENT, depthTest: false, transparent: true }));
  private readonly proxy = new Object3D();
  private shape: Shape | null = null;

  constructor(scene: Scene, camera: PerspectiveCamera, canvas: HTMLCanvasElement, handler: SelectionHandler) {
    this.outline.matrixAutoUpdate = false;
    this.outline.frustumCulled = false;
    this.outline.renderOrder = 3;
    this.outline.visible = false;
    this.handles = new TransformControls(camera, canvas);
    this.handles.setSize(0.8);
    this.handles.addEventListener('objectChange', () => handler.moved(this.position(), false));
    this.handles.addEventListener('dragging-changed', ({ value }) => {
      if (!value) handler.moved(this.position(), true);
    });
    scene.add(this.proxy, this.outline, this.handles.getHelper());
  }

  /** Is a handle under the pointer or held? Then a drag is not a look. */
  get busy(): boolean {
    return this.handles.dragging || this.handles.axis !== null;
  }

  /** Outlines a shape; with handles where it may be moved. */
  show(shape: Shape, movable: boolean): void {
    if (shape !== this.shape) {
      this.outline.geometry.dispose();
      this.outline.geometry = new EdgesGeometry(unitGeometry(shape), 30);
      this.shape = shape;
    }
    this.outline.visible = true;
    if (movable) this.handles.attach(this.proxy);
    else this.handles.detach();
  }

  hide(): void {
    this.outline.visible = false;
    this.handles.detach();
  }

  /** Follows the entity; the handles stay with the pointer while they are held. */
  place(matrix: Matrix4): void {
    this.outline.matrix.copy(matrix);
    this.outline.matrixWorldNeedsUpdate = true;
    if (!this.handles.dragging) this.proxy.position.setFromMatrixPosition(matrix);
  }

  dispose(): void {
    this.handles.dispose();
  }

  private position(): [number, number, number] {
    const { x, y, z } = this.proxy.position;
    return [round(x), round(y), round(z)];
  }
}

/** Whole millimetres: the step of a position. */
const round = (v: number): number => Math.round(v * 1000) / 1000;
