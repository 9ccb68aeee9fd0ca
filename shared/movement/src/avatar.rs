//! How an avatar moves: the rules of a world, what its player wants, and one fixed step.

use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: MoveRules = MoveRules {
        mode: MoveMode::Walk,
        speed: 5.0,
        sprint: 2.0,
        jump: 5.0,
        fall: 10.0,
        floor: 0.9,
        min: [-50.0; 3],
        max: [50.0; 3],
    };

    fn walk(intent: Intent, rules: &MoveRules, ticks: usize) -> Mover {
        let start = Mover { position: [0.0, 0.9, 0.0], rise: 0.0 };
        (0..ticks).fold(start, |mover, _| step_avatar(mover, intent.sane(), 1.0 / 30.0, rules))
    }

    #[test]
    fn walking_goes_where_one_looks_at_the_speed_of_the_rules() {
        let ahead = walk(Intent { forward: 1.0, ..Intent::default() }, &RULES, 30);
        assert!((ahead.position[2] + 5.0).abs() < 1.0e-3, "{ahead:?}");
        let right = walk(Intent { forward: 1.0, yaw: -core::f32::consts::FRAC_PI_2, ..Intent::default() }, &RULES, 30);
        assert!((right.position[0] - 5.0).abs() < 1.0e-3, "{right:?}");
        let diagonal = walk(Intent { forward: 1.0, strafe: 1.0, ..Intent::default() }, &RULES, 30);
        assert!((math::length([diagonal.position[0], 0.0, diagonal.position[2]]) - 5.0).abs() < 1.0e-3);
        let far = walk(Intent { forward: 1.0, buttons: Intent::SPRINT, ..Intent::default() }, &RULES, 900);
        assert_eq!(far.position[2], -50.0, "held by the bounds");
        let still = walk(Intent { yaw: 1.0, ..Intent::default() }, &RULES, 900);
        assert_eq!(still, walk(Intent::default(), &RULES, 1), "standing still moves nothing");
    }

    #[test]
    fn a_jump_comes_down_again_and_flight_goes_up() {
        let jump = Intent { buttons: Intent::JUMP, ..Intent::default() };
        assert!(walk(jump, &RULES, 10).position[1] > 1.5);
        let mut mover = walk(jump, &RULES, 5);
        for _ in 0..60 {
            mover = step_avatar(mover, Intent::default(), 1.0 / 30.0, &RULES);
        }
        assert_eq!((mover.position[1], mover.rise), (0.9, 0.0));
        let fly = MoveRules { mode: MoveMode::Fly, ..RULES };
        let up = walk(Intent { forward: 1.0, pitch: 2.0, ..Intent::default() }, &fly, 30);
        assert!((up.position[1] - 5.9).abs() < 1.0e-3, "{up:?}");
    }

    #[test]
    fn intents_from_outside_are_made_sane() {
        let wild = Intent { strafe: f32::NAN, forward: 99.0, yaw: f32::INFINITY, pitch: -9.0, buttons: 0xffff };
        let sane = wild.sane();
        assert_eq!((sane.strafe, sane.forward, sane.yaw), (0.0, 1.0, 0.0));
        assert!((sane.pitch + core::f32::consts::FRAC_PI_2).abs() < 1.0e-6);
    }
}
