//! Which bevy entity carries which net id: the component, the index and the allocator.
//!
//! bevy's own entity numbers are reused and differ after a snapshot, so nothing outside one process ever sees them.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use bevy_ecs::component::Component;
use bevy_ecs::entity::Entity;
use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::{DeferredWorld, World};
use hd1_core::NetId;

use crate::removals::{Removal, Removals};

/// An entity that clients, scenes and snapshots can name. Put there at spawn and never changed.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
#[component(immutable, on_insert = on_insert, on_remove = on_remove)]
#[repr(transparent)]
pub struct Networked(pub NetId);

/// Every [`Networked`] entity by its id, in ascending order; kept by the component's hooks.
#[derive(Resource, Default)]
pub struct NetIndex(BTreeMap<NetId, Entity>);

impl NetIndex {
    /// The entity of an id.
    #[must_use]
    pub fn entity(&self, id: NetId) -> Option<Entity> {
        self.0.get(&id).copied()
    }

    /// Every id and entity, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NetId, Entity)> + '_ {
        self.0.iter().map(|(id, entity)| (*id, *entity))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Gives out net ids from 1; none is given twice in one world.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetIds {
    /// The id that comes next.
    pub next: u32,
}

impl Default for NetIds {
    fn default() -> Self {
        NetIds { next: 1 }
    }
}

/// Spawns an entity with the next net id.
pub fn spawn(world: &mut World) -> (NetId, Entity) {
    let mut ids = world.resource_mut::<NetIds>();
    let id = NetId(ids.next);
    ids.next += 1;
    (id, world.spawn(Networked(id)).id())
}

/// The bevy entity of an id.
#[must_use]
pub fn entity_of(world: &World, id: NetId) -> Option<Entity> {
    world.resource::<NetIndex>().entity(id)
}

fn on_insert(mut world: DeferredWorld, context: HookContext) {
    if let Some(Networked(id)) = world.get::<Networked>(context.entity).copied() {
        world.resource_mut::<NetIndex>().0.insert(id, context.entity);
    }
}

fn on_remove(mut world: DeferredWorld, context: HookContext) {
    if let Some(Networked(id)) = world.get::<Networked>(context.entity).copied() {
        world.resource_mut::<NetIndex>().0.remove(&id);
        world.resource_mut::<Removals>().push(Removal { id, component: None });
    }
}

/// A map by net id with a cheap hash; its order means nothing, so nothing may depend on it.
pub type NetIdMap<V> = HashMap<NetId, V, BuildHasherDefault<NetIdHasher>>;

/// Fibonacci hashing of one 32-bit number.
#[derive(Default)]
pub struct NetIdHasher(u64);

impl Hasher for NetIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }
    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}
