// Unit shapes and their materials: an instance's matrix carries its size, its own column the colour.

import {
  BoxGeometry,
  type BufferGeometry,
  Color,
  CylinderGeometry,
  DoubleSide,
  FrontSide,
  type Material as ThreeMaterial,
  MeshBasicMaterial,
  MeshLambertMaterial,
  MeshPhongMaterial,
  MeshStandardMaterial,
  PlaneGeometry,
  SphereGeometry,
} from 'three';

import type { Batch, Material, Shape } from '../core/table';

const geometries = new Map<Shape, BufferGeometry>();

/** Each fills −½ … ½ on its axes; a plane lies flat and faces up. */
export function unitGeometry(shape: Shape): BufferGeometry {
  let geometry = geometries.get(shape);
  if (!geometry) geometries.set(shape, (geometry = make(shape)));
  return geometry;
}

function make(shape: Shape): BufferGeometry {
  switch (shape) {
    case 'sphere':
      return new SphereGeometry(0.5, 24, 16);
    case 'cylinder':
      return new CylinderGeometry(0.5, 0.5, 1, 28);
    case 'plane':
      return new PlaneGeometry(1, 1).rotateX(-Math.PI / 2);
    default:
      return new BoxGeometry(1, 1, 1);
  }
}

/** `plain` is for machines that draw by software. */
export function makeMaterial(batch: Batch, plain: boolean): ThreeMaterial {
  const { kind, opacity, metalness, roughness, emissive }: Material = batch.material;
  const common = {
    transparent: opacity < 1,
    opacity,
    depthWrite: opacity >= 1,
    side: batch.shape === 'plane' ? DoubleSide : FrontSide,
  };
  if (kind === 'basic') return new MeshBasicMaterial(common);
  const lit = { ...common, emissive: new Color(...emissive) };
  if (plain) return new MeshLambertMaterial(lit);
  if (kind === 'phong') return new MeshPhongMaterial({ ...lit, shininess: 40, specular: 0x333333 });
  return new MeshStandardMaterial({ ...lit, metalness, roughness });
}

/** Batches of the same key share a mesh from one table to the next. */
export function batchKey({ shape, material: m }: Batch): string {
  return `${shape} ${m.kind} ${m.opacity} ${m.metalness} ${m.roughness} ${m.emissive.join(' ')}`;
}
