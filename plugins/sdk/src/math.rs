//! Vectors and quaternions, the same bits natively and in a module.
//!
//! Sums, products, quotients and roots are exact instructions everywhere. The sine is not, and the platform's differs
//! from a module's, so it is computed here, from products and sums alone.

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

/// The smaller one; `b` where they cannot be compared. `f32::min` minds such cases, and in a module that is a call.
#[inline]
#[must_use]
pub const fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The larger one; `b` where they cannot be compared. `f32::max` minds such cases, and in a module that is a call.
#[inline]
#[must_use]
pub const fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// No less than `min` and no more than `max`. `f32::clamp` panics where they are the wrong way round, and what it would
/// say then brings 15 kB of text-making into a module.
#[inline]
#[must_use]
pub const fn bound(value: f32, min: f32, max: f32) -> f32 {
    smaller(larger(value, min), max)
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
        + z * x * (-0.166_666_666_416_265_24 + z * 0.008_333_329_385_889_463)
        + z * x * w * (-0.000_198_393_348_360_966_32 + z * 0.000_002_718_311_493_989_822);
    let cos = 1.0
        + z * -0.499_999_997_251_031
        + w * 0.041_666_623_323_739_06
        + w * z * (-0.001_388_676_377_460_993 + z * 0.000_024_390_448_796_277_41);
    let (sin, cos) = (sin as f32, cos as f32);
    match quarters as i64 & 3 {
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
        let [x, y, z] = direction;
        let level = (x * x + z * z).sqrt();
        let length = (x * x + y * y + z * z).sqrt();
        // Half of an angle is half way between 0 and it: 1 + cos and sin, whatever their length. Nearly straight back
        // that would be nothing, and is a half turn.
        let (yaw_w, yaw_y) = if level - z > 1.0e-6 * level { (level - z, -x) } else { (0.0, 1.0) };
        // Straight up or down any heading is as good.
        let (yaw_w, yaw_y) = if level > 1.0e-12 { (yaw_w, yaw_y) } else { (1.0, 0.0) };
        let (pitch_w, pitch_x) = (length + level, y);
        let turned = Quat { x: yaw_w * pitch_x, y: yaw_y * pitch_w, z: -yaw_y * pitch_x, w: yaw_w * pitch_w };
        turned.normalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_those_of_the_platform_nearly() {
        for i in -20_000..20_000 {
            let angle = i as f32 * 0.01;
            let (sin, cos) = sin_cos(angle);
            let wide = f64::from(angle);
            assert!((f64::from(sin) - wide.sin()).abs() < 1.0e-7, "{angle}");
            assert!((f64::from(cos) - wide.cos()).abs() < 1.0e-7, "{angle}");
        }
    }

    #[test]
    fn looking_turns_forward_that_way_and_stays_upright() {
        let some = [-3.0, -1.0, -1.0e-4, 0.0, 1.0e-4, 0.5, 2.0];
        for x in some {
            for y in some {
                for z in some.into_iter().filter(|z| [x, y, *z] != [0.0; 3]) {
                    let turn = Quat::looking([x, y, z]);
                    let forward = turn.rotate([0.0, 0.0, -1.0]);
                    assert!(distance_squared(forward, normalize([x, y, z])) < 1.0e-5, "{x} {y} {z}: {forward:?}");
                    let (right, up) = (turn.rotate([1.0, 0.0, 0.0]), turn.rotate([0.0, 1.0, 0.0]));
                    assert!(right[1].abs() < 1.0e-4 && up[1] > -1.0e-4, "{x} {y} {z}: {right:?} {up:?}");
                }
            }
        }
        assert_eq!(Quat::looking([0.0; 3]), Quat::IDENTITY);
    }

    #[test]
    fn turning_there_and_back_is_nothing() {
        let turn = Quat::from_axis_angle(normalize([1.0, 2.0, -0.5]), 1.2);
        let back = turn.inverse().rotate(turn.rotate([1.0, 2.0, 3.0]));
        assert!(distance_squared(back, [1.0, 2.0, 3.0]) < 1.0e-10, "{back:?}");
        let twice = Quat::from_axis_angle([0.0, 1.0, 0.0], 0.5).times(Quat::from_axis_angle([0.0, 1.0, 0.0], 0.7));
        assert!((twice.w - Quat::from_axis_angle([0.0, 1.0, 0.0], 1.2).w).abs() < 1.0e-6);
    }
}
