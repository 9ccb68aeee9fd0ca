//! The few vector and quaternion operations that components need, on plain arrays.
//!
//! They go through `libm`, not through the platform's mathematics library: a client that predicts in wasm gets the same
//! bits as the server.

/// x, y, z.
pub type Vec3 = [f32; 3];
/// x, y, z, w.
pub type Quat = [f32; 4];

/// No rotation.
pub const QUAT_IDENTITY: Quat = [0.0, 0.0, 0.0, 1.0];

/// `a + b`.
#[must_use]
pub fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// `a - b`.
#[must_use]
pub fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a * s`.
#[must_use]
pub fn scale(a: Vec3, s: f32) -> Vec3 {
    [a[0] * s, a[1] * s, a[2] * s]
}

/// Length in the unit of `a`.
#[must_use]
pub fn length(a: Vec3) -> f32 {
    libm::sqrtf(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
}

/// The vector between `a` and `b` at `t` from 0 to 1.
#[must_use]
pub fn lerp(a: Vec3, b: Vec3, t: f32) -> Vec3 {
    add(a, scale(sub(b, a), t))
}

/// Each axis held between `min` and `max`.
#[must_use]
pub fn clamp(a: Vec3, min: Vec3, max: Vec3) -> Vec3 {
    [0, 1, 2].map(|i| a[i].max(min[i]).min(max[i]))
}

/// Hamilton product: the rotation `b`, then `a`.
#[must_use]
pub fn quat_mul(a: Quat, b: Quat) -> Quat {
    [
        a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
        a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
        a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
        a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
    ]
}

/// The opposite rotation of a unit quaternion.
#[must_use]
pub fn quat_conjugate(q: Quat) -> Quat {
    [-q[0], -q[1], -q[2], q[3]]
}

/// `v` turned by the unit quaternion `q`.
#[must_use]
pub fn quat_rotate(q: Quat, v: Vec3) -> Vec3 {
    let turned = quat_mul(quat_mul(q, [v[0], v[1], v[2], 0.0]), quat_conjugate(q));
    [turned[0], turned[1], turned[2]]
}

/// Unit length; the identity where there is none.
#[must_use]
pub fn quat_normalise(q: Quat) -> Quat {
    let norm = libm::sqrtf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if norm > 1.0e-9 { q.map(|x| x / norm) } else { QUAT_IDENTITY }
}

/// A turn of `radians` about +Y.
#[must_use]
pub fn quat_yaw(radians: f32) -> Quat {
    [0.0, libm::sinf(radians * 0.5), 0.0, libm::cosf(radians * 0.5)]
}

/// `q` turned by the angular velocity `w` (rad/s, world axes) for `dt` seconds.
#[must_use]
pub fn quat_integrate(q: Quat, w: Vec3, dt: f32) -> Quat {
    let speed = length(w);
    if speed <= 0.0 {
        return q;
    }
    let half = speed * dt * 0.5;
    let s = libm::sinf(half) / speed;
    quat_normalise(quat_mul([w[0] * s, w[1] * s, w[2] * s, libm::cosf(half)], q))
}

/// An angle brought into −π to π.
#[must_use]
pub fn wrap_angle(radians: f32) -> f32 {
    use core::f32::consts::{PI, TAU};
    if (-PI..=PI).contains(&radians) { radians } else { radians - TAU * libm::floorf((radians + PI) / TAU) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_keeps_its_length() {
        let mut q = QUAT_IDENTITY;
        for _ in 0..10_000 {
            q = quat_integrate(q, [0.3, 1.7, -0.4], 1.0 / 30.0);
        }
        let norm: f32 = q.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1.0e-5, "{norm}");
        let turned = quat_rotate(quat_yaw(core::f32::consts::FRAC_PI_2), [1.0, 2.0, 0.0]);
        assert!(length(sub(turned, [0.0, 2.0, -1.0])) < 1.0e-6, "+X goes to -Z: {turned:?}");
        assert_eq!(wrap_angle(1.0), 1.0);
        assert!((wrap_angle(7.0) - (7.0 - core::f32::consts::TAU)).abs() < 1.0e-5);
    }
}
