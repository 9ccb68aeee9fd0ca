// What is there before the world is: renderer, sky, floor grid, default light, and how finely all of it is drawn.

import {
  BackSide,
  Color,
  DirectionalLight,
  FogExp2,
  GridHelper,
  HemisphereLight,
  Mesh,
  NeutralToneMapping,
  type Object3D,
  PCFShadowMap,
  PerspectiveCamera,
  PlaneGeometry,
  PMREMGenerator,
  Scene,
  ShaderMaterial,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
} from 'three';

import type { Light } from '../core/table';

export type Quality = 'high' | 'low';

const SKY_TOP = new Color('#131b31');
const SKY_RIM = new Color('#3d4966');
const GROUND = new Color('#0a0c11');
const GRID = new Color('#f0b45b');
const SUN = 2.2;
const SUN_COLOUR = '#fff1dc';
const SUNWARD = new Vector3(-0.47, -0.82, -0.33).normalize();
/** Overhead the sky is deeper and bluer than at its rim. */
const ZENITH = new Color(0.42, 0.62, 1);
const SKY = 0.7;
/** Frame times, smoothed, between which the resolution is left alone. */
const SLOW_MS = 26;
const FAST_MS = 13;

export class Stage {
  readonly renderer: WebGLRenderer;
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(62, 1, 0.1, 1500);
  private readonly sun = new DirectionalLight(SUN_COLOUR, SUN);
  private readonly sky = new HemisphereLight('#c3d0f0', '#4a4238', SKY);
  private readonly grid: Object3D;
  private readonly dome: Mesh<SphereGeometry, ShaderMaterial>;
  private readonly fog = new FogExp2(GROUND, 0.0045);
  private ratio: number;
  private readonly ratioMax: number;
  private frameMs = 16;
  private lastMs = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    readonly quality: Quality,
  ) {
    const high = quality === 'high';
    this.renderer = new WebGLRenderer({ canvas, antialias: high, powerPreference: 'high-performance' });
    this.renderer.toneMapping = NeutralToneMapping;
    this.renderer.toneMappingExposure = 1.15;
    this.renderer.shadowMap.enabled = high;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.ratioMax = high ? Math.min(devicePixelRatio, 2) : 1;
    this.ratio = this.ratioMax;

    this.dome = skyDome(SKY_TOP.clone(), SKY_RIM.clone(), GROUND);
    this.grid = high ? floorGrid() : plainGrid();
    this.sun.castShadow = high;
    this.sun.shadow.mapSize.set(2048, 2048);
    const view = this.sun.shadow.camera;
    view.left = view.bottom = -28;
    view.right = view.top = 28;
    view.far = 140;
    this.sun.shadow.bias = -0.0004;
    this.sun.shadow.normalBias = 0.03;
    this.scene.fog = this.fog;
    this.scene.add(this.dome, this.grid, this.sky, this.sun, this.sun.target);
    if (high) this.reflections();
    this.light(null, null);
  }

  /** Is a picture possible at all right now? */
  get contextLost(): boolean {
    return this.renderer.getContext().isContextLost();
  }

  /** Sun and sky as the scene lights itself, or the stage's own where it does not. */
  light(sun: Light | null, ambient: Light | null): void {
    if (sun) this.sun.color.setRGB(...sun.colour);
    else this.sun.color.set(SUN_COLOUR);
    this.sun.intensity = sun ? sun.intensity : ambient ? 0 : SUN;
    // Without reflections the sky has to light more.
    this.sky.intensity = ambient ? 0 : this.quality === 'high' ? SKY : SKY * 2;
    this.scene.environmentIntensity = ambient ? 0.35 : 0.55;
    // What lights a scene from everywhere is its sky, so it also has the sky's colour.
    const [rim, top] = [SKY_RIM.clone(), SKY_TOP.clone()];
    if (ambient) {
      const glow = Math.min(1, ambient.intensity);
      rim.setRGB(...ambient.colour).multiplyScalar(glow * 0.62);
      top.setRGB(...ambient.colour).multiply(ZENITH).multiplyScalar(glow * 0.4);
    }
    const { uniforms } = this.dome.material;
    (uniforms['rim']!.value as Color).copy(rim);
    (uniforms['top']!.value as Color).copy(top);
    this.fog.color.copy(rim).lerp(GROUND, 0.3);
  }

  /** Draws a frame with sun, sky and grid following `focus`; `sunward` is where the sun shines to. */
  draw(focus: Vector3, sunward: Vector3 | null): void {
    this.fit();
    this.dome.position.copy(this.camera.position);
    // In whole steps of ten metres, so that lines stay where they are while one walks.
    this.grid.position.set(Math.round(focus.x / 10) * 10, -0.03, Math.round(focus.z / 10) * 10);
    // Whole metres keep the shadow's texels still while one walks.
    const [x, z] = [Math.round(focus.x), Math.round(focus.z)];
    this.sun.target.position.set(x, focus.y, z);
    this.sun.position.copy(this.sun.target.position).addScaledVector(sunward ?? SUNWARD, -60);
    this.renderer.render(this.scene, this.camera);
  }

  dispose(): void {
    this.renderer.dispose();
  }

  /** Follows the element's size, and trades resolution for time on weak machines. */
  private fit(): void {
    const now = performance.now();
    const passed = Math.min(now - this.lastMs, 100);
    this.lastMs = now;
    this.frameMs += (passed - this.frameMs) * 0.02;
    if (this.frameMs > SLOW_MS && this.ratio > 0.6) this.rescale(0.85);
    else if (this.frameMs < FAST_MS && this.ratio < this.ratioMax) this.rescale(1.15);

    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (width === 0 || height === 0) return;
    const size = this.renderer.domElement;
    if (size.width === Math.floor(width * this.ratio) && size.height === Math.floor(height * this.ratio)) return;
    this.renderer.setPixelRatio(this.ratio);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    // Tall screens see the same width as square ones, not a slit of it.
    this.camera.fov = width < height ? 78 : 62;
    this.camera.updateProjectionMatrix();
  }

  private rescale(factor: number): void {
    this.ratio = Math.max(0.5, Math.min(this.ratioMax, this.ratio * factor));
    this.frameMs = (SLOW_MS + FAST_MS) / 2;
  }

  /** Metals reflect the sky: without it they would be black. */
  private reflections(): void {
    const generator = new PMREMGenerator(this.renderer);
    const surroundings = new Scene();
    // Brighter than what one sees of the sky: a night sky would light nothing.
    surroundings.add(skyDome(new Color('#cdd9f5'), new Color('#8d97ad'), new Color('#4b453d')));
    this.scene.environment = generator.fromScene(surroundings, 0.03, 1, 1000).texture;
    generator.dispose();
  }
}

