// Names and labels over their entities, as HTML: crisp at every resolution, and readable to assistive software.

import { type Matrix4, type PerspectiveCamera, Vector3 } from 'three';

import type { Label } from '../core/table';

/** More would be noise; the nearest are shown. */
const SHOWN_MAX = 24;
const FAR_M = 45;
const OVERLAP_X_PX = 54;
const OVERLAP_Y_PX = 19;

export class Labels {
  private readonly pool: HTMLElement[] = [];
  private labels: Label[] = [];
  private readonly at = new Vector3();

  constructor(private readonly layer: HTMLElement) {}

  set(labels: Label[]): void {
    this.labels = labels;
  }

  /** Moves the labels to where their rows are now; `hidden` is the viewer's own. */
  place(camera: PerspectiveCamera, matrix: (row: number) => Matrix4, hidden: number | null): void {
    const { clientWidth: width, clientHeight: height } = this.layer;
    const near: { label: Label; x: number; y: number; distance: number }[] = [];
    for (const label of this.labels) {
      if (label.id === hidden) continue;
      const m = matrix(label.row).elements;
      this.at.set(m[12], m[13] + label.offset, m[14]);
      const distance = this.at.distanceTo(camera.position);
      if (distance > FAR_M) continue;
      this.at.project(camera);
      if (this.at.z > 1 || Math.abs(this.at.x) > 1.1 || Math.abs(this.at.y) > 1.1) continue;
      near.push({ label, x: ((this.at.x + 1) / 2) * width, y: ((1 - this.at.y) / 2) * height, distance });
    }
    near.sort((a, b) => a.distance - b.distance);
    // Of labels on top of each other the nearest is readable, the others are noise.
    const shown = near.filter((a, i) => !near.slice(0, i).some((b) => Math.abs(a.x - b.x) < OVERLAP_X_PX && Math.abs(a.y - b.y) < OVERLAP_Y_PX));
    shown.length = Math.min(shown.length, SHOWN_MAX);
    shown.forEach(({ label, x, y, distance }, i) => {
      const element = (this.pool[i] ??= this.add());
      if (element.textContent !== label.text) element.textContent = label.text;
      element.hidden = false;
      element.style.color = label.color;
      element.style.opacity = String(Math.min(1, 1.4 - distance / FAR_M));
      element.style.transform = `translate(-50%, -100%) translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    });
    for (let i = shown.length; i < this.pool.length; i++) this.pool[i]!.hidden = true;
  }

  private add(): HTMLElement {
    const element = document.createElement('span');
    element.className = 'label';
    this.layer.append(element);
    return element;
  }
}
