//! Parents and children: what hangs on a gone entity goes too, in the same tick.

use bevy_app::App;
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{IntoScheduleConfigs, SystemSet};
use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_world::components::Parent;
use hd1_world::phases::Resolve;
use hd1_world::{NetIndex, Networked, Removals, entity_of};

use crate::entities;
use crate::limits::PARENT_DEPTH_MAX;

/// The systems of this feature.
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HierarchySystems;

/// Removals seen so far: without new ones no entity can have lost its parent.
#[derive(Resource, Default)]
struct Seen(u64);

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.init_resource::<Seen>();
    app.add_systems(Resolve, despawn_orphans.in_set(HierarchySystems));
}

pub(crate) fn despawn_orphans(world: &mut World) {
    if world.resource::<Removals>().end() == world.resource::<Seen>().0 {
        return;
    }
    let mut children = world.query::<(&Networked, &Parent)>();
    // Each round takes one level; a tree is no deeper than the rules admit.
    for _ in 0..=PARENT_DEPTH_MAX {
        let index = world.resource::<NetIndex>();
        let orphaned = |parent: &Parent| parent.entity != NetId::NONE && index.entity(parent.entity).is_none();
        let mut orphans: Vec<NetId> =
            children.iter(world).filter(|(_, parent)| orphaned(parent)).map(|(id, _)| id.0).collect();
        if orphans.is_empty() {
            break;
        }
        orphans.sort_unstable();
        for id in orphans {
            entities::despawn(world, id);
        }
    }
    let end = world.resource::<Removals>().end();
    world.resource_mut::<Seen>().0 = end;
}

/// Would hanging `child` on `parent` make a circle or too deep a tree?
pub(crate) fn makes_circle(world: &World, child: Option<NetId>, parent: NetId) -> bool {
    let mut at = parent;
    for _ in 0..PARENT_DEPTH_MAX {
        if Some(at) == child {
            return true;
        }
        let Some(entity) = entity_of(world, at) else { return false };
        match world.get::<Parent>(entity) {
            Some(next) if next.entity != NetId::NONE => at = next.entity,
            _ => return false,
        }
    }
    true
}