/** Software renderers say who they are; they get the plain picture. */
export function guessQuality(): Quality {
  const context = document.createElement('canvas').getContext('webgl2');
  if (!context) return 'low';
  const info = context.getExtension('WEBGL_debug_renderer_info');
  const name = info ? String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) : '';
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name) ? 'low' : 'high';
}

function skyDome(top: Color, rim: Color, ground: Color): Mesh<SphereGeometry, ShaderMaterial> {
  const material = new ShaderMaterial({
    side: BackSide,
    depthWrite: false,
    fog: false,
    uniforms: { top: { value: top }, rim: { value: rim }, ground: { value: ground } },
    // Shaded at its corners: a picture drawn by software has a million points and no time.
    vertexShader: `
      varying vec3 colour;
      uniform vec3 top; uniform vec3 rim; uniform vec3 ground;
      void main() {
        float h = normalize(position).y;
        colour = h > 0.0 ? mix(rim, top, pow(min(h * 1.6, 1.0), 0.55)) : mix(rim, ground, pow(min(-h * 5.0, 1.0), 0.6));
        gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
      }`,
    fragmentShader: `
      varying vec3 colour;
      void main() {
        gl_FragColor = vec4(colour, 1.0);
        #include <colorspace_fragment>
      }`,
  });
  const dome = new Mesh(new SphereGeometry(800, 16, 64), material);
  dome.renderOrder = -2;
  dome.frustumCulled = false;
  return dome;
}

function plainGrid(): Object3D {
  const grid = new GridHelper(120, 12, GRID, GRID);
  grid.material.transparent = true;
  grid.material.opacity = 0.14;
  return grid;
}

function floorGrid(): Object3D {
  const material = new ShaderMaterial({
    transparent: true,
    depthWrite: false,
    fog: false,
    uniforms: { line: { value: GRID } },
    vertexShader: `
      varying vec3 world; varying vec2 here;
      void main() {
        vec4 at = modelMatrix * vec4(position, 1.0);
        world = at.xyz; here = at.xz - cameraPosition.xz;
        gl_Position = projectionMatrix * viewMatrix * at;
      }`,
    fragmentShader: `
      varying vec3 world; varying vec2 here;
      uniform vec3 line;
      float lines(float step, float width) {
        vec2 at = world.xz / step;
        vec2 edge = abs(fract(at - 0.5) - 0.5) / (fwidth(at) * width);
        return 1.0 - min(min(edge.x, edge.y), 1.0);
      }
      void main() {
        float fade = exp(-dot(here, here) * 0.0009);
        gl_FragColor = vec4(line, max(lines(1.0, 1.0) * 0.10, lines(10.0, 1.4) * 0.30) * fade);
        #include <colorspace_fragment>
      }`,
  });
  const grid = new Mesh(new PlaneGeometry(240, 240).rotateX(-Math.PI / 2), material);
  grid.renderOrder = -1;
  grid.frustumCulled = false;
  return grid;
}
