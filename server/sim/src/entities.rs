//! The one way in and out of the world for entities: counts stay right, and ids are never used twice.

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;
use hd1_abi::Point;
use hd1_core::{NetId, PlayerId};
use hd1_schema::{ComponentId, Record};
use hd1_world::components::{Avatar, Owner, Transform};
use hd1_world::{Catalogue, Networked, entity_of};

use crate::authority;
use crate::players::Players;
use crate::plugins::hooks;

/// Makes an entity with the next id, these components and a Transform.
pub(crate) fn spawn(world: &mut World, components: &[(ComponentId, Record)], owner: Option<PlayerId>) -> NetId {
    let (id, entity) = hd1_world::spawn(world);
    fill(world, entity, components, owner);
    hooks::note_entity(world, Point::Spawned, id);
    id
}

/// The player who owns an entity.
pub(crate) fn owner(world: &World, id: NetId) -> Option<PlayerId> {
    world.get::<Owner>(entity_of(world, id)?).map(|owner| owner.player)
}

/// Makes an entity with an id of its own choice, which must be free.
pub(crate) fn spawn_as(world: &mut World, id: NetId, components: &[(ComponentId, Record)]) {
    let entity = world.spawn(Networked(id)).id();
    fill(world, entity, components, None);
}

/// Makes an entity with nothing but an id, for a snapshot to fill.
pub(crate) fn place(world: &mut World, id: NetId) {
    world.spawn(Networked(id));
}

fn fill(world: &mut World, entity: Entity, components: &[(ComponentId, Record)], owner: Option<PlayerId>) {
    let catalogue = world.resource::<Catalogue>().clone();
    let mut entity = world.entity_mut(entity);
    for (id, record) in components {
        if let Some(entry) = catalogue.by_id(*id) {
            entry.insert(&mut entity, record);
        }
    }
    if !entity.contains::<Transform>() {
        entity.insert(Transform::default());
    }
    if let Some(player) = owner {
        entity.insert(Owner { player });
        *world.resource_mut::<Players>().owned.entry(player).or_default() += 1;
    }
}

/// Removes an entity, where there is one; its children follow in Resolve.
pub(crate) fn despawn(world: &mut World, id: NetId) {
    let Some(entity) = entity_of(world, id) else { return };
    hooks::note_entity(world, Point::Despawned, id);
    let owner = world.get::<Owner>(entity).map(|owner| owner.player);
    let avatar = world.get::<Avatar>(entity).is_some();
    authority::forget(world, id, entity);
    world.despawn(entity);
    if let (Some(owner), false) = (owner, avatar)
        && let Some(count) = world.resource_mut::<Players>().owned.get_mut(&owner)
    {
        *count = count.saturating_sub(1);
    }
}
