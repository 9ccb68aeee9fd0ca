// The scene's own lights. A shader is compiled for their number, so there are few of them. The first directional one
// becomes the stage's sun, which alone throws shadows.

import { AmbientLight, DirectionalLight, type Light as ThreeLight, type Matrix4, Object3D, PointLight, Quaternion, SpotLight, Vector3 } from 'three';

import type { Light } from '../core/table';

const LIGHTS_MAX = 8;

export class Lights {
  readonly root = new Object3D();
  private lit: { light: ThreeLight; row: number }[] = [];
  private key = '';
  private readonly turn = new Quaternion();
  private readonly scale = new Vector3();

  /** The light that is the stage's sun. */
  sun: Light | null = null;
  /** The light of the sky. */
  ambient: Light | null = null;

  /** Fits the lights to the table. */
  set(lights: Light[]): void {
    const key = JSON.stringify(lights);
    if (key === this.key) return;
    this.key = key;
    this.sun = lights.find(({ kind }) => kind === 'directional') ?? null;
    this.ambient = lights.find(({ kind }) => kind === 'ambient') ?? null;
    const used = lights.filter((light) => light !== this.sun).slice(0, LIGHTS_MAX);
    this.root.clear();
    this.lit = used.map((light) => ({ light: make(light), row: light.row }));
    for (const { light } of this.lit) {
      this.root.add(light);
      if (aimed(light)) this.root.add(light.target);
    }
  }

  /** Where the sun shines to: along its own −Z. */
  sunward(matrix: (row: number) => Matrix4, out: Vector3): Vector3 | null {
    if (!this.sun) return null;
    matrix(this.sun.row).decompose(out, this.turn, this.scale);
    return out.set(0, 0, -1).applyQuaternion(this.turn).normalize();
  }

  place(matrix: (row: number) => Matrix4): void {
    for (const { light, row } of this.lit) {
      matrix(row).decompose(light.position, this.turn, this.scale);
      if (!aimed(light)) continue;
      // It shines along its own −Z.
      light.target.position.set(0, 0, -1).applyQuaternion(this.turn).add(light.position);
    }
  }
}

type Aimed = DirectionalLight | SpotLight;

const aimed = (light: ThreeLight): light is Aimed => light instanceof DirectionalLight || light instanceof SpotLight;

function make({ kind, colour, intensity, range, cone }: Light): ThreeLight {
  const light = bare(kind, range, cone);
  light.color.setRGB(...colour);
  // HD1's 1 is ordinary; a lamp's candela fall off with the square of some metres.
  light.intensity = kind === 'point' || kind === 'spot' ? intensity * 12 : intensity;
  return light;
}

function bare(kind: Light['kind'], range: number, cone: number): ThreeLight {
  switch (kind) {
    case 'ambient':
      return new AmbientLight();
    case 'directional':
      return new DirectionalLight();
    case 'spot':
      return new SpotLight(0xffffff, 1, range, cone, 0.3);
    default:
      return new PointLight(0xffffff, 1, range);
  }
}
