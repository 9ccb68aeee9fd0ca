// The state that Colyseus synchronises: a map of bodies, each seven 32-bit floats.

import { Encoder, schema, t } from "@colyseus/schema";

const number = t.float32;
const Body = schema({ x: number(), y: number(), z: number(), qx: number(), qy: number(), qz: number(), qw: number() }, "Body");
export const State = schema({ bodies: t.map(Body) }, "State");

const FIELDS = ["x", "y", "z", "qx", "qy", "qz", "qw"];

/** A server's state with all bodies at their spawns, and its encoder. */
export class Server {
  constructor(frames) {
    // All of it must fit: a join is encoded whole.
    Encoder.BUFFER_SIZE = 8 * 1024 * 1024;
    this.state = new State();
    this.bodies = [];
    for (let i = 0; i < frames.entityCount; i++) {
      const body = new Body();
      assign(body, frames.spawns, i * 7);
      this.bodies.push(body);
      this.state.bodies.set(String(i), body);
    }
    this.encoder = new Encoder(this.state);
    this.encoder.encodeAll();
    this.encoder.discardChanges();
  }

  /** Sets what changed in a tick. */
  apply(tick) {
    for (let i = 0; i < tick.count; i++) assign(this.bodies[tick.index(i)], tick.floats, tick.at(i));
  }

  /** What all clients are to be sent. */
  patch() {
    const bytes = Buffer.from(this.encoder.encode());
    this.encoder.discardChanges();
    return bytes;
  }

  /** What a newcomer is to be sent. */
  whole() {
    return Buffer.from(this.encoder.encodeAll());
  }
}

function assign(body, floats, at) {
  body.x = floats[at];
  body.y = floats[at + 1];
  body.z = floats[at + 2];
  body.qx = floats[at + 3];
  body.qy = floats[at + 4];
  body.qz = floats[at + 5];
  body.qw = floats[at + 6];
}

/** Does a client's state hold exactly these bodies? `expected` has seven floats a body. */
export function shows(state, expected) {
  for (let i = 0; i * 7 < expected.length; i++) {
    const body = state.bodies.get(String(i));
    if (!body || FIELDS.some((field, at) => body[field] !== expected[i * 7 + at])) return false;
  }
  return state.bodies.size * 7 === expected.length;
}
