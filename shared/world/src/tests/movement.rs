//! How avatars and moving things step.

use crate::components::{Motion, MotionMode, Transform, Velocity};
use crate::math;
use crate::movement::{Intent, MoveMode, MoveRules, Mover, step_avatar, step_motion};

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

#[test]
fn motions_stay_where_they_belong() {
    let bounce = Motion { mode: MotionMode::Bounce, min: [-3.0; 3], max: [3.0; 3], ..Motion::default() };
    let orbit = Motion { mode: MotionMode::Orbit, radius: 4.0, period: 2.0, ..Motion::default() };
    let square = vec![[0.0; 3], [4.0, 0.0, 0.0], [4.0, 0.0, 4.0], [0.0, 0.0, 4.0]];
    let route = Motion { mode: MotionMode::Waypoints, speed: 2.0, points: square, ..Motion::default() };
    let mut at = [Transform::default(), Transform::default(), Transform::default()];
    let mut speed = Velocity { linear: [7.0, -5.0, 3.0], angular: [0.0, 1.0, 0.0] };
    for tick in 1..=3000 {
        step_motion(&bounce, &mut at[0], &mut speed, tick, 1.0 / 30.0);
        step_motion(&orbit, &mut at[1], &mut Velocity::default(), tick, 1.0 / 30.0);
        step_motion(&route, &mut at[2], &mut Velocity::default(), tick, 1.0 / 30.0);
        assert!(at[0].position.iter().all(|x| x.abs() <= 3.0), "{:?}", at[0]);
        assert!((math::length(at[1].position) - 4.0).abs() < 1.0e-3);
        assert!(at[2].position.iter().all(|x| (-1.0e-3..=4.001).contains(x)), "{:?}", at[2]);
    }
    assert!(math::length(speed.linear) > 9.0, "a bounce loses no speed");
    step_motion(&route, &mut at[2], &mut Velocity::default(), 60, 1.0 / 30.0);
    assert!(math::length(math::sub(at[2].position, [4.0, 0.0, 0.0])) < 1.0e-3, "two seconds at 2 m/s");
}
