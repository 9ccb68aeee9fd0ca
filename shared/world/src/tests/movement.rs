//! How moving things step.

use crate::components::{Motion, MotionMode, Transform, Velocity};
use crate::math;
use crate::movement::step_motion;

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
