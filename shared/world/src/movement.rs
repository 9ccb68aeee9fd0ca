//! How things move without physics, as functions of their state and the step. Those of avatars are shared with clients.

use crate::components::{Motion, MotionMode, Transform, Velocity};
use crate::math::{self, Vec3};

pub use hd1_movement::avatar::{Intent, MoveMode, MoveRules, Mover, step_avatar};

/// One step of a [`Motion`]: changes the transform (and, on a bounce, the velocity) to those at `tick`.
pub fn step_motion(motion: &Motion, transform: &mut Transform, velocity: &mut Velocity, tick: u64, dt: f32) {
    transform.rotation = math::quat_integrate(transform.rotation, velocity.angular, dt);
    match motion.mode {
        MotionMode::Linear => transform.position = math::add(transform.position, math::scale(velocity.linear, dt)),
        MotionMode::Bounce => bounce(motion, transform, velocity, dt),
        MotionMode::Orbit => {
            let turns = rounds(tick, dt, f64::from(motion.period)) + f64::from(motion.phase);
            let angle = (turns.rem_euclid(1.0) * core::f64::consts::TAU) as f32;
            let offset = [motion.radius * libm::cosf(angle), 0.0, motion.radius * libm::sinf(angle)];
            transform.position = math::add(motion.center, offset);
        }
        MotionMode::Waypoints => {
            if let Some(position) = along(motion, tick, dt) {
                transform.position = position;
            }
        }
    }
    let edge = crate::limits::WORLD_HALF_EXTENT_M;
    transform.position = math::clamp(transform.position, [-edge; 3], [edge; 3]);
}

/// How often a period has passed; reckoned from the tick so that no error gathers.
fn rounds(tick: u64, dt: f32, period_s: f64) -> f64 {
    if period_s.abs() < 1.0e-6 { 0.0 } else { tick as f64 * f64::from(dt) / period_s }
}

fn bounce(motion: &Motion, transform: &mut Transform, velocity: &mut Velocity, dt: f32) {
    for axis in 0..3 {
        let mut next = transform.position[axis] + velocity.linear[axis] * dt;
        if next < motion.min[axis] && velocity.linear[axis] < 0.0
            || next > motion.max[axis] && velocity.linear[axis] > 0.0
        {
            velocity.linear[axis] = -velocity.linear[axis];
            next = transform.position[axis].max(motion.min[axis]).min(motion.max[axis]);
        }
        transform.position[axis] = next;
    }
}

fn along(motion: &Motion, tick: u64, dt: f32) -> Option<Vec3> {
    let points = &motion.points;
    let leg = |i: usize| math::length(math::sub(points[(i + 1) % points.len()], points[i]));
    let total: f32 = (0..points.len()).map(leg).sum();
    if total <= 0.0 || motion.speed <= 0.0 {
        return points.first().copied();
    }
    let round = rounds(tick, dt, f64::from(total / motion.speed)) + f64::from(motion.phase);
    let mut rest = (round.rem_euclid(1.0) * f64::from(total)) as f32;
    for i in 0..points.len() {
        let length = leg(i);
        if rest <= length && length > 0.0 {
            return Some(math::lerp(points[i], points[(i + 1) % points.len()], rest / length));
        }
        rest -= length;
    }
    points.first().copied()
}
