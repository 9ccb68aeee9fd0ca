//! Rigid bodies: Rapier moves what has a RigidBody, and everyone else sees the result as Transform and Velocity.
//!
//! Only worlds whose scene asks for physics have this feature. Bodies are made, moved and removed in the order of net
//! ids; a body asleep costs nothing but its place.

mod bodies;
mod contacts;

use bevy_app::App;
use bevy_ecs::message::Messages;
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{IntoScheduleConfigs, SystemSet};
use bevy_ecs::world::World;
use hd1_world::phases::Simulate;
use rapier3d::prelude::PhysicsWorld;

pub(crate) use bodies::Bodies;
pub use contacts::{ContactStarted, ContactStopped};

use crate::scene_info::SceneInfo;
use crate::step::Step;

/// The systems of this feature; what moves bodies by Transform comes before.
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PhysicsSystems;

/// Rapier's world and which body is which entity.
#[derive(Resource)]
pub(crate) struct Physics {
    pub(crate) world: PhysicsWorld,
    pub(crate) bodies: Bodies,
}

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    let mut world = PhysicsWorld::new();
    world.gravity = app.world().resource::<SceneInfo>().settings.gravity.unwrap_or_default().into();
    world.integration_parameters.dt = app.world().resource::<Step>().dt;
    app.insert_resource(Physics { world, bodies: Bodies::default() });
    app.init_resource::<Messages<ContactStarted>>();
    app.init_resource::<Messages<ContactStopped>>();
    app.add_systems(
        Simulate,
        (bodies::remove_gone, bodies::take_changes, step, bodies::write_back).chain().in_set(PhysicsSystems),
    );
}

fn step(world: &mut World) {
    world.resource_scope(|world, mut physics: bevy_ecs::world::Mut<Physics>| {
        let contacts = contacts::Collector::default();
        let Physics { world: rapier, bodies } = &mut *physics;
        bodies.note_active(rapier);
        rapier.step_with_events(&(), &contacts);
        bodies.note_active(rapier);
        contacts.tell(world, rapier);
    });
}
