// The part of the world that changes seldom, as JSON: which rows are drawn how.

export type Shape = 'box' | 'sphere' | 'cylinder' | 'plane' | 'asset' | 'none';

export type Rgb = [number, number, number];

export interface Material {
  kind: 'basic' | 'phong' | 'standard';
  opacity: number;
  metalness: number;
  roughness: number;
  /** Linear red, green, blue. */
  emissive: Rgb;
}

/** Rows `start .. start + count` share a shape and a material: one draw call. */
export interface Batch {
  shape: Shape;
  material: Material;
  start: number;
  count: number;
}

export interface Label {
  row: number;
  id: number;
  text: string;
  /** `#rrggbb` */
  color: string;
  /** Metres above the entity's position. */
  offset: number;
}

export interface Avatar {
  row: number;
  id: number;
  player: number;
}

export interface Light {
  row: number;
  id: number;
  kind: 'ambient' | 'directional' | 'point' | 'spot';
  /** Linear red, green, blue. */
  colour: Rgb;
  intensity: number;
  /** Metres; 0 is without end. */
  range: number;
  /** Radians from a spot's axis to its edge. */
  cone: number;
}

export interface Table {
  version: number;
  batches: Batch[];
  labels: Label[];
  avatars: Avatar[];
  lights: Light[];
}

export interface Stats {
  tick: number;
  entities: number;
  rtt_ms: number | null;
  /** How far what is drawn lies behind the server, were it asked now. */
  staleness_ms: number | null;
  /** The drawn moment in ticks: what a `pick` names, rounded. */
  drawn_tick: number | null;
  /** How far the drawn moment lies behind the newest tick. */
  delay_ms: number;
  /** How much later than the quickest nearly all of the last ticks came. */
  jitter_ms: number;
  /** Between the own avatar in the newest tick and what was predicted for it, where it was. */
  prediction_error_m: number | null;
  /** States that moved the prediction. */
  corrections: number;
  /** Inputs that the server has not confirmed. */
  pending_inputs: number;
}

/** An entity's components by name, in the JSON form of their schemas. */
export interface EntityView {
  id: number;
  components: Record<string, Record<string, unknown>>;
}
