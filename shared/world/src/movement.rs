//! How things move without physics, as functions of their state and the step: the server calls them in a tick, clients
//! may call them to predict.

use serde::{Deserialize, Serialize};

use crate::components::{Motion, MotionMode, Transform, Velocity};
use crate::math::{self, Vec3};

/// How avatars move in a world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveRules {
    /// On the floor, or freely along the view.
    pub mode: MoveMode,
    /// Metres a second.
    pub speed: f32,
    /// Factor on the speed while sprinting.
    pub sprint: f32,
    /// Metres a second upwards at a jump.
    pub jump: f32,
    /// Metres a second per second downwards while in the air, on foot.
    pub fall: f32,
    /// Height of an avatar's centre when it stands, in metres.
    pub floor: f32,
    /// Least corner that an avatar's centre can reach, in metres.
    pub min: Vec3,
    /// Greatest corner.
    pub max: Vec3,
}

/// Whether avatars walk or fly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveMode {
    /// On the floor, with jumps.
    #[default]
    Walk,
    /// Along the view, up and down too.
    Fly,
}

/// What a player wants, held until the next sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Right (+) or left (-), -1 to 1.
    pub strafe: f32,
    /// Forward (+) or back (-), -1 to 1.
    pub forward: f32,
    /// About +Y in radians.
    pub yaw: f32,
    /// Up (+) or down (-) in radians.
    pub pitch: f32,
    /// Bit set, see the constants.
    pub buttons: u16,
}

impl Intent {
    /// Jump on foot, rise in flight.
    pub const JUMP: u16 = 1;
    /// Faster.
    pub const SPRINT: u16 = 2;

    /// The nearest intent whose numbers are finite and in range: what comes from outside may hold anything.
    #[must_use]
    pub fn sane(self) -> Intent {
        let unit = |v: f32| if v.is_finite() { v.clamp(-1.0, 1.0) } else { 0.0 };
        let angle = |v: f32| if v.is_finite() && v.abs() < 1.0e6 { math::wrap_angle(v) } else { 0.0 };
        let half_turn = core::f32::consts::FRAC_PI_2;
        Intent {
            strafe: unit(self.strafe),
            forward: unit(self.forward),
            yaw: angle(self.yaw),
            pitch: angle(self.pitch).clamp(-half_turn, half_turn),
            buttons: self.buttons,
        }
    }
}

/// An avatar's moving part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// Centre, in metres.
    pub position: Vec3,
    /// Upwards, in metres a second.
    pub rise: f32,
}

/// So near the floor one stands on it.
const STANDING_M: f32 = 1.0e-4;

/// One step of an avatar.
#[must_use]
pub fn step_avatar(mover: Mover, intent: Intent, dt: f32, rules: &MoveRules) -> Mover {
    let (sin, cos) = (libm::sinf(intent.yaw), libm::cosf(intent.yaw));
    let mut wish = [intent.strafe * cos - intent.forward * sin, 0.0, -intent.strafe * sin - intent.forward * cos];
    let pressed = |button| intent.buttons & button != 0;
    if rules.mode == MoveMode::Fly {
        let (up, level) = (libm::sinf(intent.pitch), libm::cosf(intent.pitch));
        wish = [
            intent.strafe * cos - intent.forward * sin * level,
            intent.forward * up + if pressed(Intent::JUMP) { 1.0 } else { 0.0 },
            -intent.strafe * sin - intent.forward * cos * level,
        ];
    }
    // Diagonals are no faster; a half-pushed stick stays half as fast.
    let reach = math::length(wish);
    let speed = rules.speed * if pressed(Intent::SPRINT) { rules.sprint } else { 1.0 };
    let step = math::scale(wish, speed * dt / reach.max(1.0));
    let mut next = Mover { position: math::add(mover.position, step), rise: 0.0 };
    if rules.mode == MoveMode::Walk {
        let floor = rules.floor.max(rules.min[1]);
        let standing = mover.position[1] <= floor + STANDING_M && mover.rise <= 0.0;
        let rise = if standing && pressed(Intent::JUMP) { rules.jump } else { mover.rise };
        next.rise = if standing && !pressed(Intent::JUMP) { 0.0 } else { rise - rules.fall * dt };
        next.position[1] = mover.position[1] + next.rise * dt;
        if next.position[1] <= floor + STANDING_M && next.rise <= 0.0 {
            next.position[1] = floor;
            next.rise = 0.0;
        }
    }
    next.position = math::clamp(next.position, rules.min, rules.max);
    next
}

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
