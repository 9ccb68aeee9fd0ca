//! Vectors and quaternions, the same bits natively and in a module.
//!
//! Sums, products, quotients and roots are exact instructions everywhere. The sine is not, and the platform's differs from
//! a module's, so it is computed here, from products and sums alone.

use crate::Quat;

/// `a + b`.
#[inline]
#[must_use]
pub const fn add(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// `a - b`.
#[inline]
#[must_use]
pub const fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` times a number.
#[inline]
#[must_use]
pub const fn scale(a: [f32; 3], by: f32) -> [f32; 3] {
    [a[0] * by, a[1] * by, a[2] * by]
}

/// The inner product.
#[inline]
#[must_use]
pub const fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The outer product.
#[inline]
#[must_use]
pub const fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// How long it is.
#[inline]
#[must_use]
pub fn length(a: [f32; 3]) -> f32 {
    dot(a, a).sqrt()
}

/// How far apart they are, squared: enough to compare, and no root.
#[inline]
#[must_use]
pub const fn distance_squared(a: [f32; 3], b: [f32; 3]) -> f32 {
    let d = sub(a, b);
    dot(d, d)
}

/// The same direction of length 1; nothing where it has none.
#[inline]
#[must_use]
pub fn normalize(a: [f32; 3]) -> [f32; 3] {
    let length = length(a);
    if length > 1.0e-12 { scale(a, 1.0 / length) } else { [0.0; 3] }
}

/// No longer than `max`.
#[inline]
#[must_use]
pub fn clamp_length(a: [f32; 3], max: f32) -> [f32; 3] {
    let squared = dot(a, a);
    if squared > max * max { scale(a, max / squared.sqrt()) } else { a }
}

/// From `a` (0) to `b` (1).
#[inline]
#[must_use]
pub const fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Sine and cosine of an angle in radians, to the last bit or the one before it; for angles within a million or so.
#[must_use]
pub fn sin_cos(angle: f32) -> (f32, f32) {
    use std::f64::consts::FRAC_PI_2;
    // To within an eighth of a turn of 0, where the polynomials of musl's `sinf` and `cosf` hold.
    let quarters = (f64::from(angle) / FRAC_PI_2).round_ties_even();
    let x = f64::from(angle) - quarters * FRAC_PI_2;
    let z = x * x;
    let w = z * z;
    let sin = x
        + z * x * (-0.166666666416265235595 + z * 0.0083333293858894631756)
        + z * x * w * (-0.000198393348360966317347 + z * 0.0000027183114939898219064);
    let cos = 1.0
        + z * -0.499999997251031003120
        + w * 0.0416666233237390631894
        + w * z * (-0.00138867637746099294692 + z * 0.0000243904487962774090654);
    let (sin, cos) = (sin as f32, cos as f32);
    match quarters.rem_euclid(4.0) as u8 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

impl Quat {
    /// About an axis of length 1, by an angle in radians.
    #[must_use]
    pub fn from_axis_angle(axis: [f32; 3], angle: f32) -> Quat {
        let (sin, cos) = sin_cos(angle * 0.5);
        let [x, y, z] = scale(axis, sin);
        Quat { x, y, z, w: cos }
    }

    /// First `other`, then this.
    #[inline]
    #[must_use]
    pub const fn times(self, other: Quat) -> Quat {
        let (a, b) = (self, other);
        Quat {
            x: a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
            y: a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
            z: a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
            w: a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
        }
    }

    /// The other way round.
    #[inline]
    #[must_use]
    pub const fn inverse(self) -> Quat {
        Quat { x: -self.x, y: -self.y, z: -self.z, w: self.w }
    }

    /// Turns a vector.
    #[inline]
    #[must_use]
    pub const fn rotate(self, v: [f32; 3]) -> [f32; 3] {
        let axis = [self.x, self.y, self.z];
        let twice = scale(cross(axis, v), 2.0);
        add(add(v, scale(twice, self.w)), cross(axis, twice))
    }

    /// Of length 1 again; no rotation where it has no length.
    #[must_use]
    pub fn normalize(self) -> Quat {
        let Quat { x, y, z, w } = self;
        let length = (x * x + y * y + z * z + w * w).sqrt();
        if length > 1.0e-12 {
            Quat { x: x / length, y: y / length, z: z / length, w: w / length }
        } else {
            Quat::IDENTITY
        }
    }

    /// That turns -Z, which is forward, to a direction, upright as far as it can be.
    #[must_use]
    pub fn looking(direction: [f32; 3]) -> Quat {
        let forward = normalize(direction);
        let level = (forward[0] * forward[0] + forward[2] * forward[2]).sqrt();
        if level < 1.0e-6 {
            // Straight up or down: a quarter about X, and any heading is as good.
            let half = std::f32::consts::FRAC_1_SQRT_2;
            return if forward[1] == 0.0 {
                Quat::IDENTITY
            } else {
                Quat { x: half.copysign(forward[1]), y: 0.0, z: 0.0, w: half }
            };
        }
        let yaw = half_angle(-forward[2] / level, -forward[0]);
        let pitch = half_angle(level, forward[1]);
        Quat { x: 0.0, y: yaw.1, z: 0.0, w: yaw.0 }.times(Quat { x: pitch.1, y: 0.0, z: 0.0, w: pitch.0 })
    }
}

/// Cosine and sine of half of an angle, of its cosine and the sign of its sine.
fn half_angle(cos: f32, sine_sign: f32) -> (f32, f32) {
    let half = |square: f32| (square.max(0.0) * 0.5).sqrt();
    (half(1.0 + cos), half(1.0 - cos).copysign(sine_sign))
}
