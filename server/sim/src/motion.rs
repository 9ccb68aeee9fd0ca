//! Movement that a scene or a player asked for: lines, orbits, waypoints, bouncing.

use bevy_app::App;
use bevy_ecs::query::Without;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Query, Res};
use hd1_world::components::{Authority, BodyKind, Motion, RigidBody, Transform, Velocity};
use hd1_world::movement::step_motion;
use hd1_world::phases::Simulate;

use crate::physics::PhysicsSystems;
use crate::step::Step;

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.add_systems(Simulate, integrate.before(PhysicsSystems));
}

/// What moves, and how.
type Moving = (&'static Motion, &'static mut Transform, &'static mut Velocity, Option<&'static RigidBody>);

/// Each entity moves by itself, so the order does not matter. A dynamic body is moved by physics alone, and what a player
/// drives by that player.
fn integrate(step: Res<Step>, mut moving: Query<Moving, Without<Authority>>) {
    for (motion, mut transform, mut velocity, body) in &mut moving {
        if body.is_some_and(|body| body.kind != BodyKind::Kinematic) {
            continue;
        }
        let (was, speed) = (transform.clone(), velocity.clone());
        let (mut next, mut next_speed) = (was.clone(), speed.clone());
        step_motion(motion, &mut next, &mut next_speed, step.tick.0, step.dt);
        if next != was {
            *transform = next;
        }
        if next_speed != speed {
            *velocity = next_speed;
        }
    }
}
