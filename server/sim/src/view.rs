//! The world as JSON: for the HTTP API and for people. Reads only.

use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_world::components::{Avatar, Name};
use hd1_world::{Catalogue, NetIndex, entity_of};
use serde_json::{Map, Value as Json, json};

use crate::limits::PAGE_ENTITIES_MAX;
use crate::sim::Sim;

/// Which entities to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityQuery {
    /// Those with exactly this Name.
    pub name: Option<String>,
    /// Those that have this component.
    pub component: Option<String>,
    /// How many matches to leave out.
    pub offset: usize,
    /// How many to list; at most [`PAGE_ENTITIES_MAX`].
    pub limit: usize,
}

/// One page of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityPage {
    /// In ascending order of ids: `{"id", "components": {…}}`.
    pub entities: Vec<Json>,
    /// All that match.
    pub total: usize,
}

/// An entity as a path names it: by its number or by its Name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityKey {
    /// By id.
    Id(NetId),
    /// By Name; where several share it, the one with the least id.
    Name(String),
}

impl EntityKey {
    /// Digits are an id, anything else is a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(id) => EntityKey::Id(NetId(id)),
            Err(_) => EntityKey::Name(text.to_owned()),
        }
    }
}

impl Sim {
    /// Lists entities with all their components.
    #[must_use]
    pub fn entities_json(&self, query: &EntityQuery) -> EntityPage {
        let world = self.world();
        let catalogue = world.resource::<Catalogue>();
        let component = query.component.as_deref().map(|name| catalogue.by_name(name).map(|entry| entry.bevy_id));
        let matches = |entity| {
            let named = query.name.as_ref().is_none_or(|name| has_name(world, entity, name));
            let with = component.is_none_or(|id| id.is_some_and(|id| world.entity(entity).contains_id(id)));
            named && with
        };
        let mut page = EntityPage { entities: Vec::new(), total: 0 };
        for (id, entity) in world.resource::<NetIndex>().iter().filter(|(_, entity)| matches(*entity)) {
            if page.total >= query.offset && page.entities.len() < query.limit.min(PAGE_ENTITIES_MAX) {
                page.entities.push(entity_json(world, id, entity));
            }
            page.total += 1;
        }
        page
    }

    /// One entity, by id or name.
    #[must_use]
    pub fn entity_json(&self, key: &EntityKey) -> Option<Json> {
        let id = self.find_entity(key)?;
        Some(entity_json(self.world(), id, entity_of(self.world(), id)?))
    }

    /// The id of an entity, by id or name.
    #[must_use]
    pub fn find_entity(&self, key: &EntityKey) -> Option<NetId> {
        let world = self.world();
        match key {
            EntityKey::Id(id) => entity_of(world, *id).map(|_| *id),
            EntityKey::Name(name) => {
                world.resource::<NetIndex>().iter().find(|(_, entity)| has_name(world, *entity, name)).map(|(id, _)| id)
            }
        }
    }

    /// How many entities there are.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.world().resource::<NetIndex>().len()
    }

    /// The world as a scene file that can be loaded again: without avatars, owners and what remains of lifetimes' ticks.
    #[must_use]
    pub fn scene_json(&self) -> Json {
        crate::export::scene_json(self.world())
    }
}

fn has_name(world: &World, entity: bevy_ecs::entity::Entity, name: &str) -> bool {
    world.get::<Name>(entity).is_some_and(|found| found.text == name)
}

fn entity_json(world: &World, id: NetId, entity: bevy_ecs::entity::Entity) -> Json {
    json!({ "id": id, "components": components_json(world, entity, |_| true) })
}

pub(crate) fn components_json(
    world: &World,
    entity: bevy_ecs::entity::Entity,
    mut keep: impl FnMut(&hd1_world::ComponentEntry) -> bool,
) -> Map<String, Json> {
    let entity = world.entity(entity);
    let entries = world.resource::<Catalogue>().by_ids().filter(|entry| keep(entry));
    entries.filter_map(|entry| Some((entry.schema.name.clone(), entry.schema.to_json(&entry.read(entity)?)))).collect()
}

/// Is it a player's body?
pub(crate) fn is_avatar(world: &World, entity: bevy_ecs::entity::Entity) -> bool {
    world.get::<Avatar>(entity).is_some()
}
