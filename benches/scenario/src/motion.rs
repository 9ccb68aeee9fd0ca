//! How bodies move. Only `+ − × ÷ √`, so that every machine computes the same floats.

use crate::Random;

/// One body: metres, and a unit quaternion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// Where.
    pub position: [f32; 3],
    /// Metres a second.
    pub velocity: [f32; 3],
    /// x, y, z, w.
    pub rotation: [f32; 4],
    /// Radians a second about the world's axes.
    pub spin: [f32; 3],
}

impl Body {
    /// Is `position` within `metres` of it on each axis, and `rotation` the same rotation within `quat` on each of its
    /// four components? `q` and `−q` are one rotation.
    #[must_use]
    pub fn is_close(&self, position: [f32; 3], rotation: [f32; 4], metres: f32, quat: f32) -> bool {
        let near = |a: &[f32], b: &[f32], sign: f32, by: f32| a.iter().zip(b).all(|(a, b)| (a - sign * b).abs() <= by);
        near(&self.position, &position, 1.0, metres)
            && (near(&self.rotation, &rotation, 1.0, quat) || near(&self.rotation, &rotation, -1.0, quat))
    }
}

/// How the bodies of a scene move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Pushed and turned at random: the next step cannot be learnt. Some 4 m/s across the ground, 0.3 m/s up and down.
    Wander,
    /// Straight drift and constant spin.
    Tumble,
}

impl Motion {
    /// A body somewhere in the box of ± `half_m`.
    #[must_use]
    pub fn spawn(self, half_m: [f32; 3], random: &mut Random) -> Body {
        let place = random.vec3();
        let position = [0, 1, 2].map(|axis| place[axis] * half_m[axis]);
        let (speeds, spin) = match self {
            Motion::Wander => ([5.0, 0.4, 5.0], 1.5),
            Motion::Tumble => ([6.0, 6.0, 6.0], 1.5),
        };
        let pushed = random.vec3();
        let velocity = [0, 1, 2].map(|axis| pushed[axis] * speeds[axis]);
        Body { position, velocity, rotation: random.rotation(), spin: random.vec3().map(|v| v * spin) }
    }

    /// `dt_s` later; thrown back at the sides.
    pub fn step(self, body: &mut Body, half_m: [f32; 3], dt_s: f32, random: &mut Random) {
        if self == Motion::Wander {
            let (push, turn) = (random.vec3(), random.vec3());
            for axis in 0..3 {
                let strength = if axis == 1 { 3.0 } else { 40.0 };
                body.velocity[axis] += (push[axis] * strength - body.velocity[axis] * 0.5) * dt_s;
                body.spin[axis] += (turn[axis] * 15.0 - body.spin[axis] * 0.5) * dt_s;
            }
        }
        for ((position, velocity), half_m) in body.position.iter_mut().zip(&mut body.velocity).zip(half_m) {
            *position += *velocity * dt_s;
            if position.abs() > half_m {
                *position = position.clamp(-half_m, half_m);
                *velocity = -*velocity;
            }
        }
        body.rotation = turned(body.rotation, body.spin.map(|v| v * dt_s));
    }
}

/// A rotation turned on by `angle`, radians about the world's axes, small.
fn turned([x, y, z, w]: [f32; 4], angle: [f32; 3]) -> [f32; 4] {
    let [ax, ay, az] = angle.map(|v| v * 0.5);
    let q = [
        x + ax * w + ay * z - az * y,
        y + ay * w + az * x - ax * z,
        z + az * w + ax * y - ay * x,
        w - ax * x - ay * y - az * z,
    ];
    let norm = q.iter().map(|v| v * v).sum::<f32>().sqrt();
    q.map(|v| v / norm)
}
