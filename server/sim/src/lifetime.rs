//! Entities that end by themselves.

use bevy_app::App;
use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_world::Networked;
use hd1_world::components::Lifetime;
use hd1_world::phases::Resolve;

use crate::entities;
use crate::hierarchy;
use crate::step::Step;
use bevy_ecs::schedule::IntoScheduleConfigs;

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.add_systems(Resolve, expire.before(hierarchy::HierarchySystems));
}

fn expire(world: &mut World) {
    let Step { tick, rate, .. } = *world.resource::<Step>();
    let mut ended: Vec<NetId> = Vec::new();
    let mut lives = world.query::<(&Networked, &mut Lifetime)>();
    for (id, mut life) in lives.iter_mut(world) {
        if life.until == 0 {
            let ticks = libm::ceilf(life.seconds * rate.hz() as f32) as u64;
            life.until = (tick.0 + ticks.max(1)).min(i32::MAX as u64) as u32;
        }
        if tick.0 >= u64::from(life.until) {
            ended.push(id.0);
        }
    }
    ended.sort_unstable();
    for id in ended {
        entities::despawn(world, id);
    }
}
